"""A critic: one network of the discriminator, what it sees of a batch, and what it is trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_range
from ganworks.loss import AdversarialLoss
from ganworks.model.base import num_classes_of
from ganworks.model.layer.minibatch_std import MinibatchStd
from ganworks.regularizer import Regularizer
from ganworks.task.view import View


@dataclass(frozen=True)
class Critic:
    """A network, and the view of the batch that it judges.

    Args:
        network: from what the view shows, and labels if it is conditional, to logits (B, ...) or a dict with
            ``logits``.
        view: of the samples; None shows them as they are.
        weight: factor of its adversarial terms, from 0 up.
        real, fake: the fields of a batch that it tells apart.
        real_label, fake_label: the fields of their labels.
        loss: None for that of the task.
        regularizers: its own, under their names; None for those of the task.
        name: of the critic among the discriminator's; "" where it is the only one.
    """

    network: nn.Module
    view: View | None = None
    weight: float = 1.0
    real: str = "real"
    fake: str = "fake"
    real_label: str = "label"
    fake_label: str = "label"
    loss: AdversarialLoss | None = None
    regularizers: Mapping[str, Regularizer] | None = None
    name: str = field(default="")

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0)

    @property
    def objective(self) -> AdversarialLoss:
        """The loss of a critic that a task has equipped."""
        assert self.loss is not None
        return self.loss

    @property
    def penalties(self) -> Mapping[str, Regularizer]:
        """The regularizers of a critic that a task has equipped."""
        return self.regularizers or {}

    @property
    def together(self) -> int:
        """Samples behind each of its logits: 1 but for packs."""
        return self.view.together if self.view is not None else 1

    @property
    def unit(self) -> int:
        """Samples that it judges as one: packs, and the groups of a minibatch deviation; a batch has whole ones."""
        layers = (layer for layer in self.network.modules() if isinstance(layer, MinibatchStd))
        return self.together * math.lcm(1, *(layer.group_size for layer in layers))

    @property
    def prefix(self) -> str:
        """What stands before the names of its terms and draws."""
        return f"{self.name}/" if self.name else ""

    def named(self, name: str) -> Critic:
        """Return this critic under ``name``."""
        return replace(self, name=name)


class Judge(Protocol):
    """What a `CriticCall` asks of a task."""

    is_augmenting: bool
    generator: nn.Module

    def produce(self, generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]: ...

    def augmented(self, sample: Tensor, stream: str) -> Tensor: ...

    def discriminate(
        self,
        critic: Critic,
        sample: Tensor,
        batch: dict[str, Tensor],
        label: str,
        stream: str,
        network: Callable[..., Any] | None = None,
    ) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class CriticCall:
    """A critic as a penalty calls it, samples -> logits (B, ...), with the same draws in each call of a step.

    Args:
        task: that the critic belongs to.
        critic: which one.
        batch: the other fields of the samples.
        stream: keys the draws of augmentation and view.
        uncompiled: call the network's own code: compiled code cannot be differentiated twice.
        label: the field of the batch with the samples' labels; None for that of the critic's reals.
    """

    task: Judge
    critic: Critic
    batch: dict[str, Tensor]
    stream: str
    uncompiled: bool = True
    label: str | None = None

    def __call__(self, sample: Tensor) -> Tensor:
        return self.said(sample)["logits"]

    @property
    def network(self) -> nn.Module:
        """The critic's network, for penalties on its weights."""
        return self.critic.network

    @property
    def unit(self) -> int:
        """Samples that the critic judges as one."""
        return self.critic.unit

    def said(self, sample: Tensor) -> dict[str, Tensor]:
        """Return what the critic says of samples (B, *shape), those of the batch or its first ones."""
        # `_call_impl` is what a call does without the compiled code; not `forward`, which leaves the hooks of a
        # sharded network out.
        network = self.critic.network._call_impl if self.uncompiled else self.critic.network
        num, batch = len(sample), self.batch
        if num < len(next(iter(batch.values()))):
            batch = {name: rows[:num] for name, rows in batch.items()}
        label = self.critic.real_label if self.label is None else self.label
        return self.task.discriminate(self.critic, sample, batch, label, self.stream, network)

    def of(self, side: str) -> CriticCall:
        """Return a call with the draws and the labels of the loss's own pass of one side, "real" or "fake"."""
        field = self.critic.real_label if side == "real" else self.critic.fake_label
        label = self.batch.get(f"{side}_label", self.batch.get(field))
        batch = self.batch if label is None else {**self.batch, self.critic.real_label: label}
        return replace(self, stream=side, batch=batch)

    def beside(self, change: Callable[[Tensor], Tensor]) -> CriticCall:
        """Return a call with the fields that the view reads beside a sample changed by a function of (B, *shape)."""
        view = self.critic.view
        changed = {name: change(self.batch[name]) for name in (view.fields if view is not None else ())}
        return replace(self, batch={**self.batch, **changed})

    @torch.no_grad()
    def produce(self, noise: Mapping[str, Tensor]) -> Tensor:
        """Return what the generator makes of other noise (by name) under the batch's conditions, without a graph."""
        made = self.task.produce(self.task.generator, {**self.batch, **noise})
        return made[self.critic.fake]

    def augmented(self, sample: Tensor) -> Tensor:
        """Return samples (B, *shape) changed as the critic sees them in each of these calls."""
        return (
            self.task.augmented(sample, self.critic.prefix + self.stream)
            if self.task.is_augmenting
            else sample
        )


def critics_of(discriminator: nn.Module | Critic | Mapping[str, nn.Module | Critic]) -> list[Critic]:
    """Return the critics of a discriminator: a network, a critic, or several of them by name."""
    if isinstance(discriminator, Mapping):
        if not discriminator:
            raise SettingError("discriminator", "{}", "a network, or several by name")
        return [as_critic(part).named(name) for name, part in discriminator.items()]
    return [as_critic(discriminator)]


def as_critic(part: nn.Module | Critic) -> Critic:
    """Return a critic; a network alone judges the samples as they are."""
    return part if isinstance(part, Critic) else Critic(part)


def logits_of(said: Tensor | Mapping[str, Tensor]) -> Tensor:
    """Return the logits (B, ...) among what a critic's network returned, in float32 at least."""
    logits = said if isinstance(said, Tensor) else said["logits"]
    # The losses compute in the type of the logits, and half precision is not enough for a mean.
    return logits.float() if logits.dtype.itemsize < 4 else logits


def with_fakes(
    critic: Critic, batch: Mapping[str, Tensor], shown: Mapping[str, Tensor], chosen: Tensor
) -> dict[str, Tensor]:
    """Return the batch with fakes of ``shown`` in the place of the ``chosen`` reals, without their graphs.

    Labels, and the fields that the view reads beside a sample, come with their fake. Where the critic is told neither,
    the fake is that of the row before: a relativistic loss would compare a row's own with itself.

    Args:
        chosen: (B,) of bool.
    """
    beside = critic.view.fields if critic.view is not None else ()
    shift = 0 if beside or num_classes_of(critic.network) else critic.together
    fields = {
        critic.real: critic.fake,
        critic.real_label: critic.fake_label,
        **{name: name for name in beside},
    }
    mixed = dict(batch)
    for name, of_fake in fields.items():
        if name in batch and of_fake in shown:
            fake = shown[of_fake].detach().roll(shift, 0).to(batch[name].dtype)
            rows = chosen.to(fake.device).view(-1, *[1] * (fake.dim() - 1))
            mixed[name] = fake.where(rows, batch[name])
    return mixed
