"""Samples sorted by class: what a conditional generator was asked for, or what a classifier sees."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from ganworks.metric.histogram import shares
from ganworks.picture.sheet import Row, block, sheet
from ganworks.sampler import Sampler

MAX_CLASSES = 20  # rows that a person reads; of more classes so many are shown, evenly spread


def conditional_sheet(sampler: Sampler, seed: int = 0, num_columns: int = 10) -> Image.Image:
    """Return the classes of a conditional generator as rows, one latent a column."""
    num_classes = sampler.generator.num_classes
    shown = shown_classes(num_classes)
    latent = sampler.draw_latent(num_columns, seed).repeat(len(shown), 1)
    labels = shown.repeat_interleave(num_columns).to(sampler.device)
    images = torch.cat(list(sampler.batches(latent, labels))).cpu().unflatten(0, (len(shown), num_columns))
    rows = [Row(row, f"class {label}") for label, row in zip(shown.tolist(), images, strict=True)]
    note = "Rows: the class that the generator was asked for. Columns: one latent each." + left_out(
        num_classes
    )
    return sheet("Classes", note, [block(rows)])


def classified_sheet(
    fake: Tensor, fake_classes: Tensor, real_classes: Tensor | None = None, num_columns: int = 10
) -> Image.Image:
    """Return fakes (N, C, H, W) in the rows of the classes (N,) that a classifier sees in them, the first of each.

    Args:
        real_classes: the classes of the reals (M,), to hold the shares against.
    """
    parts = [fake_classes] if real_classes is None else [fake_classes, real_classes]
    num_classes = int(torch.cat(parts).max()) + 1
    columns = [(shares(part, num_classes), name) for part, name in zip(parts, ("fake", "real"), strict=False)]
    rows = []
    for label in shown_classes(num_classes).tolist():
        words = ", ".join(f"{share[label]:.1%} {name}" for share, name in columns)
        rows.append(Row(fake[fake_classes == label][:num_columns], f"class {label}:  {words}"))
    note = (
        "Rows: the class that the metric's classifier sees in a sample, with the share of all samples in it"
        + (", and of all real images" if real_classes is not None else "")
        + ". A short or empty row is a class that the generator misses."
        + left_out(num_classes)
    )
    return sheet("Samples by predicted class", note, [block(rows)])


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
