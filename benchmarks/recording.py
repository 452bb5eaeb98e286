"""What the record of a run costs: metrics.csv, checkpoints and W&B, against the same run without them.

    python benchmarks/recording.py [--pairs 5] [--images 72000]

The default recipe is trained for a part of its length in one process, the sides in turns; evaluations and the doctor
run on all of them. `none` logs nothing and keeps no checkpoint; `default` logs every 50 updates to metrics.csv and
checkpoints as `python train.py` does; `wandb` adds W&B offline, whose own process counts. The table shows medians of
seconds and of CPU seconds from the first batch to the last, and the median ratio of each pair.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ganworks.run.build import build_run, build_trainer
from ganworks.run.check import check_config, drop_leftovers
from ganworks.run.compose import compose
from ganworks.run.log import quieten

AS_IN_THE_WHOLE_RUN = [
    f"{name}.every_images=36000" for name in ("callback.checkpoint", "callback.sample_grid", "metric")
]
RECIPE = ["experiment=digits_dcgan", "callback.progress=null", "callback.report=null", *AS_IN_THE_WHOLE_RUN]
SIDES = {
    "none": ["trainer.log_every_n_steps=1000000000", "callback.checkpoint=null"],
    "default": [],
    "wandb": ["logger=wandb", "logger.wandb.offline=true"],
}


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def trained(overrides: list[str], num_images: int) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a run, from the making of its loggers to their end."""
    config = compose([*RECIPE, *overrides])
    config.num_images = num_images
    drop_leftovers(config)
    check_config(config)
    run = build_run(config)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        (Path(folder) / "checkpoints").mkdir()
        wall, cpu = time.perf_counter(), cpu_seconds()
        trainer = build_trainer(config, run, Path(folder), time.time())
        trainer.fit(run.task, run.datamodule)
        if any("wandb" in each for each in overrides):
            import wandb

            wandb.finish()
            wandb.teardown()  # the service ends, so that its time is counted
        return time.perf_counter() - wall, cpu_seconds() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=72_000)
    arguments = parser.parse_args()
    os.environ["WANDB_SILENT"] = "true"
    quieten()
    logging.disable(logging.WARNING)
    costs: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    trained(SIDES["default"], arguments.images // 4)  # warm-up
    for _ in range(arguments.pairs):
        for side, overrides in SIDES.items():
            costs[side].append(trained(overrides, arguments.images))
    table = Table(title=f"the default recipe, {arguments.images:,} images", title_justify="left")
    for column in ("side", "seconds", "CPU seconds", "ratio to none", "by CPU time"):
        table.add_column(column, justify="left" if column == "side" else "right")
    for side, rows in costs.items():
        medians = [statistics.median(row[index] for row in rows) for index in (0, 1)]
        ratios = [
            statistics.median(row[index] / base[index] for row, base in zip(rows, costs["none"], strict=True))
            for index in (0, 1)
        ]
        table.add_row(side, *(f"{value:.2f}" for value in medians), *(f"{ratio:.3f}" for ratio in ratios))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
