"""Samples sorted by class: what a conditional generator was asked for, or what a classifier sees."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ganworks.metric.distance.histogram import shares
from ganworks.picture.population import Population
from ganworks.picture.sheet import Row, block, sheet
from ganworks.sample.sampler import Sampler

MAX_CLASSES = 20  # rows that a person reads; of more classes so many are shown, evenly spread


def conditional_sheet(sampler: Sampler, seed: int = 0, num_columns: int = 10) -> Image.Image:
    """Return the classes of a conditional generator as rows, one latent a column."""
    note = "Rows: the class that the generator was asked for. Columns: one latent each."
    rows = conditional_rows(sampler, seed, num_columns)
    return sheet("Classes", note + left_out(sampler.num_classes), [block(rows)])


def conditional_rows(sampler: Sampler, seed: int, num_columns: int) -> list[Row]:
    """Return a row for each class that is shown, of the same latents."""
    labels = shown_classes(sampler.num_classes)
    inputs = sampler.inputs(num_columns, seed)
    inputs = {name: rows.repeat(len(labels), *[1] * (rows.dim() - 1)) for name, rows in inputs.items()}
    inputs["label"] = labels.repeat_interleave(num_columns).to(sampler.device)
    images = torch.cat(list(sampler.batches(inputs))).cpu().split(num_columns)
    return [Row(row, f"class {label}") for label, row in zip(labels.tolist(), images, strict=True)]


def classified_sheet(
    fake: Tensor,
    fake_classes: Tensor,
    real_classes: Tensor | None = None,
    num_columns: int = 10,
    classified_by: str = Population.classified_by,
) -> Image.Image:
    """Return fakes (N, C, H, W) in the rows of their classes (N,), the first of each.

    Args:
        classified_by: words for what the class of a sample is.
        real_classes: the classes of the reals (M,), to hold the shares against.
    """
    of_reals = "" if real_classes is None else ", and of all real images"
    note = (
        f"Rows: the class {classified_by}, with the share of all samples in it"
        f"{of_reals}. A short or empty row is a class that the generator misses."
    )
    num_classes = 1 + int(
        max(fake_classes.max(), fake_classes.max() if real_classes is None else real_classes.max())
    )
    rows = classified_rows(fake, fake_classes, real_classes, num_classes, num_columns)
    return sheet("Samples by class", note + left_out(num_classes), [block(rows)])


def classified_rows(
    fake: Tensor, fake_classes: Tensor, real_classes: Tensor | None, num_classes: int, num_columns: int
) -> list[Row]:
    """Return a row for each class that is shown, with its shares."""
    kinds = {"fake": shares(fake_classes, num_classes)}
    if real_classes is not None:
        kinds["real"] = shares(real_classes, num_classes)
    return [
        Row(
            fake[fake_classes == label][:num_columns],
            f"class {label}:  " + ", ".join(f"{share[label]:.1%} {kind}" for kind, share in kinds.items()),
        )
        for label in shown_classes(num_classes).tolist()
    ]


def shown_classes(num_classes: int) -> Tensor:
    """Return all classes, or `MAX_CLASSES` of them, evenly spread.

    >>> shown_classes(3).tolist(), shown_classes(1000)[:3].tolist()
    ([0, 1, 2], [0, 50, 100])
    """
    num = min(num_classes, MAX_CLASSES)
    return torch.arange(num) * num_classes // num


def left_out(num_classes: int) -> str:
    """Return what to say where not all classes are shown."""
    return f" {MAX_CLASSES} of {num_classes:,} classes are shown." if num_classes > MAX_CLASSES else ""
