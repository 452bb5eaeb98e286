"""How many images the search trains until it has what random search finds in 40 trials.

    python benchmarks/tuning.py [--repetitions 0 1 2 3 4] [--folder FOLDER]

Both sides search the space of `tune=digits_lr` (learning rate, ratio of the two rates, beta1, R1 weight) on small
networks, by the workers of `tune.py`, one trial at a time in one process tree. Random search trains 40 trials to
their end. The search enqueues papers' settings (TTUR, DCGAN; not the recipe that was tuned on these digits), proposes
by TPE and ends trials by successive halving; it stops once a trial that was trained to its end is as good as the best
of the 40, or once it has trained half of their images. Each repetition has seeds of its own. A search that FOLDER
holds already is not repeated, one that was cut off goes on.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path

import optuna
import torch
from rich.console import Console
from rich.table import Table

from ganworks.cli.train import train_here
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.tuning.check import checked
from ganworks.tuning.search import ranked
from ganworks.tuning.settings import Settings, read_settings
from ganworks.tuning.storage import open_storage, open_study
from ganworks.tuning.worker import Worker

NUM_RANDOM, LIMIT = 40, 0.5
TRIAL = ["num_images=36_000", "model.width=16", "~callback.report", "callback.sample_grid.every_images=null",
         "callback.checkpoint.every_images=null"]  # fmt: skip
RANDOM = ["sampler=random", "pruner=none", "evaluations=1", "~enqueue", f"num_trials={NUM_RANDOM}"]
OURS = ["~enqueue.recipe", "num_trials=200"]


@dataclass(frozen=True)
class Side:
    """What a search has: its best value, the images it trained and its trials."""

    best: float
    images: int
    trials: int


def settings_of(overrides: list[str], folder: Path, name: str, seed: int) -> Settings:
    """Return the checked settings of one search."""
    own = ["tune=digits_lr", "top_k=0", f"name={name}", f"seed={seed}", f"paths.runs={folder}", *overrides]
    return checked(read_settings(compose(own, "tune"), [*TRIAL, f"paths.runs={folder}"], []))


def side_of(study: optuna.Study) -> Side:
    """Return where a search stands."""
    trials = study.get_trials(deepcopy=False)
    best = ranked(trials, "minimize")
    images = sum(trial.user_attrs.get("images_seen", 0) for trial in trials)
    return Side(best[0].value if best else float("inf"), images, sum(t.state.is_finished() for t in trials))


def search(settings: Settings, target: float = float("-inf"), limit: float = float("inf")) -> Side:
    """Search until ``target`` is reached or ``limit`` images are trained."""
    study = open_study(settings, open_storage(settings))

    def is_over() -> bool:
        side = side_of(study)
        return side.best <= target or side.images >= limit

    if not is_over():
        Worker(settings, train_here, is_over).run()
    return side_of(study)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--folder", type=Path, default=Path("runs") / "benchmark_tuning")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    console, folder = Console(width=120), arguments.folder.absolute()
    table = Table(
        title=f"fd_digits of {NUM_RANDOM} random trials, reached by the search", title_justify="left"
    )
    for column in ("repetition", "random's best", "its images", "search", "trials", "images", "share"):
        table.add_column(column, justify="right")
    shares = []
    for repetition in arguments.repetitions:
        random = search(settings_of(RANDOM, folder, f"random_{repetition}", 1000 + repetition))
        settings = settings_of(OURS, folder, f"search_{repetition}", 2000 + repetition)
        ours = search(settings, random.best, LIMIT * random.images)
        share = ours.images / random.images
        is_reached = ours.best <= random.best
        shares.append(share if is_reached else float("inf"))
        row = [
            f"{random.best:.3f}",
            f"{random.images:,}",
            f"{ours.best:.3f}",
            f"{ours.trials}",
            f"{ours.images:,}",
        ]
        table.add_row(str(repetition), *row, f"{share:.1%}" if is_reached else f"not at {share:.0%}")
        console.print(*row, f"{share:.1%}", is_reached)
    table.add_section()
    table.add_row("mean", *[""] * 5, f"{statistics.fmean(shares):.1%}")
    console.print(table)


if __name__ == "__main__":
    main()
