"""What `benchmarks/doctor.py` prints: outcomes of the kinds, precision and recall of the rules, time to detection."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterator
from typing import Any

import doctor_fashion
import doctor_zoo
from doctor_zoo import BLOWN, LOST
from rich.console import Console
from rich.table import Table

from ganworks.doctor import RULES, Diagnosis, Setup
from ganworks.doctor.derived import blindness, overfit, steepness

Run = dict[str, Any]
ZOOS = {"digits": doctor_zoo.KINDS, "fashion": doctor_fashion.KINDS}
KINDS = doctor_zoo.KINDS | doctor_fashion.KINDS
SETUP = {field.name for field in dataclasses.fields(Setup)}
OPEN, HELD_OUT = range(4), range(4, 8)  # seeds that thresholds are set on, seeds for the figures

# By its figure: the most that a run that is well may have, the least coverage as a share of real data's, and the least
# share of samples of the class that was asked for.
WELL = {
    "fd_digits": ("fd_digits", 60.0, 0.07, 0.7),
    "fd_fashion": ("fd_fashion", 100.0, 0.02, 0.3),
}


def is_healthy(run: Run) -> bool:
    """Say by its outcome whether a run is well.

    These runs are short, so well means: on its way. Digits: fd_digits below 60 (an untrained generator has 200 and
    more) and a fourteenth of the coverage that unseen digits have, no more copies than unseen digits by .15, and a
    conditional one draws what it is asked for in 70 % of the cases. Fashion-MNIST, whose runs come less far in their
    minutes: an fd_fashion below 100 (untrained: 195), a fiftieth of the coverage, 30 % of the cases. Mixtures: nine in
    ten modes with nearly equal shares (reverse KL below .05), a third of the samples of high quality.
    """
    found = run["outcome"]
    if run["diverged_at"] is not None or not found["finite"]:
        return False
    if "modes" in found:
        has_all = found["modes"] >= 0.9 * found["modes/floor"] and found["reverse_kl"] < 0.05
        return has_all and found["high_quality"] >= 1 / 3
    figure, most, least, right = WELL[next(name for name in WELL if name in found)]
    is_close = found[figure] < most and found["coverage"] >= least * found["coverage/floor"]
    copies = found["memorised"] > found["memorised/floor"] + 0.15
    return is_close and not copies and found.get("right_class", 1.0) >= right


def setup_of(run: Run) -> Setup:
    """Return the setup of a recorded run, of the fields that there still are; its file calls it facts."""
    facts = {name: value for name, value in run["facts"].items() if name in SETUP}
    settings = frozenset(facts.get("settings") or ())
    return Setup(**{**facts, "settings": settings or None})


def observations(run: Run) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield what was seen in a run; what is derived from other signals, as this working copy derives it.

    The speed is left out: it is the machine's, which may have had other work.
    """
    for images_seen, signals in run["observations"]:
        found = {name: math.nan if value is None else value for name, value in signals.items()}
        if "auc" in found:
            found["blindness"] = blindness(found["auc"], found["energy_distance"])
        if "real_sign" in found:
            found["overfit"] = overfit(found["real_sign"], found["auc"])
        if "critic_gradient_norm" in found:
            share = found.get("penalty_share", math.nan)
            found["steepness"] = steepness(found["critic_gradient_norm"], share)
        yield images_seen, {name: value for name, value in found.items() if name != "speed_ratio"}


def judged(run: Run) -> Run:
    """Return ``run`` with what the doctor of this working copy says in it: the share of the run by rule.

    The doctor speaks when a rule has held for its span: the time is that of the message, not of what it dates.
    """
    diagnosis, said = Diagnosis(setup_of(run), run["num_images"]), {}
    for images_seen, signals in observations(run):
        for episode in diagnosis.observe(images_seen, signals):
            said.setdefault(episode.rule, images_seen / run["num_images"])
    if run["diverged_at"] is not None:
        said.setdefault("not-finite", run["diverged_at"] / run["num_images"])
    return {**run, "said": said}


