"""What every adversarial loss offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from ganworks.errors import SettingError

Said = Mapping[str, Tensor]
"""What a critic said of samples: ``logits`` (B, ...), their ``label`` where they have one, perhaps more."""


class AdversarialLoss(ABC):
    """The two objectives of an adversarial game, as functions of logits of shape (B, ...), both to be minimised.

    They take the mean over all logits that they are given: a discriminator that judges patches is trained on each of
    them, as in Isola et al. 2017, section 3.2.2 (https://arxiv.org/abs/1611.07004). A loss that needs more than logits
    overrides `discriminator_of` and `generator_of`, which the step calls. One with state is a `torch.nn.Module` too:
    its buffers are in the checkpoint, and it follows the training in `observe`.

    Attributes:
        relativistic: `generator` needs the real logits too; otherwise the step does not compute them and passes None.
        cross_entropy: a logit is the log odds of being real.
        lipschitz: the discriminator must be kept Lipschitz, with gradients of norm 1 or less.
        saturating: the generator's gradient vanishes while the discriminator wins.
        balanced: it keeps the discriminator from telling fakes from reals better than it wants to.
    """

    relativistic: ClassVar[bool] = False
    cross_entropy: ClassVar[bool] = False
    lipschitz: ClassVar[bool] = False
    saturating: ClassVar[bool] = False
    balanced: ClassVar[bool] = False

    @property
    def centred(self) -> bool:
        """Whether a logit of 0 is half-way between real and fake, so that its sign says for which it is held."""
        return not self.relativistic

    @abstractmethod
    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return the discriminator's loss, a scalar."""

    @abstractmethod
    def generator(self, fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
        """Return the generator's loss, a scalar."""

    def observe(self, real: Said, fake: Said) -> None:  # noqa: B027  # most have no state
        """Take in what a critic said in an update of the discriminator, after its loss: for a loss with state."""

    @property
    def scalars(self) -> dict[str, Tensor]:
        """What a loss with state logs, by name: numbers on the device of its buffers."""
        return {}

    def discriminator_of(self, real: Said, fake: Said) -> Tensor:
        """Return the discriminator's loss of all that a critic said of reals and fakes, a scalar."""
        return self.discriminator(real["logits"], fake["logits"])

    def generator_of(self, fake: Said, real: Said | None = None) -> Tensor:
        """Return the generator's loss of all that a critic said of fakes, and of reals if it is relativistic."""
        return self.generator(fake["logits"], None if real is None else real["logits"])


class OfLogits:
    """A loss of a class that is no `AdversarialLoss`, with functions of logits alone, as the step asks it.

    Args:
        loss: with `discriminator`, `generator` and `relativistic`.
    """

    discriminator_of = AdversarialLoss.discriminator_of
    generator_of = AdversarialLoss.generator_of

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def __getattr__(self, name: str) -> Any:
        if name == "loss":  # of one that is being copied
            raise AttributeError(name)
        return getattr(self.loss, name)

    def __str__(self) -> str:
        return str(self.loss)


def per_sample(logits: Tensor) -> Tensor:
    """Return one logit a sample, (B,): the mean over patches and heads of logits (B, ...).

    >>> import torch
    >>> per_sample(torch.tensor([[[1.0, 3.0]], [[0.0, 0.0]]]))
    tensor([2., 0.])
    """
    return logits if logits.dim() == 1 else logits.flatten(1).mean(1)


def check_rows(setting: str, value: str, said: Tensor, num: int) -> None:
    """Raise `SettingError` unless a critic said a row for each of ``num`` samples, as their labels ask for."""
    if len(said) != num:
        words = (
            f"left out: its critic says {len(said)} things of {num} samples, as one of packs or frames does"
        )
        raise SettingError(setting, value, words)


def check_margin(margin: float) -> float:
    """Return the margin of a loss; raise `SettingError` unless it is above 0."""
    if not margin > 0:
        raise SettingError("margin", margin, "a number above 0")
    return margin
