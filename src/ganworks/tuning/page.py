"""The page of a search: what it found, how it got there, every trial; also of one that still runs."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from markupsafe import Markup

from ganworks.chart import bar_chart
from ganworks.report.render import render, write
from ganworks.report.words import number
from ganworks.tuning import plots
from ganworks.tuning.trials import (
    ENOUGH,
    Trial,
    best_so_far,
    importances,
    parameters,
    ranked,
    trials_of,
)
from ganworks.words import masked

TEMPLATES = Path(__file__).parent / "template"
DRAWN = 1_000  # trials in one plot: with more a page would not stay small


def write_page(study: optuna.Study, path: Path) -> Path:
    """Write the page of ``study`` as one self-contained file and return its path.

    Args:
        study: its user attributes name, metric, direction, num_images, num_trials, command, overrides (what all
            trials share) and replicates, and those of its trials (overrides, run_dir, status, images_seen,
            worker, error, seconds), are shown where they are there.
        path: the file; links to the reports of trials are relative to its folder.
    """
    minimize = study.direction != optuna.study.StudyDirection.MAXIMIZE
    trials = trials_of(study)
    in_order = ranked(trials, minimize)
    best = in_order[0] if in_order and in_order[0].is_sound else None
    facts = study.user_attrs
    metric = str(facts.get("metric") or "value")
    page = render(
        "study.html",
        TEMPLATES,
        title=str(facts.get("name") or study.study_name),
        metric=metric,
        minimize=minimize,
        best=best,
        progress=progress(trials, facts),
        replicates=replicates(facts.get("replicates") or ()),
        commands=commands(facts, best),
        trajectory=trajectory(trials, metric, minimize, best),
        importance=importance(study, trials),
        slices=[
            plots.slice_of(name, kind, drawn(in_order), best) for name, kind in parameters(trials).items()
        ],
        parallel=parallel(in_order, metric, best),
        learning=plots.learning(drawn(in_order), metric, best) if any(t.curve[1:] for t in trials) else None,
        timeline=plots.timeline(trials[-DRAWN:]) if any(t.start for t in trials) else None,
        rows=[row(trial, path.parent, trial is best) for trial in in_order],
        num_finished=sum(trial.is_sound for trial in trials),
        num_needed=ENOUGH,
        kinds=legend(trials),
    )
    return write(page, path)


def drawn(in_order: Sequence[Trial]) -> Sequence[Trial]:
    """Return the trials of a plot, the best first: all of them unless they are very many."""
    return in_order[:DRAWN]


def progress(trials: Sequence[Trial], facts: dict[str, Any]) -> str:
    """Return how far the search is, in words."""
    counts = Counter(trial.status for trial in trials)
    ended = (
        counts["finished"] + counts["pruned"] + counts["diverged"] + counts["collapsed"] + counts["crashed"]
    )
    total = facts.get("num_trials")
    words = f"{ended} of {total} trials" if total else f"{ended} trials"
    parts = [f"{count} {status}" for status, count in counts.most_common()]
    images = sum(trial.images_seen for trial in trials)
    text = f"{words}: {', '.join(parts)}. {images:,} images trained" if parts else f"{words}"
    full = facts.get("num_images") and ended and images / (ended * int(facts["num_images"]))
    return f"{text}, {full:.0%} of what as many full trials would have taken." if full else f"{text}."


def replicates(found: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the rows of the best trials that were trained again under other seeds."""
    return [
        {
            "trial": str(one.get("trial", "")),
            "mean": number(one.get("mean")),
            "deviation": number(one.get("deviation")),
            "values": ", ".join(map(number, one.get("values") or ())),
            "seeds": ", ".join(map(str, one.get("seeds") or ())),
            "overrides": " ".join(map(str, one.get("overrides") or ())),
        }
        for one in found
    ]


def commands(facts: dict[str, Any], best: Trial | None) -> list[tuple[str, str]]:
    """Return what to do next, as (words, command)."""
    found = []
    if overrides := best_overrides(facts, best):
        script = "python train.py" if Path("train.py").exists() else "ganworks-train"
        found.append(("Train the best", f"{script} {shlex.join(overrides)}"))
    if command := masked(str(facts.get("command") or "")):  # earlier studies hold it as it was given
        found.append(("Go on searching", f"python {command}" if command.startswith("tune.py") else command))
    return found


def best_overrides(facts: dict[str, Any], best: Trial | None) -> list[str]:
    """Return the settings of the trial to recommend: of the best mean over seeds, or else of the best trial."""
    first = next(iter(facts.get("replicates") or ()), None)
    overrides = (first or (best.facts if best else {})).get("overrides") or []
    return [str(text) for text in (*(facts.get("overrides") or ()), *overrides)] if overrides else []


def trajectory(trials: Sequence[Trial], metric: str, minimize: bool, best: Trial | None) -> list[Markup]:
    """Return the best so far over images trained and over trials."""
    points = best_so_far(trials, minimize)
    if not any(trial.value is not None for _, _, trial, _ in points):
        return []
    return [
        plots.progress("Over images trained", "images", [(images, t, b) for _, images, t, b in points], best),
        plots.progress("Over trials", "trials", [(place, t, b) for place, _, t, b in points], best),
    ]


def importance(study: optuna.Study, trials: Sequence[Trial]) -> Markup | None:
    """Return the importances of the parameters as bars; None before there are enough trials."""
    shares = importances(study, trials)
    return bar_chart(shares, "Importance of the parameters") if shares else None


def parallel(in_order: Sequence[Trial], metric: str, best: Trial | None) -> Markup | None:
    """Return the parallel coordinates; None where fewer than two trials finished, or there is one parameter."""
    sound, dimensions = [trial for trial in in_order if trial.is_sound], parameters(in_order)
    return (
        plots.parallel(dimensions, drawn(sound), metric, best)
        if len(sound) > 1 and len(dimensions) > 1
        else None
    )


def row(trial: Trial, folder: Path, is_best: bool) -> dict[str, Any]:
    """Return a trial's line in the table of all."""
    run_dir = trial.facts.get("run_dir")
    report = Path(str(run_dir)) / "report.html" if run_dir else None
    return {
        "number": trial.number,
        "status": trial.status,
        "kind": trial.kind,
        "is_best": is_best,
        "value": number(trial.value),
        "images": f"{trial.images_seen:,}",
        "seconds": f"{trial.facts['seconds']:.0f}" if trial.facts.get("seconds") is not None else "",
        "worker": str(trial.facts.get("worker") or ""),
        "overrides": " ".join(map(str, trial.facts.get("overrides") or ()))
        or plots.told(trial).partition(": ")[2],
        "error": masked(str(trial.facts.get("error") or "")),
        "link": Path(os.path.relpath(report, folder)).as_posix() if report and report.exists() else None,
    }


def legend(trials: Sequence[Trial]) -> list[tuple[str, Markup]]:
    """Return (words, mark) of the kinds of trials that there are."""
    words = {"bad": "diverged, collapsed or crashed"}
    kinds = dict.fromkeys(trial.kind for trial in trials if trial.kind in plots.MARKERS)
    return [(words.get(kind, kind), plots.MARKERS[kind].draw(5, 5)) for kind in kinds]
