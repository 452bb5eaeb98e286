"""A probability that follows how far the discriminator overfits, or a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.distributed as dist
from torch import Tensor

from ganworks.augment.base import Counting
from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.model.layer.norm import gather, is_shared
from ganworks.schedule import ValueSchedule, check_length, check_value, value_at

UNIT = 2**32  # the probability is kept in whole parts of this: no precision of the training rounds it
SIGNALS = ("auto", "sign", "median")


class Adaptive(Counting):
    """An augmentation with a probability p that rises while the discriminator overfits, and falls otherwise.

    r = E[sign(D(real))] since the last look; p <- max(0, p + sign(r - target) * images / adjust_images), Karras et al.
    2020 (ADA), section 3.1 (https://arxiv.org/abs/2006.06676). p has no upper bound. Where a shift of all logits
    changes nothing of the loss, their sign says nothing; r then is E[sign(D(real) - m)], m the median of the logits of
    reals and fakes on all ranks: the same where zero is half-way between them.

    Args:
        probability: p at the start, from 0 up; or a schedule (`ganworks.schedule`) with a ``num_images`` of its own.
        target: of r, from -1 to 1; None leaves p as it is.
        adjust_images: real images in which p moves by 1.
        every: discriminator updates from one look to the next.
        signal: ``sign``, ``median`` or ``auto``, what fits the loss.

    Attributes:
        images: real images of all ranks so far.
        signal: r of the last look.
        highest: bound of ``level``; None where p has none.

    Raises:
        SettingError: a setting that is out of range.
    """

    highest: ClassVar[int | None] = None
    signal: Tensor
    level: Tensor
    num_updates: Tensor
    images_since: Tensor
    signs: Tensor

    def __init__(
        self,
        probability: float | ValueSchedule = 0.0,
        target: float | None = 0.6,
        adjust_images: int = 500_000,
        every: int = 4,
        signal: str = "auto",
    ) -> None:
        super().__init__()
        check_value("probability", probability, 0.0)
        self.schedule = probability if isinstance(probability, ValueSchedule) else None
        if self.schedule is not None and target is not None:
            raise SettingError("target", target, "null where the probability follows a schedule")
        check_length("probability.num_images", self.schedule)
        self.initial = value_at(probability, 0)
        self.target = None if target is None else check_range("target", target, -1.0, 1.0)
        self.adjust_images, self.every = (
            check_count("adjust_images", adjust_images),
            check_count("every", every),
        )
        self.signal_of = check_choice("signal", signal, SIGNALS)
        # Whole numbers, equal on all ranks.
        for name, value in {
            "level": round(self.initial * UNIT),  # p
            "num_updates": 0,  # since the last look, as the rest
            "images_since": 0,
            "signs": [0, 0],  # sum and number
        }.items():
            self.register_buffer(name, torch.tensor(value))
        self.register_buffer("signal", torch.zeros(()))

    @property
    def p(self) -> float:
        """The probability."""
        if self.schedule is not None:
            return value_at(self.schedule, self._on_host("images"))
        return self.initial if self.target is None else self._on_host("level") / UNIT

    @property
    def scalars(self) -> dict[str, Tensor]:
        p = torch.as_tensor(self.p, dtype=torch.float32, device=self.signal.device)
        return {"probability": p} | ({} if self.target is None else {"signal": self.signal.float()})

    def observe(self, real_logits: Tensor, num_images: int) -> None:
        self.observe_logits([real_logits], [], num_images)

    @torch.no_grad()
    def observe_logits(
        self,
        real_logits: Sequence[Tensor],
        fake_logits: Sequence[Tensor],
        num_images: int,
        is_centred: bool = True,
    ) -> None:
        self.count(num_images)
        if self.target is None:
            return
        self.signs += self._signs(real_logits, fake_logits, is_centred)
        self._set("images_since", self._on_host("images_since") + num_images)
        self._set("num_updates", self._on_host("num_updates") + 1)
        if self._on_host("num_updates") >= self.every:
            self._adjust()

    def _signs(self, reals: Sequence[Tensor], fakes: Sequence[Tensor], is_centred: bool) -> Tensor:
        """Return the sum of the signs of all ranks' reals and their number, (2,)."""
        is_relative = self.signal_of == "median" or (self.signal_of == "auto" and not is_centred)
        zeros = (
            [median(of_all_ranks(real), of_all_ranks(fake)) for real, fake in zip(reals, fakes, strict=True)]
            if is_relative and fakes
            else []
        )
        signs = torch.cat([r - zeros[i] if zeros else r for i, r in enumerate(reals)]).sign()
        found = torch.stack([signs.sum().long(), torch.full_like(self.images, len(signs))])
        if is_shared():
            dist.all_reduce(found)
        return found

    def _adjust(self) -> None:
        """Move p by the signs since the last look, and begin anew."""
        assert self.target is not None
        self.signal.copy_(self.signs[0] / self.signs[1])
        step = round(UNIT * self._on_host("images_since") / self.adjust_images)
        self.level += (self.signal - self.target).sign().long() * step
        self.level.clamp_(0, self.highest)
        self.signs.zero_()
        self._set("images_since", 0)
        self._set("num_updates", 0)


def of_all_ranks(logits: Tensor) -> Tensor:
    """Return the logits (B,) of this rank, or those of all, (num_ranks B,), where several train together."""
    return gather(logits).flatten() if is_shared() else logits


def median(real: Tensor, fake: Tensor) -> Tensor:
    """Return the median of the logits of reals and fakes (B,) together, half-way between the middle ones.

    >>> median(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0]))
    tensor(1.5000)
    """
    return torch.cat([real, fake]).quantile(0.5)
