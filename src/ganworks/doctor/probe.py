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
from ganworks.loss import per_sample
from ganworks.model.base import num_classes_of
from ganworks.model.layer.equalized import EqualizedLinear
from ganworks.noise import keyed_rng
from ganworks.regularizer import ClassHead, ClassRegularizer, GradientRegularizer, squared_gradient_norm
from ganworks.schedule import progress_of
from ganworks.task import AdversarialTask, Critic, Look
from ganworks.task.player import eager
from ganworks.task.said import said_of_side

Signals = dict[str, float]
MAX_CLASSES = 20  # that a conditional critic is asked about one by one, a pass each


class Probe:
    """Watch one batch: made before it, told of the gradients in it, asked for its signals after it.

    Networks are looked at in eval mode, so that no running statistic and no power iteration moves, with draws
    keyed apart from those of the training. Sharded networks, which one process cannot call, are not looked at.
    Where there are several critics, the signals of each carry its name behind an @.

    Args:
        task: what is trained.
        num_samples: samples that the networks are looked at with, at most.
    """

    def __init__(self, task: AdversarialTask, num_samples: int = 64) -> None:
        self.task, self.num_samples = task, num_samples
        self.step, self.images_seen = task.num_steps, task.images_seen
        self.is_sharded = any(hasattr(parameter, "to_local") for parameter in task.parameters())
        players = {} if self.is_sharded else task.players
        self.before = {role: [w.clone() for w in weights_of(player)] for role, player in players.items()}
        self.gradient_norms: dict[str, Tensor] = {}
        task.is_watched, task.looks, task.watcher = True, [], self.note_gradients

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
        task, found = self.task, self._updates()
        task.is_watched, task.watcher = False, None
        with torch.autocast(task.device.type, enabled=False):
            for look in task.looks:
                suffix = f"@{look.critic.name}" if look.critic.name else ""
                found |= {name + suffix: value for name, value in self._of_critic(look).items()}
            found |= {} if self.is_sharded or not task.looks else self._generator()
        values = torch.stack(
            [torch.as_tensor(v, device=task.device).float() for v in found.values()]
        ).tolist()
        return dict(zip(found, values, strict=True))

    def _updates(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for role, player in self.task.players.items():
            found[f"{role}_gradient_norm"] = self.gradient_norms.get(role, math.nan)
            is_known = role in self.before
            ratio = signals.update_ratio(self.before[role], weights_of(player)) if is_known else math.nan
            found[f"{role}_update_ratio"] = ratio
        generator, discriminator = (found[f"{role}_gradient_norm"] for role in ("generator", "discriminator"))
        return found | {"gradient_ratio": generator / (discriminator + 1e-30)}

    def _of_critic(self, look: Look) -> dict[str, Any]:
        found = {**self._logits(look), **self._samples(look)}
        found |= {} if self.is_sharded else self._critic(look)
        return found | self._classes(look)

    def _logits(self, look: Look) -> dict[str, Any]:
        loss, logits = look.critic.objective, (look.batch["real_logits"], look.batch["fake_logits"])
        of_discriminator, of_generator = signals.slopes(loss, *logits)
        real, fake = map(per_sample, logits)
        found = {"auc": signals.auc(real, fake), "discriminator_slope": of_discriminator}
        found |= {"generator_slope": of_generator}
        return found if loss.relativistic else found | {"real_sign": signals.sign_mean(real)}

    def _classes(self, look: Look) -> dict[str, Any]:
        """Return how often the critic's class head, where it has one, names the class of a real sample."""
        label = look.batch.get("real_label")
        for each in look.critic.penalties.values():
            if isinstance(each, ClassRegularizer | ClassHead) and label is not None and is_class(label):
                class_logits = each.class_logits(look.batch[f"real_{each.head}"])
                return {"class_accuracy": signals.class_accuracy(class_logits, label)}
        return {}

    def _samples(self, look: Look) -> dict[str, Any]:
        real, fake, label = self._some(look, "real"), self._some(look, "fake"), self._label(look)
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
        if label is not None and is_class(label) and num_classes_of(look.critic.network) > 1:
            matches = signals.label_matches(pairs, label)
            found |= dict(zip(LABEL_MATCHES, matches, strict=True))
        return found

    def _critic(self, look: Look) -> dict[str, Any]:
        network, real, fake, label = (
            look.critic.network,
            self._some(look, "real"),
            self._some(look, "fake"),
            self._label(look),
        )
        found: dict[str, Any] = {}
        if next(network.parameters()).element_size() < 4:
            return found  # gradients of samples are taken in float32, which such weights do not have
        with looked_at(network):
            logits = partial(self._logits_of, look)
            points = self._between(real, fake)
            norms = squared_gradient_norm(partial(logits, label=label), points).detach().sqrt()
            found["critic_gradient_norm"] = norms.mean()
            found["discriminator_spectral_norm"] = signals.spectral_norm(network)
            found |= self._penalties(look, partial(logits, label=label), real, fake)
            if label is not None and is_class(label) and num_classes_of(network) > 1:
                found["label_auc"] = self._label_auc(look, real, label)
                if num_classes_of(network) <= MAX_CLASSES:
                    found["class_accuracy"] = self._class_accuracy(look, real, label)
        return found | {"penalised_batch_norm": float(has_penalised_batch_norm(look.critic))}

    def _logits_of(self, look: Look, sample: Tensor, label: Tensor | None = None) -> Tensor:
        """Return logits (B, ...) of some samples; their other fields are those of the same rows."""
        rows = {name: values[: len(sample)] for name, values in look.batch.items()}
        return self.task.look(look.critic, rows, sample, label)

    def _between(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return a point (B, ...) on the line between each pair of samples."""
        share = torch.rand(len(real), generator=self._rng("critic"), device=real.device).to(real)
        return torch.lerp(fake, real, share.view(-1, *[1] * (real.dim() - 1)))

    def _penalties(
        self, look: Look, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor
    ) -> dict[str, Any]:
        """Return the penalties' share of the discriminator's loss, each at what it costs in the mean of the steps."""
        batch, costs = {**look.batch, "real": real, "fake": fake}, []
        for name, regularizer in look.critic.penalties.items():
            if isinstance(regularizer, GradientRegularizer):
                penalty = regularizer.penalty(critic, batch, self._rng(name))
                progress = progress_of(regularizer.weight, self.images_seen, self.task.num_images)
                costs.append(regularizer.factor(progress) * penalty.detach() / regularizer.every)
        if not costs:
            return {}
        loss = look.critic.objective.discriminator_of(
            said_of_side("real", batch), said_of_side("fake", batch)
        )
        return {"penalty_share": sum(costs) / (sum(costs) + loss.abs())}

    @torch.no_grad()
    def _label_auc(self, look: Look, real: Tensor, label: Tensor) -> Tensor:
        """Return how well the discriminator tells a real sample with its label from one with another label."""
        num = num_classes_of(look.critic.network)
        shift = torch.randint(1, num, label.shape, generator=self._rng("label"), device=label.device)
        right, wrong = (per_sample(self._logits_of(look, real, y)) for y in (label, (label + shift) % num))
        return (right > wrong).float().mean() + 0.5 * (right == wrong).float().mean()

    @torch.no_grad()
    def _class_accuracy(self, look: Look, real: Tensor, label: Tensor) -> Tensor:
        """Return how often the discriminator holds a real sample for real most with its own label.

        Xia et al. 2025 (UCD, https://arxiv.org/abs/2510.00624): 1 at the game's equilibrium of separate classes.
        """
        num = num_classes_of(look.critic.network)
        some = real[: self.num_samples // 2]
        classes = [torch.full((len(some),), y, device=label.device) for y in range(num)]
        logits = [per_sample(self._logits_of(look, some, y)) for y in classes]
        return signals.class_accuracy(torch.stack(logits, 1), label[: len(some)])

    @torch.no_grad()
    def _generator(self) -> dict[str, Any]:
        task, look = self.task, self.task.looks[0]
        rows = {name: values[: self.num_samples] for name, values in look.batch.items()}
        noise = task.draw_noise(len(rows["real"]), self._rng)
        with looked_at(task.generator):
            with signals.DeadUnits() as units, eager(task.generator):
                task.produce(task.generator, {**rows, **noise})
            norm = signals.spectral_norm(task.generator)
        return {"dead_units": units.share, "generator_spectral_norm": norm}

    def _some(self, look: Look, name: str) -> Tensor:
        samples = look.batch[name][: self._num(look)]
        return samples.to(look.batch["real"].dtype)

    def _label(self, look: Look) -> Tensor | None:
        label = look.batch.get(look.critic.real_label)
        return None if label is None else label[: self._num(look)]

    def _num(self, look: Look) -> int:
        """Return how many samples are looked at: whole packs and groups, where there are as many."""
        num, unit = min(self.num_samples, len(look.batch["real"])), look.critic.unit
        return num - num % unit or num

    def _rng(self, stream: str) -> torch.Generator:
        return keyed_rng(self.task.seed, "doctor", stream, self.step, device=self.task.device)


def weights_of(player: nn.Module) -> list[Tensor]:
    """Return a player's weights in the size that its layers use them in.

    A layer with a multiplier m of the learning rate keeps w / m (`EqualizedLinear`; .01 in a mapping network): as they
    are kept, such weights would outweigh all others of the network a hundred times.
    """
    layers = (layer for layer in player.modules() if isinstance(layer, EqualizedLinear))
    scale = {id(p): layer.bias_gain for layer in layers for p in layer.parameters(recurse=False)}
    return [p.detach() * scale[id(p)] if id(p) in scale else p.detach() for p in player.parameters()]


def is_class(label: Tensor) -> bool:
    """Say whether labels are classes (B,), not vectors."""
    return not label.is_floating_point()


def has_penalised_batch_norm(critic: Critic) -> bool:
    """Say whether a penalty takes the gradient of single samples through a batch norm, which mixes them."""
    has_batch_norm = any(isinstance(layer, _BatchNorm) for layer in critic.network.modules())
    return has_batch_norm and any(regularizer.per_sample for regularizer in critic.penalties.values())


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
