"""Which settings are better: those that random search found in 40 trials, or the search's in a third of their images?

    python benchmarks/tuning_again.py [--folder FOLDER] [--repetitions 0 1 2 3 4] [--seeds 5] [--share 0.35]

The best of 40 noisy values is partly luck, which `benchmarks/tuning.py` asks the search to match. What a user takes
home are the settings. So the best of random search, and the best that the search had found when it had trained `share`
of random search's images, are trained again under other seeds; a run that does not end well counts as the worst.
FOLDER is that of `benchmarks/tuning.py`, whose studies are taken as they are; runs that are there are not repeated.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import optuna
import torch
from optuna.trial import FrozenTrial
from rich.console import Console
from rich.table import Table

from ganworks.cli.train import train_here
from ganworks.run.log import quieten
from ganworks.tuning.process import TrainingProcess, is_number
from ganworks.tuning.search import common_overrides, ranked
from ganworks.tuning.settings import Settings
from ganworks.tuning.storage import open_storage, open_study
from tuning import OURS, RANDOM, settings_of

WORST = 300.0  # fd_digits of a generator that has learned nothing


def images_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("images_seen", 0))


def found(study: optuna.Study, limit: float) -> FrozenTrial:
    """Return the best trial among those that had ended when ``limit`` images were trained."""
    ended = sorted((t for t in study.get_trials() if t.datetime_complete), key=lambda t: t.datetime_complete)
    images, seen = 0, []
    for trial in ended:
        images += images_of(trial)
        if images > limit:
            break
        seen.append(trial)
    return ranked(seen, "minimize")[0]


def again(settings: Settings, trial: FrozenTrial, num_seeds: int, folder: Path) -> list[float]:
    """Return what the settings of a trial reach under other seeds."""
    values = []
    for seed in range(10_000, 10_000 + num_seeds):
        name = f"{settings.name}_{trial.number}_{seed}"
        overrides = [*common_overrides(settings), f"seed={seed}", *trial.user_attrs["overrides"]]
        process = TrainingProcess(folder / name, overrides, [], train_here)
        process.start()
        while not process.wait(0.1):
            pass
        rows = process.rows(settings.column)
        is_well = process.summary().get("status") == "finished" and rows and is_number(rows[-1][1])
        values.append(rows[-1][1] if is_well else WORST)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("runs") / "benchmark_tuning")
    parser.add_argument("--repetitions", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.35)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    console, folder = Console(width=130), arguments.folder.absolute()
    table = Table(
        title=f"fd_digits under {arguments.seeds} other seeds, mean and deviation", title_justify="left"
    )
    for column in ("repetition", "random's value", "again", "the search's value", "again", "search / random"):
        table.add_column(column, justify="right")
    ratios = []
    for repetition in arguments.repetitions:
        settings = settings_of(RANDOM, folder, f"random_{repetition}", 1000 + repetition)
        ours = settings_of(OURS, folder, f"search_{repetition}", 2000 + repetition)
        studies = [open_study(side, open_storage(side)) for side in (settings, ours)]
        limit = arguments.share * sum(images_of(trial) for trial in studies[0].get_trials())
        best = found(studies[0], float("inf")), found(studies[1], limit)
        names = (f"random_{repetition}", f"search_{repetition}")
        values = [
            again(settings, trial, arguments.seeds, folder / "again" / name)
            for trial, name in zip(best, names, strict=True)
        ]
        cells, means = [], [statistics.fmean(some) for some in values]
        for trial, some, mean in zip(best, values, means, strict=True):
            cells += [f"{trial.value:.2f}", f"{mean:.2f} ({statistics.stdev(some):.2f})"]
        ratios.append(means[1] / means[0])
        table.add_row(str(repetition), *cells, f"{ratios[-1]:.2f}")
        console.print(repetition, *cells, f"{ratios[-1]:.2f}")
    table.add_section()
    table.add_row("median", "", "", "", "", f"{statistics.median(ratios):.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
