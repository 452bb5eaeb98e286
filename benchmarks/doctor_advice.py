"""Does the doctor's advice help? Sick runs are trained again with what was advised, as a user would.

    python benchmarks/doctor_advice.py [--runs FOLDER] [--draws zoo fashion open held_out] [--recorded FOLDER]

Settings come from the kinds of `doctor_zoo.py` (zoo) and `doctor_fashion.py` (fashion) that settings alone made sick,
and from draws at random: loss, penalty, norm, rates, momentum and critic steps, each on its own, on digits. A run that
is sick, by its outcome as in `doctor_report.py`, is trained again with the first piece of advice that it gets added to
its settings, and so on, up to three times; advice that was followed already is passed over for the next. The figure is
fd_digits, fd_fashion, or the reverse KL of mixtures. The draws `open` were at hand when the advice was written, those
`held_out` were not. FOLDER keeps runs; those that `doctor.py` has kept in the second one are taken for the first of
each kind.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from doctor_report import WELL, ZOOS, is_healthy, observations, setup_of
from doctor_zoo import DIGITS, Kind
from rich.console import Console
from rich.table import Table

from doctor import Outcome, file_of, train
from ganworks.callback.summary import without_nan
from ganworks.doctor import Diagnosis
from ganworks.run.log import quieten

ROUNDS = 3
ZOO_OF = {"zoo": "digits", "fashion": "fashion"}
DRAWS = {"open": range(30), "held_out": range(60, 100)}
PARTS = {
    "loss": ["bce", "hinge", "lsgan", "minimax", "relativistic", "wgan_gp", "r3gan"],
    "regularizer": ["none", "r1", "r1_r2", "gradient_penalty", "dragan"],
    "model.discriminator.norm": ["none", "spectral"],
    "task.n_critic": [1, 2],
    "momentum": [0.0, 0.5, 0.9],
}


@dataclasses.dataclass
class Round:
    """A run: what was added to the settings for it, what its figure is, whether it is well."""

    said: str
    advice: str
    figure: float
    is_well: bool


def drawn(number: int) -> tuple[str, ...]:
    """Return the overrides of a draw: rates of 1e-5 to .1 and weights of .01 to 1,000, uniform in their logarithm."""
    rng = random.Random(f"doctor's advice {number}")
    part = {name: rng.choice(values) for name, values in PARTS.items()}
    lr = {role: 10 ** rng.uniform(-5, -1) for role in ("generator", "discriminator")}
    weight, penalty = 10 ** rng.uniform(-2, 3), part["regularizer"]
    momentum = part.pop("momentum")
    names = {"none": (), "r1_r2": ("r1", "r2")}.get(penalty, (penalty,))
    return (
        *DIGITS,
        *(f"{name}={value}" for name, value in part.items()),
        *(f"regularizer.{name}.weight={weight:.2g}" for name in names),
        *(f"optimizer.{role}.lr={rate:.2g}" for role, rate in lr.items()),
        *(f"optimizer.{role}.betas.0={momentum}" for role in lr),
    )


def cases(draws: str) -> dict[str, Kind]:
    """Return the settings of a part of the benchmark."""
    if draws in ZOO_OF:
        kinds = ZOOS[ZOO_OF[draws]].items()
        return {name: kind for name, kind in kinds if kind.is_sick and kind.change is None and not kind.half}
    return {f"draw {number}": Kind(drawn(number)) for number in DRAWS[draws]}


class Ward:
    """Trains runs, or takes them from the folder that keeps them."""

    def __init__(self, folder: Path, recorded: Path | None) -> None:
        self.folder, self.recorded, self.outcome = folder, recorded, Outcome()

    def first(self, name: str, kind: Kind) -> dict[str, Any]:
        """Return a run with the settings as they are."""
        known = None if self.recorded is None else file_of(self.recorded, name, 0)
        if known is not None and known.exists():
            return json.loads(known.read_text(encoding="utf-8"))
        return self.run(kind, [])

    def run(self, kind: Kind, extra: list[str]) -> dict[str, Any]:
        overrides = tuple(added(kind.overrides, extra))
        path = self.folder / f"{hashlib.sha256(' '.join(overrides).encode()).hexdigest()[:16]}.json"
        if not path.exists():
            changed = dataclasses.replace(kind, overrides=overrides)
            found = {"kind": None, "overrides": overrides, **without_nan(train(changed, 0, self.outcome))}
            path.write_text(json.dumps(found), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    def rounds(self, name: str, kind: Kind) -> list[Round]:
        """Follow the advice that a run gets until it is well."""
        run = self.first(name, kind)
        found, extra, followed = [Round("", "", figure(run), is_healthy(run))], [], set()
        while not found[-1].is_well and len(found) <= ROUNDS:
            pieces = [(e.rule, piece) for e in episodes(run) for piece in e.advice.split(" or ")]
            said, piece = next(((n, p) for n, p in pieces if p and p not in followed), ("", ""))
            if not piece:
                break
            followed.add(piece)
            extra = added(extra, piece.split())
            run = self.run(kind, extra)
            found.append(Round(said, piece, figure(run), is_healthy(run)))
        return found


def added(overrides: Iterable[str], extra: list[str]) -> list[str]:
    """Return overrides with others behind them, without the settings of penalties that these replace."""
    is_replaced = any(override.startswith("regularizer=") for override in extra)
    kept = [override for override in overrides if not (is_replaced and override.startswith("regularizer."))]
    return [*kept, *extra]


def episodes(run: dict[str, Any]) -> list[Any]:
    """Return what the doctor says of a run, in the order in which it says it."""
    diagnosis = Diagnosis(setup_of(run), run["num_images"])
    for images_seen, signals in observations(run):
        diagnosis.observe(images_seen, signals)
    return diagnosis.episodes


def figure(run: dict[str, Any]) -> float:
    """Return what a run is judged by; infinite if it diverged."""
    found = run["outcome"]
    if run["diverged_at"] is not None or not found["finite"]:
        return math.inf
    return next(found[name] for name in ("reverse_kl", *WELL) if name in found)


def treat(title: str, only: str, ward: Ward, console: Console) -> None:
    """Follow the advice in all runs of a part and print what came of it."""
    table = Table(title=f"{title}: sick runs, then with what was advised", title_justify="left")
    for column in ("settings", "figure", "1st", "2nd", "3rd", "advice"):
        table.add_column(
            column, justify="left" if column in ("settings", "advice") else "right", overflow="fold"
        )
    healed, silent, num, num_sick = [0] * (ROUNDS + 1), 0, 0, 0
    for name, kind in cases(title).items():
        if only not in name:
            continue
        rounds = ward.rounds(name, kind)
        num += 1
        if rounds[0].is_well:
            continue
        num_sick += 1
        silent += len(rounds) == 1
        for after in range(len(rounds) - 1, ROUNDS + 1) if rounds[-1].is_well else ():
            healed[after] += 1
        shown = [f"{r.figure:.3g}{' well' if r.is_well else ''}" for r in rounds]
        said = "; ".join(f"{r.said}: {r.advice}" for r in rounds[1:])
        console.print(f"{name}: {', '.join(shown)}. {said}", highlight=False)
        table.add_row(name, *[*shown, *[""] * ROUNDS][: ROUNDS + 1], said)
    console.print(table)
    well = ", ".join(f"{healed[after]} after {after}" for after in range(1, ROUNDS + 1))
    console.print(
        f"{title}: {num_sick} of {num} are sick; well after following the advice: {well}; without advice: {silent}",
        highlight=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/doctor_advice"))
    parser.add_argument("--draws", nargs="+", default=["zoo", *DRAWS], choices=[*ZOO_OF, *DRAWS])
    parser.add_argument("--recorded", type=Path, help="runs of doctor.py")
    parser.add_argument("--only", default="", help="the settings with these words in their name")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    arguments.runs.mkdir(parents=True, exist_ok=True)
    ward, console = Ward(arguments.runs, arguments.recorded), Console(width=140)
    for draws in arguments.draws:
        treat(draws, arguments.only, ward, console)


if __name__ == "__main__":
    main()
