"""A translator that bends the image and touches it up: what is drawn stays what it is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from ganworks.errors import SettingError, check_count, check_range
from ganworks.model.resnet_translator import NEAR_ONE
from ganworks.model.translator import Translator

FINER = 4  # the image is bent at so many times its size
SLOPE = 0.2


class BendingTranslator(Translator):
    """An image moved along a smooth field that a network reads from it, then every pixel redrawn from those around it.

    fake(p) = tanh(local(moved)(p) + atanh(.97 moved(p))), moved(p) = source(p + bend tanh(field(p))): a spatial
    transformer (Jaderberg et al. 2015, https://arxiv.org/abs/1506.02025) whose field has ``num_cells`` x ``num_cells``
    values, interpolated bicubically. Nothing is moved or redrawn at first: it begins as .97 of the source, softened by
    the way to ``FINER`` times the size and back (by .09 a pixel of printed 8x8 digits, on the mean). For two domains
    that draw the same shapes in another hand: a critic without labels cannot make it draw another shape, as it can a
    `ResnetTranslator`.

    Args:
        shape: (C, H, W) of a translation in training; other sizes are translated too, with a field as coarse.
        width: channels of the network that reads the field; twice as many at half the size.
        bend: how far a cell of the field moves at most, in pixels of ``shape``, along each axis. Between cells of
            opposite signs bicubic interpolation overshoots: a pixel moves at most 1.5 times as far with 3x3 cells,
            less than twice as far with more.
        num_cells: of the field along each axis.
        local_width: channels of the network that redraws the pixels.
        reach: pixels around each from which it is redrawn: 2 looks at 5x5.

    Raises:
        SettingError: a count or a number that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 32,
        bend: float = 2.0,
        num_cells: int = 3,
        local_width: int = 16,
        reach: int = 2,
    ) -> None:
        super().__init__(shape, source_channels=None, num_levels=1)
        channels, width = self.shape[0], check_count("width", width)
        self.bend, self.num_cells = check_range("bend", bend, 0.0), check_count("num_cells", num_cells)
        if check_count("reach", reach) < 2:
            raise SettingError("reach", reach, "an integer from 2 up")
        self.field = nn.Sequential(
            *(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(SLOPE)),
            *(nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(SLOPE)),
            *(nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.LeakyReLU(SLOPE)),
            nn.AdaptiveAvgPool2d(4),
            *(nn.Flatten(), nn.Linear(2 * width * 16, 4 * width), nn.LeakyReLU(SLOPE)),
            nn.Linear(4 * width, 2 * self.num_cells**2),
        )
        sizes = [channels, *[check_count("local_width", local_width)] * (reach - 1)]
        inner = [
            layer
            for num_in, num_out in itertools.pairwise(sizes)
            for layer in (nn.Conv2d(num_in, num_out, 3, padding=1), nn.LeakyReLU(SLOPE))
        ]
        self.local = nn.Sequential(
            *inner,
            *(nn.Conv2d(local_width, local_width, 1), nn.LeakyReLU(SLOPE)),
            nn.Conv2d(local_width, channels, 3, padding=1),
        )
        for last in (self.field[-1], self.local[-1]):  # nothing moves, nothing is redrawn
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def translate(self, source: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        moved = self.moved(source)
        return torch.tanh(self.local(moved) + torch.atanh(NEAR_ONE * moved.clamp(-1, 1)))

    def moved(self, source: Tensor) -> Tensor:
        """Return sources (B, C, H, W) moved along their fields."""
        num, channels, height, width = source.shape
        # In the coordinates of `grid_sample` an image is 2 wide; the size is that of training, so that the bend is too.
        step = source.new_tensor([2 / self.shape[2], 2 / self.shape[1]])[:, None, None]
        cells = torch.tanh(self.field(source)).view(num, 2, self.num_cells, self.num_cells)
        size = (FINER * height, FINER * width)
        shift = interpolate(self.bend * step * cells, size, mode="bicubic", align_corners=True)
        still = torch.eye(2, 3, dtype=source.dtype, device=source.device).expand(num, 2, 3)
        places = affine_grid(still, [num, channels, *size], align_corners=False) + shift.movedim(1, -1)
        finer = interpolate(source, size, mode="bicubic", align_corners=False)
        return avg_pool2d(grid_sample(finer, places, padding_mode="border", align_corners=False), FINER)
