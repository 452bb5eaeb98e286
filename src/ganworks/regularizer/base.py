"""What every regularizer offers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.schedule import check_value

WeightSchedule = Callable[[float], float]
"""From a progress in [0, 1] to a weight: a `ganworks.schedule.ValueSchedule`, or any function."""


class HasNetwork(Protocol):
    """What a critic is to a regularizer: `ganworks.task.Critic`, a dataclass whose copies have another view."""

    @property
    def network(self) -> nn.Module: ...


AnyCritic = TypeVar("AnyCritic", bound=HasNetwork)


class Regularizer(nn.Module):
    """A constraint on a player: a `penalty` in its loss, or a `project` of its weights.

    It is a module, so that buffers which it registers are state: they are in the checkpoint, equal after a resume, and
    averaged over the ranks after each step in which it acted.

    Args:
        weight: factor of the penalty, above 0, or a schedule of it (`ganworks.schedule`), from 0 up.
        every: act in every so many updates of the player, with the weight scaled by as much
            (lazy regularization, Karras et al. 2020 (StyleGAN2), appendix B).

    Attributes:
        player: the role in whose updates it acts, "generator" or "discriminator".
        per_sample: the penalty needs the discriminator's gradient sample by sample. Batch norm mixes the
            samples of a batch, so that a discriminator with batch norm has no such gradient.
        shares: "real" or "fake" where the penalty may be taken of the loss's own logits of these samples
            (`task.share_forward`), by `shared_penalty`; "" where it needs a pass of its own.
        reads_fakes: the penalty reads the batch's fakes. False spares a generator's penalty with samples of its own
            the pass that makes them, in a step of its own (`task.lazy_step`).
        differentiates_twice: the penalty is made of a gradient; it calls the discriminator uncompiled.
        compares: `generator_term` reads what the critic says of the reals, which costs a pass of the discriminator
            unless the loss needs it too.
        generator_weight: factor of `generator_term`, or a schedule of it.

    Raises:
        SettingError: ``weight`` is not above 0, or ``every`` is no count.
    """

    player: ClassVar[str] = "discriminator"
    shares: ClassVar[str] = ""
    reads_fakes: ClassVar[bool] = True
    per_sample: ClassVar[bool] = False
    differentiates_twice: ClassVar[bool] = True
    compares: ClassVar[bool] = False
    generator_weight: float | WeightSchedule = 1.0

    def __init__(self, weight: float | WeightSchedule = 1.0, every: int = 1) -> None:
        super().__init__()
        check_weight(weight)
        self.weight, self.every = weight, check_count("every", every)

    @property
    def is_penalty(self) -> bool:
        """Whether it adds a term to the loss, which then has a weight."""
        return type(self).penalty is not Regularizer.penalty

    def is_due(self, step: int) -> bool:
        """Return whether the regularizer acts in this update of its player, counted from 0."""
        return step % self.every == 0

    def factor(self, progress: float) -> float:
        """Return what the step multiplies the penalty with: the weight at ``progress``, times ``every``.

        Args:
            progress: of the run, or of the weight's own ``num_images`` (`ganworks.schedule.progress_of`).
        """
        return weight_at(self.weight, progress) * self.every

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor | None:
        """Return the penalty of a batch, a scalar without its weight, or None.

        Args:
            network: of a discriminator, samples (B, *shape) -> logits (B, ...), uncompiled, which may be
                differentiated twice, with the same draws in each call, see `ganworks.task.critic.CriticCall`; of the
                generator, the player itself.
            batch: ``real``, ``fake``, ``label`` and the batch's other fields, the noise under its names among them. For
                a discriminator the fakes have no graph; unless the penalty takes a step of its own (`task.lazy_step`)
                ``real_logits``, ``fake_logits`` and, where there are labels, ``real_label`` and ``fake_label`` are
                there, and what else its network returned, such as ``real_features``. For the generator the fakes have
                their graph.
            rng: the penalty's own random numbers.
        """
        return None

    def shared_penalty(self, sample: Tensor, logits: Tensor) -> Tensor:
        """Return the penalty as `penalty` does, of the loss's own pass; for classes with `shares`.

        Args:
            sample: (B, *shape), what went in, with a gradient.
            logits: (B, ...), what came out.
        """
        raise NotImplementedError

    def generator_term(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        """Return what a frozen critic's words on the fakes teach the generator, a scalar without its weight, or None.

        It acts in each update of the generator, whatever `every` says of the discriminator's penalty.

        Args:
            batch: as for `penalty` of a generator, with what the critic said of the fakes: ``fake_logits``, perhaps
                ``fake_label`` and others, and of the reals where the class `compares`.
        """
        return None

    def through(self, fake: Tensor) -> Tensor:
        """Return the fakes (B, *shape) as the critics see them in the generator's update, equal in value.

        A regularizer of the generator that changes the gradient which comes back overrides it.
        """
        return fake

    def equip(self, critic: AnyCritic) -> AnyCritic:
        """Return the critic that a regularizer of the discriminator makes of another one, by its view perhaps."""
        self.prepare(critic.network)
        return critic

    def prepare(self, network: nn.Module) -> None:
        """Change the discriminator's network before anything is made of it; called once, when the task is made."""

    def project(self, network: nn.Module) -> None:
        """Map the player's weights back to the allowed set; called after each of its updates."""

    def extra_repr(self) -> str:
        return f"weight={self.weight}, every={self.every}"


def weight_at(weight: float | WeightSchedule, progress: float) -> float:
    """Return a weight, or the value of its schedule at ``progress`` in [0, 1]."""
    return weight(progress) if callable(weight) else weight


def check_weight(weight: float | WeightSchedule) -> None:
    """Raise `SettingError` unless ``weight`` is above 0 or a schedule of weights from 0 up."""
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not callable(weight) and not (is_number and 0 < weight < math.inf):
        raise SettingError("weight", weight, "a number above 0 (regularizer=none does without)")
    check_value("weight", weight, 0.0)
