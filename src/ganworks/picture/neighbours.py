"""Samples beside the training images that they resemble most: a copy shows at a glance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from ganworks.metric.distance.memorisation import RATIO
from ganworks.metric.distance.pairwise import nearest_few
from ganworks.noise import keyed_rng
from ganworks.picture.sheet import Row, block, sheet

LEVELS = 127.5  # levels of 8 bits in one unit of [-1, 1]


@dataclass(frozen=True)
class Neighbours:
    """The nearest reals of every fake.

    Args:
        distances: (N, K), ascending.
        rows: which reals they are, (N, K).
        ratio: distance to the nearest real over the distance of that real to its own nearest other, (N,).
    """

    distances: Tensor
    rows: Tensor
    ratio: Tensor


def find_neighbours(fake: Tensor, real: Tensor, num: int) -> Neighbours:
    """Return the ``num`` nearest of the reals (M, D) for each fake (N, D), pixels or features.

    The ratio is that of the figure ``memorised``: 0 for a copy, about 1 for an image that was not seen.
    """
    distances, rows = nearest_few(fake, real, num)
    found, place = rows[:, 0].unique(return_inverse=True)
    gaps = nearest_few(real[found], real, 2)[0][:, -1]  # the first is the real itself, or its double
    is_copy = distances[:, 0] == 0
    return Neighbours(distances, rows, torch.where(is_copy, 0.0, distances[:, 0] / gaps[place]))


def neighbour_sheet(
    fake: Tensor,
    real: Tensor,
    points: tuple[Tensor, Tensor] | None = None,
    space: str = "pixels",
    seed: int = 0,
    num_samples: int = 8,
    num_neighbours: int = 5,
) -> Image.Image:
    """Return fakes, each beside its nearest reals: some drawn by the seed, and those most suspicious of all.

    Args:
        fake, real: images (N, C, H, W) and (M, C, H, W) in [-1, 1].
        points: features (N, F) and (M, F) that the distances are measured in; None takes the pixels, and
            gives the distance as the root mean square difference in levels of 0 to 255.
        space: words for what the distances are measured in.
        seed: key of the draw.
        num_samples: rows of each of the two parts.
        num_neighbours: reals in a row.
    """
    unit = LEVELS / math.sqrt(fake[0].numel()) if points is None else 1.0
    found = find_neighbours(*(points or (fake.flatten(1), real.flatten(1))), num_neighbours)
    drawn = torch.randperm(len(fake), generator=keyed_rng(seed, "picture/neighbours"))[:num_samples]
    smallest = found.ratio.argsort(stable=True)[:num_samples]

    columns = ["sample", f"its {found.rows.shape[1]} nearest training images"]
    headings = "Drawn by the seed", f"The smallest ratios of {len(fake):,} samples"
    measure = "root mean square difference, in levels of 0 to 255" if points is None else "Euclidean distance"
    share = float((found.ratio <= RATIO).double().mean())
    return sheet(
        f"Nearest neighbours in {space}",
        f"Below each training image: its {measure}. The ratio is the distance to the nearest training image over the"
        " distance of that image to its own nearest other: 0 is a copy, about 1 is usual. Framed: at most"
        f" {RATIO:g}, as {share:.1%} of {len(fake):,} samples are.",
        [
            block(neighbour_rows(fake, real, found, picked, unit), heading, columns, apart=1)
            for heading, picked in zip(headings, (drawn, smallest), strict=True)
        ],
        columns=2,
    )


def neighbour_rows(fake: Tensor, real: Tensor, found: Neighbours, picked: Tensor, unit: float) -> list[Row]:
    """Return a row for each of the picked fakes: itself and its neighbours, with their distances times ``unit``."""
    return [
        Row(
            torch.cat([fake[index][None], real[found.rows[index]]]),
            captions=[
                f"ratio {found.ratio[index]:.2f}",
                *map(short, (found.distances[index] * unit).tolist()),
            ],
            is_marked=bool(found.ratio[index] < RATIO),
        )
        for index in picked.tolist()
    ]


def short(value: float) -> str:
    """Return a distance in three digits.

    >>> short(0.0), short(0.012345), short(42.0), short(123.4)
    ('0', '0.0123', '42.0', '123')
    """
    return f"{value:#.3g}".rstrip(".") if value else "0"
