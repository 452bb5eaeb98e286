"""One look at a training step from outside: everything it computes is thrown away, the run goes on as without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from ganworks.doctor import signals
from ganworks.doctor.derived import LABEL_MATCHES
from ganworks.noise import keyed_rng
from ganworks.regularizer import GradientRegularizer, squared_gradient_norm
from ganworks.task import AdversarialTask

Signals = dict[str, float]


class Probe:
    """Watch one batch: made before it, told of the gradients in it, asked for its signals after it.

    Networks are looked at in eval mode, so that no running statistic and no power iteration moves, with draws
    keyed apart from those of the training. Sharded networks, which one process cannot call, are not looked at.

    Args:
        task: what is trained.
        num_samples: samples that the networks are looked at with, at most.
    """

    def __init__(self, task: AdversarialTask, num_samples: int = 64) -> None:
        self.task, self.num_samples = task, num_samples
        self.step, self.progress = task.num_steps, task.progress
        self.is_sharded = any(hasattr(parameter, "to_local") for parameter in task.parameters())
        roles = () if self.is_sharded else task.roles
        self.before = {role: [p.detach().clone() for p in getattr(task, role).parameters()] for role in roles}
        self.gradient_norms: dict[str, Tensor] = {}

    def note_gradients(self, role: str, optimizer: Optimizer) -> None:
        """Keep the norm of the gradients that ``optimizer`` is about to apply, before they are clipped."""
        if self.is_sharded:
            return
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        self.gradient_norms[role] = get_total_norm(gradients)

    def signals(self) -> Signals:
        """Return the signals of the step; what is not known in it is NaN. The one wait for the device."""
        found = self._updates()
        if self.task.outputs:
            with torch.autocast(self.task.device.type, enabled=False):
                found |= self._logits() | self._samples()
                found |= {} if self.is_sharded else self._critic() | self._generator()
        values = torch.stack(
            [torch.as_tensor(v, device=self.task.device).float() for v in found.values()]
        ).tolist()
        return dict(zip(found, values, strict=True))

    def _updates(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for role in self.task.roles:
            found[f"{role}_gradient_norm"] = self.gradient_norms.get(role, math.nan)
            after = [p.detach() for p in getattr(self.task, role).parameters()]
            ratio = math.nan if self.is_sharded else signals.update_ratio(self.before[role], after)
            found[f"{role}_update_ratio"] = ratio
        generator, discriminator = (found[f"{role}_gradient_norm"] for role in ("generator", "discriminator"))
        return found | {"gradient_ratio": generator / (discriminator + 1e-30)}

    def _logits(self) -> dict[str, Any]:
        real, fake = self.task.outputs["real_logits"], self.task.outputs["fake_logits"]
        of_discriminator, of_generator = signals.slopes(self.task.loss, real, fake)
        found = {"auc": signals.auc(real, fake), "discriminator_slope": of_discriminator}
        found |= {"generator_slope": of_generator}
        return found if self.task.loss.relativistic else found | {"real_sign": signals.sign_mean(real)}

    def _samples(self) -> dict[str, Any]:
        real, fake, label = self._some("real"), self._some("fake"), self._label()
        pairs, fake_pairs = signals.pair_distances(real), signals.pair_distances(fake)
        across = torch.cdist(real.flatten(1).float(), fake.flatten(1).float())
        found = {
            "diversity": signals.diversity(pairs, fake_pairs),
            "nearest_ratio": signals.nearest_ratio(pairs, fake_pairs),
            "energy_distance": signals.energy_distance(pairs, fake_pairs, across),
            "real_low": real.min(),
            "real_high": real.max(),
            "fake_low": fake.min(),
            "fake_high": fake.max(),
        }
        if label is not None and self.task.discriminator.num_classes > 1:
            matches = signals.label_matches(pairs, label)
            found |= dict(zip(LABEL_MATCHES, matches, strict=True))
        return found

    def _critic(self) -> dict[str, Any]:
        task, real, fake, label = self.task, self._some("real"), self._some("fake"), self._label()
        found: dict[str, Any] = {}
        if (
            next(task.discriminator.parameters()).element_size() < 4
        ):  # gradients of samples are taken in float32, which such weights do not have
            return found
        with looked_at(task.discriminator):
            critic = partial(task.discriminator.forward, label=label)
            points = self._between(real, fake)
            found["critic_gradient_norm"] = squared_gradient_norm(critic, points).detach().sqrt().mean()
            found["discriminator_spectral_norm"] = signals.spectral_norm(task.discriminator)
            found |= self._penalties(critic, real, fake)
            if label is not None and task.discriminator.num_classes > 1:
                found["label_auc"] = self._label_auc(real, label)
        return found | {"penalised_batch_norm": float(has_penalised_batch_norm(task))}

    def _between(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return a point (B, ...) on the line between each pair of samples."""
        share = torch.rand(len(real), generator=self._rng("critic"), device=real.device).to(real)
        return torch.lerp(fake, real, share.view(-1, *[1] * (real.dim() - 1)))

    def _penalties(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> dict[str, Any]:
        """Return the penalties' share of the discriminator's loss, each at what it costs in the mean of the steps."""
        task, outputs = self.task, self.task.outputs
        costs = []
        for name, regularizer in task.regularizers.items():
            if isinstance(regularizer, GradientRegularizer):
                weighted = regularizer.at(self.progress)
                penalty = weighted.penalty(critic, real, fake, self._rng(name))
                if penalty is not None:
                    costs.append(penalty.detach() / regularizer.every)
        if not costs:
            return {}
        adversarial = task.loss.discriminator(outputs["real_logits"], outputs["fake_logits"]).abs()
        return {"penalty_share": sum(costs) / (sum(costs) + adversarial)}

    @torch.no_grad()
    def _label_auc(self, real: Tensor, label: Tensor) -> Tensor:
        """Return how well the discriminator tells a real sample with its label from one with another label."""
        num = self.task.discriminator.num_classes
        shift = torch.randint(1, num, label.shape, generator=self._rng("label"), device=label.device)
        right, wrong = (self.task.discriminator.forward(real, y) for y in (label, (label + shift) % num))
        return (right > wrong).float().mean() + 0.5 * (right == wrong).float().mean()

    @torch.no_grad()
    def _generator(self) -> dict[str, Any]:
        generator, label = self.task.generator, self._label()
        latent = generator.draw_latent(len(self._some("real")), self._rng("latent")).to(self.task.dtype)
        with looked_at(generator):
            with signals.DeadUnits() as units:
                generator.forward(latent, label)
            norm = signals.spectral_norm(generator)
        return {"dead_units": units.share, "generator_spectral_norm": norm}

    def _some(self, name: str) -> Tensor:
        samples = self.task.outputs[name][: self.num_samples]
        return samples.to(self.task.outputs["real"].dtype)

    def _label(self) -> Tensor | None:
        label = self.task.outputs.get("label")
        return None if label is None else label[: self.num_samples]

    def _rng(self, stream: str) -> torch.Generator:
        return keyed_rng(self.task.seed, "doctor", stream, self.step, device=self.task.device)


def has_penalised_batch_norm(task: AdversarialTask) -> bool:
    """Say whether a penalty takes the gradient of single samples through a batch norm, which mixes them."""
    has_batch_norm = any(isinstance(layer, _BatchNorm) for layer in task.discriminator.modules())
    return has_batch_norm and any(regularizer.per_sample for regularizer in task.regularizers.values())


@contextmanager
def looked_at(network: nn.Module) -> Iterator[None]:
    """Put ``network`` into eval mode inside, and every layer back into its own mode; draws leave no trace."""
    modes = [(layer, layer.training) for layer in network.modules()]
    network.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for layer, mode in modes:
            layer.training = mode
