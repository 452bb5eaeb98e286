"""What an augmentation is, and the one that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganworks.schedule import ValueSchedule, check_length, check_value, value_at

AugmentFunction = Callable[[Tensor, torch.Generator], Tensor]
"""From samples (B, ...) and a generator of noise to the same shape, differentiable in the samples."""


class Augment(nn.Module):
    """A differentiable change of what the discriminator sees, drawn anew for every sample.

    It is a module, so that buffers which it registers are state: they are in the checkpoint, equal after a resume, and
    averaged over the ranks after each step.
    """

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        """Return samples of the same shape (B, ...), differentiable in ``x``; all draws come from ``rng``.

        One that tells the discriminator what it did adds channels; `unchanged` then adds them too.
        """
        return x

    def unchanged(self, x: Tensor) -> Tensor:
        """Return samples (B, ...) as the discriminator is shown them where nothing is done to them."""
        return x

    def observe(self, real_logits: Tensor, num_images: int) -> None:
        """Take in what the discriminator says of augmented reals, in each of its updates.

        Args:
            real_logits: one for each sample and critic, (N,), without a graph.
            num_images: real images of all ranks in that update.
        """

    def observe_logits(
        self,
        real_logits: Sequence[Tensor],
        fake_logits: Sequence[Tensor],
        num_images: int,
        is_centred: bool = True,
    ) -> None:
        """Take in what each critic says of augmented reals and fakes; by default the reals' go to `observe`.

        Args:
            real_logits, fake_logits: of each critic, one for each sample, (B,), without a graph.
            num_images: real images of all ranks in that update.
            is_centred: zero is half-way between real and fake, see `AdversarialLoss`.
        """
        self.observe(torch.cat(list(real_logits)), num_images)

    def replaced(self, num: int, rng: torch.Generator) -> Tensor | None:
        """Return which of ``num`` reals a fake replaces in a critic's own updates, (num,) of bool; None for none."""
        return None

    @property
    def scalars(self) -> dict[str, Tensor]:
        """What is logged, by name: numbers on the device of the buffers."""
        return {}


class Counting(Augment):
    """An augmentation that knows how many images there were.

    Attributes:
        images: real images of all ranks so far.
    """

    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("images", torch.tensor(0))
        self._read: dict[str, tuple[Tensor, int, int]] = {}

    def observe(self, real_logits: Tensor, num_images: int) -> None:
        self.count(num_images)

    @torch.no_grad()
    def count(self, num_images: int) -> None:
        """Count so many images more."""
        self._set("images", self._on_host("images") + num_images)

    # Buffers of whole numbers. A device is asked for one only where it alone knows it: after a resume, or where it has
    # computed it.

    def _on_host(self, name: str) -> int:
        """Return the value of a buffer of one number."""
        buffer = getattr(self, name)
        known = self._read.get(name)
        if known is None or known[0] is not buffer or known[1] != buffer._version:
            known = self._read[name] = (buffer, buffer._version, int(buffer))
        return known[2]

    def _set(self, name: str, value: int) -> None:
        buffer = getattr(self, name)
        buffer.fill_(value)
        self._read[name] = (buffer, buffer._version, value)


class Fading(Counting):
    """An augmentation whose strength is a standard deviation that changes with the images.

    Args:
        sigma: from 0 up; a number, or a schedule (`ganworks.schedule`) with a ``num_images`` of its own.

    Raises:
        SettingError: a negative sigma, or a schedule without a length.
    """

    def __init__(self, sigma: float | ValueSchedule) -> None:
        super().__init__()
        check_value("sigma", sigma, 0.0)
        check_length("sigma.num_images", sigma)
        self.schedule = sigma

    @property
    def sigma(self) -> float:
        """The standard deviation now."""
        return value_at(self.schedule, self._on_host("images"))

    @property
    def scalars(self) -> dict[str, Tensor]:
        return {"sigma": torch.as_tensor(self.sigma, dtype=torch.float32, device=self.images.device)}


class Function(Augment):
    """An augmentation without state: a function of samples and random numbers.

    Args:
        function: from samples (B, ...) and a `torch.Generator` to the same shape.
    """

    def __init__(self, function: AugmentFunction) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return self.function(x, rng)


def identity(x: Tensor, rng: torch.Generator) -> Tensor:
    """Return the samples (B, ...) as they are."""
    return x


def as_module(augment: Augment | AugmentFunction) -> Augment:
    """Return an augmentation, or a function that is one, as a module."""
    return augment if isinstance(augment, Augment) else Function(augment)
