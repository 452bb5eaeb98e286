"""What the page says of a run: its verdict, its figures, its episodes, its place and its commands."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganworks.metric.contract import differences
from ganworks.report.curves import kind_of, rule_of
from ganworks.report.record import Record, finite
from ganworks.words import relative_path

TONES = {"finished": "good", "diverged": "bad", "failed": "bad", "interrupted": "warning-text"}
HEALTHY = ("healthy", "good", "ok", "fine", "nothing")


def status(record: Record) -> str:
    """Return how the run ended, beginning with a capital letter."""
    words = {"running": "Running, or ended without a word", "unknown": "No summary"}
    return words.get(record.status, record.status.capitalize())


def verdict(record: Record) -> str:
    """Return what the run reached, in a sentence or two."""
    total = finite(record.summary.get("num_images") or record.config.get("num_images"))
    sentences = [
        f"{record.images_seen:,} of {total:,.0f} images" if total else f"{record.images_seen:,} images"
    ]
    metrics, best = record.metrics, record.summary.get("best") or {}
    name = best.get("metric") or next(iter(metrics), None)
    if name is not None and name in metrics:
        sentences.append(f"{name} {number(metrics[name])}")
        floor = (record.summary.get("floor") or {}).get(name)
        sentences[-1] += (
            f", where held-out real data scores {number(floor)}" if finite(floor) is not None else ""
        )
    if finite(best.get("value")) is not None and best.get("value") != metrics.get(name or ""):
        sentences.append(f"Its best was {number(best['value'])} at {best.get('images_seen') or 0:,} images")
    return ". ".join(sentences) + "."


def doctor_tone(record: Record) -> str:
    """Return the tone of the doctor's verdict: that of the gravest episode."""
    kinds = {kind_of(episode) for episode in record.episodes}
    return "bad" if "critical" in kinds else "warning-text" if "warning" in kinds else "good"


def number(value: Any) -> str:
    """Return a figure with four digits; a dash where there is none."""
    return "–" if finite(value) is None else f"{float(value):.4g}".replace("-", "−")


def headline(records: Sequence[Record]) -> str | None:
    """Return the name of the figure that picks the best checkpoint."""
    return next(
        (best["metric"] for r in records if (best := r.summary.get("best") or {}).get("metric")), None
    )


