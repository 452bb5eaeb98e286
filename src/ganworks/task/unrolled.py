"""Unrolled GANs: the generator answers the discriminator that would come of it some updates further on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer

from ganworks.errors import check_count
from ganworks.model.layer.precision import full_precision
from ganworks.model.layer.token_attention import twice_differentiable
from ganworks.optimizer import build
from ganworks.optimizer.ahead import StepsAhead
from ganworks.task.adversarial import AdversarialTask
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic


class UnrolledTask(AdversarialTask):
    """The generator minimises its loss at theta_K, the discriminator K updates on: theta_k+1 = theta_k - step(dL_D).

    Metz et al. 2017, equations 5 to 7 (https://arxiv.org/abs/1611.02163): a generator that puts all its samples in one
    place sees that the discriminator will have learned of it. The updates are those of the discriminator's own
    optimizer, with its learning rate and its state, on the batch at hand, in float32; they descend the adversarial
    terms alone, without penalties. The discriminator itself, its buffers and its optimizer stay as they are. Each
    process, and each part of a batch (`accumulate`), looks ahead by itself.

    Args:
        num_unroll: K, from 0 up; 0 is `AdversarialTask`.
        through_updates: the generator's gradient passes through the updates, as in the paper; else theta_K is a
            constant of its loss.
        kwargs: see `AdversarialTask`.

    Raises:
        SettingError: ``num_unroll`` is no count; in `check`, an optimizer that is none of SGD, Adam and AdamW.
    """

    can_be_sharded: ClassVar[bool] = False

    def __init__(self, num_unroll: int = 5, through_updates: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_unroll = check_count("num_unroll", num_unroll, at_least=0)
        self.through_updates = through_updates

    def generator_terms(self, batch: Batch) -> Terms:
        if self.num_unroll == 0:
            return super().generator_terms(batch)
        self.fakes(batch, with_graph=True)
        with self.judged_by(self.critics_ahead(batch)):
            return super().generator_terms(batch)

    def critics_ahead(self, batch: Batch) -> list[Critic]:
        """Return the critics as they would be `num_unroll` updates further on."""
        networks = {critic.prefix: Ahead(critic.network) for critic in self.critics}
        critics = [replace(critic, network=networks[critic.prefix]) for critic in self.critics]
        optimizer = self.discriminator_optimizer()
        steps = {at: StepsAhead(optimizer, ahead.parameters_by_name) for at, ahead in networks.items()}
        for step in range(self.num_unroll):
            loss = self.loss_ahead(critics, batch, f"unrolled/{step}")
            moving = {(at, name): networks[at].values[name] for at in networks for name in steps[at].groups}
            found = torch.autograd.grad(
                loss, list(moving.values()), create_graph=self.through_updates, allow_unused=True
            )
            for at, ahead in networks.items():
                own = {key[1]: each for key, each in zip(moving, found, strict=True) if key[0] == at}
                ahead.move(steps[at].step(ahead.values, own), self.through_updates)
        for ahead in networks.values():
            ahead.finish(self.through_updates)
        return critics

    def loss_ahead(self, critics: list[Critic], batch: Batch, stream: str) -> Tensor:
        """Return the sum of the adversarial terms that ``critics`` descend in an update ahead."""
        losses = []
        for critic in critics:
            # A loss with state keeps what it has learned of the updates that are made.
            loss = (
                copy.deepcopy(critic.objective)
                if isinstance(critic.objective, nn.Module)
                else critic.objective
            )
            given = self.given(critic, batch, batch) if self.is_augmenting else batch
            real, fake = given[critic.real], batch[critic.fake]
            fake = (fake if self.through_updates else fake.detach()).to(real.dtype)
            with torch.autocast(real.device.type, enabled=False), full_precision(), twice_differentiable():
                of_real = self.discriminate(critic, real, given, critic.real_label, f"{stream}/real")
                of_fake = self.discriminate(critic, fake, batch, critic.fake_label, f"{stream}/fake")
                losses.append(critic.weight * loss.discriminator_of(of_real, of_fake))
        return torch.stack(losses).sum()

    @contextmanager
    def judged_by(self, critics: list[Critic]) -> Iterator[None]:
        """Let ``critics`` judge inside."""
        before, self.critics = self.critics, critics
        try:
            yield
        finally:
            self.critics = before

    def discriminator_optimizer(self) -> Optimizer:
        """Return the discriminator's optimizer; before the training a new one."""
        role = "discriminator"
        if self._trainer is not None and self.trainer.optimizers:
            return self.trainer.optimizers[self.roles.index(role)]
        return build(self.optimizer_factories[role], self.discriminator)


class Ahead(nn.Module):
    """A network with other values in the place of its parameters and buffers, called uncompiled.

    Args:
        network: stays as it is.

    Attributes:
        values: parameters and copies of the buffers by name.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.uncompiled = Uncompiled(network)
        for name in ("num_classes", "shape"):
            if hasattr(network, name):
                setattr(self, name, getattr(network, name))
        self.parameters_by_name = dict(self.uncompiled.named_parameters())
        self.values: dict[str, Tensor] = {
            **{
                name: p.detach().requires_grad_(p.requires_grad)
                for name, p in self.parameters_by_name.items()
            },
            **{name: buffer.clone() for name, buffer in self.uncompiled.named_buffers()},
        }

    def forward(self, *arguments: Any) -> Any:
        return functional_call(self.uncompiled, self.values, arguments)

    def move(self, values: dict[str, Tensor], with_graph: bool) -> None:
        """Take other values; without their graph they begin one of their own."""
        moved = self.parameters_by_name.keys()
        self.values = {
            name: value.detach().requires_grad_(value.requires_grad)
            if name in moved and not with_graph
            else value
            for name, value in values.items()
        }

    def finish(self, with_graph: bool) -> None:
        """Ask for no gradient of the values that would go nowhere."""
        if not with_graph:
            self.values = {name: value.detach() for name, value in self.values.items()}


class Uncompiled(nn.Module):
    """A network whose compiled code, which has no second derivative, is passed by."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arguments: Any) -> Any:
        return self.network._call_impl(*arguments)
