"""What `benchmarks/doctor.py` prints: outcomes of the kinds, precision and recall of the rules, time to detection."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Any

from doctor_zoo import KINDS
from rich.console import Console
from rich.table import Table

from ganworks.doctor import RULES, Diagnosis, Episode, Facts
from ganworks.doctor.derived import blindness

Run = dict[str, Any]


def is_healthy(run: Run) -> bool:
    """Say by its outcome whether a run is well.

    These runs are short, so well means: on its way. Digits: fd_digits below 40 (an untrained generator has 200 and
    more) and a tenth of the coverage that unseen digits have, no more copies than unseen digits by .15, and a
    conditional one draws what it is asked for in 80 % of the cases. Mixtures: nine in ten modes, half of the samples of
    high quality.
    """
    found = run["outcome"]
    if run["diverged_at"] is not None or not found["finite"]:
        return False
    if "modes" in found:
        return found["modes"] >= 0.9 * found["modes/floor"] and found["high_quality"] >= 0.5
    is_close = found["fd_digits"] < 40 and found["coverage"] >= 0.1 * found["coverage/floor"]
    copies = found["memorised"] > found["memorised/floor"] + 0.15
    return is_close and not copies and found.get("right_class", 1.0) >= 0.8


def facts_of(run: Run) -> Facts:
    """Return what the doctor knew of a run."""
    losses = [o for o in KINDS[run["kind"]].overrides if o.startswith("loss=")]
    is_cross_entropy = (
        losses[-1:] in ([], ["loss=bce"], ["loss=minimax"]) and not run["facts"]["is_relativistic"]
    )
    return Facts(**{"is_cross_entropy": is_cross_entropy, **run["facts"]})


def observations(run: Run) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield what was seen in a run; what is derived from other signals, as this working copy derives it."""
    for images_seen, signals in run["observations"]:
        found = {name: math.nan if value is None else value for name, value in signals.items()}
        if "auc" in found:
            found["blindness"] = blindness(found["auc"], found["energy_distance"])
        yield images_seen, found


def episodes_of(run: Run) -> list[Episode]:
    """Return what the doctor of this working copy says of what was seen in a run."""
    diagnosis = Diagnosis(facts_of(run), run["num_images"])
    for images_seen, signals in observations(run):
        diagnosis.observe(images_seen, signals)
    if run["diverged_at"] is not None and not diagnosis.open("not-finite"):
        rule = next(rule for rule in RULES if rule.name == "not-finite")
        diagnosis.begin(rule, 20, run["diverged_at"])
    return diagnosis.episodes


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
    for title, parity in (("seeds that thresholds were set on", 0), ("held-out seeds", 1)):
        half = [run for run in runs if run["seed"] % 2 == parity]
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
        names = ["+".join(dict.fromkeys(e.rule for e in episodes_of(run))) or "-" for run in own]
        right = sum(is_healthy(run) != KINDS[kind].is_sick for run in own)
        table.add_row(kind, str(len(own)), outcome(own[0]), f"{right} of {len(own)}", "  ".join(names))
    console.print(table)


def outcome(run: Run) -> str:
    """Return the figures of a run that its label rests on."""
    found = run["outcome"]
    if run["diverged_at"] is not None or not found["finite"]:
        return "diverged"
    names = (
        ("modes", "high_quality")
        if "modes" in found
        else ("fd_digits", "coverage", "memorised", "right_class")
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
        said = [run for run in (*healthy, *sick) if rule.name in {e.rule for e in episodes_of(run)}]
        right = [run for run in said if rule.name in (*KINDS[run["kind"]].expected, *KINDS[run["kind"]].also)]
        wanted = [run for run in sick if KINDS[run["kind"]].expected == (rule.name,)]
        found = [run for run in wanted if run in said]
        table.add_row(rule.name, str(len(right)), str(len(said) - len(right)), share(len(right), len(said)),
                      f"{len(found)} of {len(wanted)}", share(len(found), len(wanted)))  # fmt: skip
    console.print(table)


def overall(title: str, healthy: list[Run], sick: list[Run], odd: list[Run], console: Console) -> None:
    """Print precision and recall over runs, and how long a trouble went unnamed."""
    named = [run for run in sick if first_named(run) is not None]
    alarmed = [run for run in healthy if episodes_of(run)]
    spoken = [e for run in (*healthy, *sick) for e in {e.rule: e for e in episodes_of(run)}.values()]
    known = sum(
        e.rule in (*KINDS[run["kind"]].expected, *KINDS[run["kind"]].also)
        for run in sick
        for e in {e.rule: e for e in episodes_of(run)}.values()
    )
    precision, recall = share(len(named), len(named) + len(alarmed)), share(len(named), len(sick))
    console.print(
        f"{title}: {len(sick)} sick and {len(healthy)} healthy runs"
        f" ({len(odd)} left out: their outcome contradicts their kind)",
        f"  runs: precision {precision} ({len(alarmed)} healthy ones alarmed), recall {recall}",
        f"  episodes: precision {share(known, len(spoken))} ({known} of {len(spoken)})",
        sep="\n", highlight=False,
    )  # fmt: skip
    times = [time for run in sick if (time := first_named(run)) is not None]
    if times:
        late = sum(time > 0.2 for time in times)
        words = f"median {statistics.median(times):.0%}, largest {max(times):.0%}, {late} later than 20 %"
        console.print(f"  named after, share of the run: {words}", highlight=False)


def first_named(run: Run) -> float | None:
    """Return the share of the run after which the first right name of its trouble was said; None if never.

    The doctor speaks when the rule has held for its span: the time is that of the message, not of what it dates.
    """
    names = (*KINDS[run["kind"]].expected, *KINDS[run["kind"]].also)
    diagnosis = Diagnosis(facts_of(run), run["num_images"])
    for images_seen, signals in observations(run):
        begun = diagnosis.observe(images_seen, signals)
        if any(e.rule in names for e in begun):
            return images_seen / run["num_images"]
    if run["diverged_at"] is not None and "not-finite" in names:
        return run["diverged_at"] / run["num_images"]
    return None


def share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


def print_calibration(runs: list[Run], console: Console) -> None:
    """Print what each signal does in the runs that thresholds are set on: quantiles over its observations."""
    healthy, sick, _ = split([run for run in runs if run["seed"] % 2 == 0])
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


def print_cost(costs: dict[str, list[tuple[float, float]]], console: Console) -> None:
    """Print CPU milliseconds a step with and without the doctor, and the median of the paired ratios."""
    table = Table(title="cost of the doctor at its default interval, CPU time", title_justify="left")
    for column in ("case", "ms without", "ms with", "with / without"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, pairs in costs.items():
        without, with_ = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        table.add_row(case, f"{1e3 * without:.2f}", f"{1e3 * with_:.2f}", f"{ratio:.3f}")
    console.print(table)
