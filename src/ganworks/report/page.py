"""The report of a run, or of several side by side, as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ganworks.errors import GanworksError
from ganworks.report import settings, words
from ganworks.report.curves import sections
from ganworks.report.picture import Slide, embed
from ganworks.report.record import Record, read_all
from ganworks.report.render import render, write
from ganworks.words import relative_path

MANY_RUNS = 32  # side by side; with more no chart can be read


def write_report(runs: Sequence[Path], out: Path | None = None) -> Path:
    """Write the report of ``runs`` to ``out`` and return its path; a single run's goes to its directory.

    Raises:
        GanworksError: a run directory is not there or damaged, or there are more than can be shown.
    """
    if len(runs) > MANY_RUNS:
        raise GanworksError(f"{len(runs)} runs: a report shows at most {MANY_RUNS} side by side.")
    records = read_all(runs)
    path = out or (records[0].path / "report.html" if len(records) == 1 else Path("report.html"))
    return write(report(records), path)


def report(records: Sequence[Record]) -> str:
    """Return the page of ``records``."""
    slides = embed([record.grids for record in records])
    several = len(records) > 1
    columns = [
        {"name": record.label if several else "this run", "color": index if several else None}
        for index, record in enumerate(records)
    ]
    columns += [{"name": line, "color": None} for line in words.beside(records)]
    configs = [record.config for record in records]
    return render(
        "report.html",
        title=f"{len(records)} runs" if several else records[0].name,
        records=records,
        runs=[content(record, index, slides[index]) for index, record in enumerate(records)],
        columns=columns,
        figures=words.figures(records),
        headline=words.headline(records),
        contracts=words.contracts(records),
        conflicts=words.conflicts(records),
        patients=[content(record, index, []) for index, record in enumerate(records) if record.episodes],
        positions=sorted({slide.images_seen for run in slides for slide in run}),
        sections=sections(records),
        marked=any(record.episodes for record in records),
        differences=settings.between(configs) if several else settings.from_default(configs[0]),
        setting_columns=[record.label for record in records] if several else ["this run", "default"],
        environment=environment(records),
    )


def content(record: Record, color: int, slides: Sequence[Slide]) -> dict[str, Any]:
    """Return what the template says of one run."""
    return {
        "name": record.name,
        "label": record.label,
        "color": color,
        "place": str(relative_path(record.path)),
        "status": words.status(record),
        "tone": words.TONES.get(record.status, ""),
        "words": words.verdict(record),
        "doctor": str(record.doctor.get("verdict") or ""),
        "doctor_tone": words.doctor_tone(record),
        "error": str(record.summary.get("error") or ""),
        "episodes": [words.episode(found, record.images_seen) for found in record.episodes],
        "restores": words.restores(record),
        "slides": slides,
        "config": OmegaConf.to_yaml(OmegaConf.create(record.config)) if record.config else "",
        "commands": words.commands(record),
    }


def environment(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Return (name, its value in each run) of what the runs ran on."""
    found = [words.environment(record) for record in records]
    names = dict.fromkeys(name for one in found for name in one)
    return [(name, [one.get(name, "–") for one in found]) for name in names]