def right_names(run: Run) -> tuple[str, ...]:
    """Return the names that the trouble of a run goes by."""
    return (*KINDS[run["kind"]].expected, *KINDS[run["kind"]].also)


def first_named(run: Run) -> float | None:
    """Return the share of the run after which the first right name of its trouble was said; None if never."""
    return min((run["said"][name] for name in right_names(run) if name in run["said"]), default=None)


def split(runs: list[Run]) -> tuple[list[Run], list[Run], list[Run]]:
    """Return the healthy runs, the sick ones, and those whose outcome contradicts their kind."""
    healthy, sick, odd = [], [], []
    for run in runs:
        place = sick if KINDS[run["kind"]].is_sick else healthy
        (place if is_healthy(run) != KINDS[run["kind"]].is_sick else odd).append(run)
    return healthy, sick, odd


def print_report(runs: list[Run], console: Console) -> None:
    """Print all tables, for the seeds that thresholds were set on and for those that were held out."""
    outcomes(runs, console)
    for title, seeds in (("seeds that thresholds were set on", OPEN), ("held-out seeds", HELD_OUT)):
        half = [run for run in runs if run["seed"] in seeds]
        if half:
            healthy, sick, odd = split(half)
            rules(title, healthy, sick, console)
            overall(title, healthy, sick, odd, console)


def outcomes(runs: list[Run], console: Console) -> None:
    """Print what each kind drew in the end and what was said of it."""
    table = Table(title="runs", title_justify="left")
    for column in ("kind", "seeds", "outcome", "as labelled", "named"):
        table.add_column(column, overflow="fold")
    for kind in dict.fromkeys(run["kind"] for run in runs):
        own = [run for run in runs if run["kind"] == kind]
        names = ["+".join(run["said"]) or "-" for run in own]
        right = sum(is_healthy(run) != KINDS[kind].is_sick for run in own)
        table.add_row(kind, str(len(own)), outcome(own[0]), f"{right} of {len(own)}", "  ".join(names))
    console.print(table)


def outcome(run: Run) -> str:
    """Return the figures of a run that its label rests on."""
    found = run["outcome"]
    if run["diverged_at"] is not None or not found["finite"]:
        return "diverged"
    names = (
        ("modes", "reverse_kl", "high_quality")
        if "modes" in found
        else (*WELL, "coverage", "memorised", "right_class")
    )
    return "  ".join(f"{name} {found[name]:.3g}" for name in names if name in found)


def rules(title: str, healthy: list[Run], sick: list[Run], console: Console) -> None:
    """Print precision and recall of each rule.

    A rule is right where its name is among those that a kind's trouble goes by (`expected`, `also`), wrong anywhere
    else; its recall is over the runs of which it is the only name expected, or one of those.
    """
    table = Table(title=f"rules, {title}", title_justify="left")
    for column in ("rule", "right", "wrong", "precision", "named of expected", "recall"):
        table.add_column(column, justify="left" if column == "rule" else "right")
    for rule in RULES:
        said = [run for run in (*healthy, *sick) if rule.name in run["said"]]
        right = [run for run in said if rule.name in right_names(run)]
        wanted = [run for run in sick if KINDS[run["kind"]].expected == (rule.name,)]
        found = [run for run in wanted if run in said]
        table.add_row(rule.name, str(len(right)), str(len(said) - len(right)), share(len(right), len(said)),
                      f"{len(found)} of {len(wanted)}", share(len(found), len(wanted)))  # fmt: skip
    console.print(table)


