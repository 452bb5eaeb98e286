"""The picture of a model card: drawn from the exported weights, or the run's own where those need real data."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from ganworks.report.record import Record
from ganworks.sample.sampler import Sampler

NUM, NUM_POINTS, MAX_COLUMNS = 64, 2500, 16
SEED = 0


def save_picture(sampler: Sampler, folder: Path, record: Record | None) -> tuple[Sequence[Path], str]:
    """Write the picture of a card to ``folder``; return the files and how they were made; none where none can be.

    A generator that draws all that it needs is drawn from. Of others, whose conditions come from data, the run's
    last picture at or before these weights is taken.
    """
    if {*sampler.conditions} <= {"label"} and sampler.label_kind in ("class", "none"):
        return drawn(sampler, folder)
    return ([], "") if record is None else copied(record, sampler.config.get("images_seen"), folder)


def drawn(sampler: Sampler, folder: Path) -> tuple[Sequence[Path], str]:
    """Draw samples with the seed 0; of classes one a column."""
    kind, num, columns = sampler.kind, NUM, None
    path = folder / f"samples{kind.picture_suffix}"
    if kind.is_cloud:
        return kind.save_picture(
            sampler.sample(NUM_POINTS, SEED), path
        ), f"{NUM_POINTS} samples, seed={SEED}."
    if sampler.num_classes:
        columns = min(sampler.num_classes, MAX_COLUMNS)
        num = max(1, NUM // columns) * columns
        label = torch.arange(num) % columns
        made = sampler.sample(num, SEED, label=label, batch_size=16)
        return kind.save_picture(
            made, path, columns
        ), f"Samples of seed={SEED}, one class a column, not selected."
    made = sampler.sample(num, SEED, batch_size=16)
    return kind.save_picture(made, path, columns), f"{num} samples of seed={SEED}, not selected."


def copied(record: Record, images_seen: object, folder: Path) -> tuple[Sequence[Path], str]:
    """Copy the run's last picture that is not newer than the weights."""
    last = images_seen if isinstance(images_seen, int) else record.images_seen
    grids = [(seen, file) for seen, file in record.grids if seen <= last]
    if not grids:
        return [], ""
    seen, file = grids[-1]
    place = folder / f"samples{file.suffix}"
    shutil.copyfile(file, place)
    return [place], f"The run's own picture after {seen:,} real samples: sources, and what is made of them."