def figures(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Return (figure, its value in each run), then its value in each of the lines `beside` them."""
    names = dict.fromkeys(name for record in records for name in record.metrics)
    lines = beside(records).values()
    rows = [(name, [number(record.metrics.get(name)) for record in records]) for name in names]
    rows = [(name, [*values, *(number(line.get(name)) for line in lines)]) for name, values in rows]
    if len(records) > 1:
        extra = [""] * len(lines)
        rows.append(("images seen", [f"{record.images_seen:,}" for record in records] + extra))
        rows.append(("status", [record.status for record in records] + extra))
    return rows


def beside(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """Return the figures of held-out real data and of each baseline, of the first run that has them."""
    lines: dict[str, dict[str, Any]] = {}
    for record in records:
        own = {"held-out real data": record.summary.get("floor"), **(record.summary.get("baselines") or {})}
        lines |= {line: values for line, values in own.items() if values and line not in lines}
    return lines


def contracts(records: Sequence[Record]) -> list[tuple[list[tuple[str, str]], str]]:
    """Return each contract once, as (name, terms), with the runs that were measured under it where they differ."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for record in records:
        if contract := record.summary.get("contract"):
            found.setdefault(tuple(terms(contract)), []).append(record.label)
    return [(list(shared), ", ".join(labels) if len(found) > 1 else "") for shared, labels in found.items()]


def terms(contract: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines of a contract: what all figures share, the extractors, what figures have of their own."""
    shared = [(str(name), said(term)) for name, term in contract.items() if not isinstance(term, dict)]
    extractors, own = contract.get("extractor") or {}, contract.get("figure") or {}
    if isinstance(extractors, dict):
        shared += [(f"extractor {name}", said(term)) for name, term in extractors.items()]
    alike: dict[str, list[str]] = {}
    for name, term in own.items():
        alike.setdefault(said(term), []).append(name)
    return shared + [
        ("figure" + "s" * (len(n) > 1), f"{', '.join(n)}: {text}") for text, n in alike.items() if text
    ]


def said(term: Any) -> str:
    """Return a term of a contract in words."""
    if isinstance(term, dict):
        kept = {name: said(own) for name, own in term.items() if own not in (None, "", "none")}
        return ", ".join(text if name == "extractor" else f"{name} {text}" for name, text in kept.items())
    if isinstance(term, list | tuple):
        return " and ".join(map(str, term))
    if re.fullmatch(r"[0-9a-f]{40,}", str(term)):
        return f"{str(term)[:16]}…"  # a hash; summary.json has all of it
    return f"{term:,}" if isinstance(term, int) and not isinstance(term, bool) else str(term)


def conflicts(records: Sequence[Record]) -> list[str]:
    """Return in words where the contracts of runs differ from that of the first."""
    found = [contract for record in records if (contract := record.summary.get("contract"))]
    return list(dict.fromkeys(words for other in found[1:] for words in differences(found[0], other)))


def episode(found: dict[str, Any], images_seen: int) -> dict[str, Any]:
    """Return an episode of the doctor as the page says it."""
    since, until = finite(found.get("since")), finite(found.get("until"))
    value, threshold = finite(found.get("value")), finite(found.get("threshold"))
    end = f"to {until:,.0f}" if until is not None else f"on, to the end at {images_seen:,}"
    advice, link = str(found.get("advice") or ""), str(found.get("link") or "")
    # On a terminal a message ends with its advice; here that stands below.
    message = str(found.get("message") or rule_of(found)).removesuffix(f" ({link})")
    message = message.partition("; try ")[0]
    return {
        "kind": kind_of(found),
        "message": message[:1].upper() + message[1:],
        "advice": [piece for piece in advice.split(" or ") if piece],
        "link": link,
        "when": f"{rule_of(found)}, from {since or 0:,.0f} {end} images",
        "limit": f"value {number(value)}, limit {number(threshold)}" if value is not None else "",
    }


def restores(record: Record) -> str:
    """Return how often the doctor went back to an earlier checkpoint; "" where it did not."""
    made = record.doctor.get("restores") or 0
    count = len(made) if isinstance(made, list) else int(made)
    return f"{count} restored checkpoint{'s' * (count != 1)}." if count else ""


def environment(record: Record) -> dict[str, str]:
    """Return where and how fast the run ran."""
    summary = record.summary
    found = {
        "device": f"{summary.get('num_devices', 1)} × {summary['device']}, {summary.get('precision', '')}"
        if summary.get("device")
        else "",
        "training time": time.strftime("%H:%M:%S", time.gmtime(summary["seconds"]))
        if finite(summary.get("seconds"))
        else "",
        "images/s": number(summary.get("images_per_second")) if summary.get("images_per_second") else "",
        "peak memory": f"{summary['peak_memory_mb']:,.0f} MB"
        if finite(summary.get("peak_memory_mb"))
        else "",
        "parameters": ", ".join(f"{role} {n:,}" for role, n in (summary.get("parameters") or {}).items()),
        "seed": str(summary.get("seed", "")),
        "git commit": str(summary.get("git_commit") or ""),
        "versions": ", ".join(f"{name} {v}" for name, v in (summary.get("versions") or {}).items()),
    }
    return {name: text for name, text in found.items() if text}


def commands(record: Record) -> list[tuple[str, str]]:
    """Return what to do next with the run, as (words, command)."""
    run = shlex.quote(str(relative_path(record.path)))
    script = {
        name: f"python {name}.py" if Path(f"{name}.py").exists() else f"ganworks-{name}"
        for name in ("train", "sample", "evaluate")
    }
    longer = ("Train on", f"{script['train']} resume={run}")
    if record.status == "finished" and record.images_seen:
        longer = ("Train longer", f"{script['train']} resume={run} num_images={2 * record.images_seen}")
    found = [
        longer,
        ("Draw samples", f"{script['sample']} run={run} num=64 seed=1 out=samples.png"),
        ("Interpolate", f"{script['sample']} run={run} interpolate=6 num=10 out=strips.png"),
    ]
    if record.metrics:
        found.append(("Measure again", f"{script['evaluate']} run={run} seed=1"))
    return [*found, ("This page again", f"python -m ganworks.report {run}")]
