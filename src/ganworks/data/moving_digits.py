"""The bundled digits in flight: clips of a digit that bounces off the walls, drawn anew every epoch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganworks.data.base import check_shape
from ganworks.data.digits import digits_half
from ganworks.data.samples import TensorSamples
from ganworks.data.video import ClipDataModule, spoiled
from ganworks.errors import SettingError, check_count
from ganworks.noise import keyed_rng

SPEEDS = (-2, -1, 1, 2)  # pixels a frame, in each direction
SIZE = 8  # side of a digit
NOISE = 0.3  # of the baseline line


class MovingDigits(ClipDataModule):
    """A digit of 8x8 in a dark square bounces with a velocity from {-2, -1, 1, 2}^2; the label is the digit.

    After Srivastava et al. 2015 (Moving MNIST), section 3.1 (https://arxiv.org/abs/1502.04681), with one digit at whole
    pixels. Clips for training show the half of scikit-learn's digits that the shipped classifiers were trained on, the
    reference of the metrics the other half.

    Clip i of epoch e is a function of (seed, num_clips, e, i): it shows digit i of its half, time after time, on a path
    that is drawn with those of the whole epoch.

    Args:
        batch_size: clips in a batch of one device.
        frames: of a clip, from 2 up.
        resolution: height and width in pixels, from 9 up.
        shape: what the networks are built for: (1, frames, resolution, resolution), or None.
        num_classes: 10, or 0 to leave the labels out.
        num_clips: clips of an epoch; the metrics measure against as many of the other half.
        seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: ``frames``, ``resolution``, ``shape``, ``num_classes`` or a count that it cannot have.
    """

    name = "moving_digits"
    classes: Sequence[str] = tuple("0123456789")

    def __init__(
        self,
        batch_size: int = 16,
        frames: int = 8,
        resolution: int = 16,
        shape: Sequence[int] | None = None,
        num_classes: int = 10,
        num_clips: int = 3584,
        seed: int = 0,
        min_batches: int = 1,
    ) -> None:
        size = (1, check_count("frames", frames, at_least=2), resolution, resolution)
        check_count("resolution", resolution, at_least=SIZE + 1)
        check_shape(shape, size, "frames and resolution")
        if num_classes not in (0, 10):
            raise SettingError("num_classes", num_classes, "10 (the digits), or 0 to leave the labels out")
        self.num_clips = check_count("num_clips", num_clips)
        super().__init__(size, num_classes, batch_size, seed, min_batches=min_batches)

    def load(self) -> MovingClips:
        """Return the clips for training, which are made when they are read."""
        return MovingClips(*digits_half(train=True), self.shape, self.num_clips, self.seed)

    def load_reference(self) -> TensorSamples:
        """Return as many clips of the other half of the digits, the same for every seed."""
        clips = MovingClips(*digits_half(train=False), self.shape, self.num_clips, "reference")
        return TensorSamples(clips.read(torch.arange(self.num_clips)), clips.labels)

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return ``num`` clips for training in each of three spoiled versions, for lines beside the figures."""
        rows = torch.arange(num) % self.num_clips
        clips = MovingClips(*digits_half(train=True), self.shape, self.num_clips, f"baseline {seed}")
        assert clips.labels is not None
        lines = spoiled(clips.read(rows), NOISE, keyed_rng(seed, "baseline"))
        return {line: {"real": values, "label": clips.labels[rows]} for line, values in lines.items()}


class MovingClips:
    """Clips that are made when they are read: `num` of them in every epoch.

    Args:
        digits: (D, 1, 8, 8) in [-1, 1]; clip i shows number i modulo D.
        labels: (D,) of the digits.
        shape: (1, T, H, W) of a clip.
        num: clips of an epoch.
        seed: key of the paths.
    """

    labels: Tensor | None

    def __init__(
        self, digits: Tensor, labels: Tensor, shape: Sequence[int], num: int, seed: int | str
    ) -> None:
        self.digits, self.shape, self.num, self.seed = digits, tuple(shape), num, seed
        self.labels = labels[torch.arange(num) % len(labels)]
        self._epoch, self._paths = -1, torch.empty(0)

    def __len__(self) -> int:
        return self.num

    def read(self, indices: Tensor) -> Tensor:
        """Return the clips of epoch 0, (B, 1, T, H, W) in [-1, 1]."""
        return self.read_epoch(indices, 0)

    def read_epoch(self, indices: Tensor, epoch: int) -> Tensor:
        """Return the clips of an epoch, (B, 1, T, H, W) in [-1, 1]."""
        if epoch != self._epoch:
            places = self.shape[-1] - SIZE + 1
            rng = keyed_rng(self.seed, "moving digits", epoch)
            self._epoch, self._paths = epoch, paths(self.num, self.shape[1], places, rng)
        return paste(self.digits[indices % len(self.digits)], self._paths[indices], self.shape[-1])


def paths(num: int, num_frames: int, num_places: int, rng: torch.Generator) -> Tensor:
    """Return the row and column of a digit in every frame, int64 (num, T, 2) from 0 to ``num_places`` - 1."""
    return bounced(*starts(num, num_places, rng), num_frames, num_places)


def starts(num: int, num_places: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return first places (num, 2) and numbers of their velocities among `SPEEDS` (num, 2), uniform and independent."""
    return (
        torch.randint(num_places, (num, 2), generator=rng),
        torch.randint(len(SPEEDS), (num, 2), generator=rng),
    )


def bounced(first: Tensor, speed: Tensor, num_frames: int, num_places: int) -> Tensor:
    """Return the places (num, T, 2) on the way from ``first`` with the velocity `SPEEDS` [``speed``], off the walls."""
    last = num_places - 1
    free = first[:, None] + torch.arange(num_frames)[:, None] * torch.tensor(SPEEDS)[speed][:, None]
    folded = free.remainder(2 * last)  # a path between mirrors repeats after twice the way
    return torch.where(folded > last, 2 * last - folded, folded)


def paste(digits: Tensor, places: Tensor, resolution: int) -> Tensor:
    """Return clips (B, 1, T, R, R) of the digits (B, 1, 8, 8) at their ``places`` (B, T, 2) on dark frames (-1)."""
    num, num_frames = places.shape[:2]
    clips = torch.full((num, 1, num_frames, resolution, resolution), -1.0)
    offset = torch.arange(SIZE)
    row, column = places[:, :, :1] + offset, places[:, :, 1:] + offset
    clip, frame = torch.arange(num)[:, None, None, None], torch.arange(num_frames)[:, None, None]
    clips[clip, 0, frame, row[..., None], column[:, :, None]] = digits
    return clips
