"""What `dry_run=true` prints: the networks, the data and the schedule of a run, all of it checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from ganworks.data import GanDataModule
from ganworks.run.build import Run
from ganworks.words import relative_path

NUM_NAMED = 12  # classes in the plan


def labels(data: GanDataModule) -> str:
    """Return what the labels of a data set are, in words."""
    if data.label_kind == "vector":
        return f"labels of {data.num_classes} numbers"
    several = ", several at once" if data.label_kind == "multi" else ""
    return f"{data.num_classes or 'no'} classes{several}" + named(data.classes)


def named(classes: Sequence[str]) -> str:
    """Return the names of classes by their numbers, the first and the last where they are many.

    >>> named(["bird", "cat"])
    ' (0 bird, 1 cat)'
    """
    numbered = [f"{number} {name}" for number, name in enumerate(classes)]
    if len(numbered) > NUM_NAMED:
        numbered = [*numbered[: NUM_NAMED - 1], "...", numbered[-1]]
    return f" ({', '.join(numbered)})" if numbered else ""


def show_plan(
    config: DictConfig, run: Run, run_dir: Path, console: Console, weights: Mapping[str, str]
) -> None:
    """Print the plan of a run that passed all checks.

    Args:
        weights: what the networks start from, by the name of its line; none for initial weights.
    """
    task, data, suite = run.task, run.datamodule, run.suite
    batch = data.batch_size * int(config.trainer.devices if isinstance(config.trainer.devices, int) else 1)
    batch *= int(config.trainer.num_nodes)
    num_batches = -(-task.num_images // batch)
    table = Table(
        title=f"{config.name}: the plan", title_justify="left", title_style="bold", show_header=False
    )
    table.add_column()
    table.add_column(overflow="fold")  # of a long path every letter
    shape = " x ".join(map(str, data.shape))
    for name, text in {
        "data": f"{type(data).__name__}, {len(data.samples):,} samples of {shape}, {labels(data)}",
        **task.describe(),
        **weights,
        "length": f"{task.num_images:,} images in {num_batches:,} batches of {batch},"
        f" {task.num_updates(num_batches):,} generator updates",
        "evaluation": f"{', '.join(suite.better)}, {suite.num_samples:,} samples every {suite.every_images:,} images"
        if suite.better
        else "none",
        "run directory": str(relative_path(run_dir)),
    }.items():
        table.add_row(name, text)
    console.print(table)
    console.print("All checks passed; nothing was trained or written.")
