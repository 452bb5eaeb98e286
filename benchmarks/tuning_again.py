"""Which settings are better: those that random search found in 40 trials, or the search's in a third of their images?

    python benchmarks/tuning_again.py [--folder FOLDER] [--repetitions 0 1 2 3 4] [--seeds 3] [--share 0.35]

The best of 40 noisy values is partly luck, which `benchmarks/tuning.py` asks the search to match. What a user takes
home are the settings. The search's target is one that noise does not decide: a trial's figure is the mean of its last
three evaluations, and its best three trials are trained once more under another seed before one is called best, by the
mean of both runs. All of these images count in `share` of random search's. Its settings and those of the best of random
search are then trained under `seeds` fresh seeds; a run that does not end well counts as the worst. Random search is
that of `benchmarks/tuning.py`: 40 trials to their end, the last figure of each.

A study that FOLDER holds is gone on with, and a run that is there is not repeated. About six CPU minutes a repetition.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass, replace
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
from ganworks.tuning.worker import reached
from tuning import OURS, RANDOM, search, settings_of

WORST = 300.0  # fd_digits of a generator that has learned nothing
MEAN_OF, TOP = 3, 3  # evaluations, trials
AGAIN = (5_000,)  # the seeds that those trials are trained under once more
FRESH = 10_000  # the first seed that no search has seen


@dataclass(frozen=True)
class Side:
    """One search: what it found, and what that reaches under fresh seeds.

    Args:
        value: what the search took the best trial for.
        images: that it trained for it.
        fresh: figures under the fresh seeds.
    """

    value: float
    images: int
    fresh: list[float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.fresh)

    @property
    def cells(self) -> list[str]:
        deviation = statistics.stdev(self.fresh) if len(self.fresh) > 1 else 0.0
        return [f"{self.value:.2f}", f"{self.images:,}", f"{self.mean:.2f} ({deviation:.2f})"]


def images_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("images_seen", 0))


def ended_within(study: optuna.Study, limit: float) -> tuple[list[FrozenTrial], int]:
    """Return the trials that had ended when ``limit`` images were trained, and the images of those."""
    trials = sorted((t for t in study.get_trials() if t.datetime_complete), key=lambda t: t.datetime_complete)
    images, seen = 0, []
    for trial in trials:
        if images + images_of(trial) > limit:
            break
        images += images_of(trial)
        seen.append(trial)
    return seen, images


def best_of(trials: list[FrozenTrial], num: int, name: str) -> list[FrozenTrial]:
    """Return the best trials that ended well; without one the command ends."""
    found = ranked(trials, "minimize")[:num]
    return found or sys.exit(f"error: {name}: no trial has ended well; a larger --share trains more of them")


def trained(settings: Settings, trial: FrozenTrial, seed: int, folder: Path) -> float:
    """Return what the settings of a trial reach under a seed, as its search measures it."""
    overrides = [*common_overrides(settings), f"seed={seed}", *trial.user_attrs["overrides"]]
    process = TrainingProcess(folder / f"{settings.name}_{trial.number}_{seed}", overrides, [], train_here)
    process.start()
    while not process.wait(0.1):
        pass
    rows = process.rows(settings.column)
    is_well = process.summary().get("status") == "finished" and rows and is_number(rows[-1][1])
    return reached(rows, settings.objective_mean_of) if is_well else WORST


def random_side(repetition: int, seeds: range, folder: Path) -> Side:
    """Return random search's best of 40, by the last figure of each."""
    settings = settings_of(RANDOM, folder, f"random_{repetition}", 1000 + repetition)
    search(settings)
    study = open_study(settings, open_storage(settings))
    (best,), images = best_of(study.get_trials(), 1, settings.name), sum(map(images_of, study.get_trials()))
    fresh = [trained(settings, best, seed, folder / "again") for seed in seeds]
    return Side(best.value, images, fresh)


def search_side(repetition: int, seeds: range, folder: Path, limit: float) -> Side:
    """Return what the search found in ``limit`` images, those of the runs under other seeds among them."""
    own = [*OURS, f"objective_mean_of={MEAN_OF}"]
    settings = settings_of(own, folder, f"search_mean_{repetition}", 2000 + repetition)
    spared = TOP * len(AGAIN) * settings.num_images
    search(settings, limit=limit - spared)
    study = open_study(settings, open_storage(settings))
    ended, images = ended_within(study, limit - spared)
    best = {
        statistics.fmean([t.value, *(trained(settings, t, seed, folder / "again") for seed in AGAIN)]): t
        for t in best_of(ended, TOP, settings.name)
    }
    value = min(best)
    last = replace(settings, objective_mean_of=1)  # as random search's settings are measured
    fresh = [trained(last, best[value], seed, folder / "again") for seed in seeds]
    return Side(value, images + spared, fresh)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=Path("runs") / "benchmark_tuning")
    parser.add_argument("--repetitions", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.35)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    console, folder = Console(width=140), arguments.folder.absolute()
    seeds = range(FRESH, FRESH + arguments.seeds)
    title = f"fd_digits under {arguments.seeds} fresh seeds, mean and deviation"
    table = Table(title=title, title_justify="left")
    sides = ("random's value", "images", "fresh", "the search's value", "images", "fresh")
    for column in ("repetition", *sides, "search / random"):
        table.add_column(column, justify="right")
    ratios = []
    for repetition in arguments.repetitions:
        random = random_side(repetition, seeds, folder)
        ours = search_side(repetition, seeds, folder, arguments.share * random.images)
        ratios.append(ours.mean / random.mean)
        cells = [str(repetition), *random.cells, *ours.cells, f"{ratios[-1]:.2f}"]
        table.add_row(*cells)
        console.print(*cells)
    table.add_section()
    table.add_row("median", *[""] * 6, f"{statistics.median(ratios):.2f}")
    console.print(table)
    console.print(f"at least as good in {sum(ratio <= 1 for ratio in ratios)} of {len(ratios)}")


if __name__ == "__main__":
    main()