def overall(title: str, healthy: list[Run], sick: list[Run], odd: list[Run], console: Console) -> None:
    """Print precision and recall over runs, and how long a trouble went unnamed."""
    named = [run for run in sick if first_named(run) is not None]
    alarmed = [run for run in healthy if run["said"]]
    spoken = sum(len(run["said"]) for run in (*healthy, *sick))
    known = sum(name in right_names(run) for run in sick for name in run["said"])
    precision, recall = share(len(named), len(named) + len(alarmed)), share(len(named), len(sick))
    console.print(
        f"{title}: {len(sick)} sick and {len(healthy)} healthy runs"
        f" ({len(odd)} left out: their outcome contradicts their kind)",
        f"  runs: precision {precision} ({len(alarmed)} healthy ones alarmed), recall {recall}",
        f"  episodes: precision {share(known, spoken)} ({known} of {spoken})",
        sep="\n", highlight=False,
    )  # fmt: skip
    missed = [run for run in sick if run not in named]
    for word, some in {"missed": missed, "alarmed": alarmed, "left out": odd}.items():
        console.print(f"  {word}: {', '.join(map(name_of, some)) or 'none'}", highlight=False)
    if named:
        delays(named, sick, console)


def delays(named: list[Run], sick: list[Run], console: Console) -> None:
    """Print after which share of the run troubles were named, and how many of those that cannot wait were in time."""
    times = {name_of(run): first_named(run) or 0.0 for run in named}
    late = ", ".join(f"{name} {time:.0%}" for name, time in times.items() if time > 0.2) or "none"
    middle = statistics.median(times.values())
    urgent = [run for run in sick if {*KINDS[run["kind"]].expected} & {*LOST, *BLOWN}]
    soon = sum(run in named and times[name_of(run)] <= 0.2 for run in urgent)
    console.print(
        f"  named after, share of the run: median {middle:.0%}; later than 20 %: {late}",
        f"  collapse and divergence: {soon} of {len(urgent)} named within 20 % of the run",
        sep="\n", highlight=False,
    )  # fmt: skip


def name_of(run: Run) -> str:
    return f"{run['kind']} {run['seed']}"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


def print_calibration(runs: list[Run], console: Console) -> None:
    """Print what each signal does in the runs that thresholds are set on: quantiles over its observations."""
    healthy, sick, _ = split([run for run in runs if run["seed"] in OPEN])
    for rule in RULES:
        table = Table(
            title=f"{rule.name}: {rule.signal} {'>' if rule.is_above else '<'} {rule.begin}",
            title_justify="left",
        )
        for column in ("kind", "10 %", "median", "90 %"):
            table.add_column(column, justify="left" if column == "kind" else "right")
        wanted = [run for run in sick if rule.name in KINDS[run["kind"]].expected]
        for run in sorted(healthy, key=lambda run: extreme(run, rule.signal, rule.is_above))[-3:] + wanted:
            if values := after(run, rule.signal, rule.start):
                cuts = statistics.quantiles(values, n=10) if len(values) > 1 else [values[0]] * 9
                table.add_row(run["kind"], *(f"{cuts[index]:.3g}" for index in (0, 4, 8)))
        console.print(table)


def after(run: Run, signal: str, start: float) -> list[float]:
    """Return the values of a signal after the share ``start`` of the run."""
    rows = (found.get(signal) for seen, found in run["observations"] if seen >= start * run["num_images"])
    return [value for value in rows if value is not None and math.isfinite(value)]


def extreme(run: Run, signal: str, is_above: bool) -> float:
    """Return how near a healthy run comes to the bad side."""
    values = after(run, signal, 0.1)
    middle = statistics.median(values) if values else 0.0
    return middle if is_above else -middle


def print_cost(costs: dict[str, tuple[float, float]], console: Console) -> None:
    """Print the CPU milliseconds of a step without the doctor, those of the doctor in it, and their ratio."""
    table = Table(title="cost of the doctor at its default interval, CPU time", title_justify="left")
    for column in ("case", "ms of a step", "ms of the doctor", "share"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, (step, doctor) in costs.items():
        table.add_row(case, f"{1e3 * step:.2f}", f"{1e3 * doctor:.3f}", f"{doctor / step:.1%}")
    console.print(table)
