"""The page of a bench: docs/benchmarks/NAME.md with its picture, from the runs' summaries alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.bench import Bench, Row
from lab.plot import draw
from lab.table import Summaries, failures, is_complete, table
from lab.train import Job


def summaries_of(jobs: Sequence[Job]) -> Summaries:
    """Return the summaries of each row, in the order of the seeds."""
    found: dict[str, list[dict]] = {}
    for job in jobs:
        found.setdefault(job.row.name, []).append(job.summary())
    return found


def write_page(
    bench: Bench, rows: Sequence[Row], jobs: Sequence[Job], out: Path, command: str, share: float
) -> Path:
    """Write the page and its picture below ``out``; return the page."""
    summaries = summaries_of(jobs)
    out.mkdir(parents=True, exist_ok=True)
    column = bench.columns[0]
    (out / f"{bench.name}.svg").write_text(draw(bench, rows, summaries, column), encoding="utf-8")
    parts = [
        f"# {bench.title}",
        f"```bash\n{command}\n```",
        bench.protocol + described(summaries, share),
        f"![{column.title} of each row]({bench.name}.svg)",
        table(bench, rows, summaries),
        bench.notes,
        ended_early(rows, summaries),
        "## Settings\n\nA run is `python train.py` with these settings, those of all rows first:",
        f"```\n{' '.join(bench.overrides(Row('all'), 0)[:-1])}\n```",
        "| row | its own settings |\n| --- | --- |",
    ]
    text = "\n\n".join(part for part in parts if part)
    text += "".join(f"\n| {row.name} | {' '.join(f'`{o}`' for o in row.overrides)} |" for row in rows)
    path = out / f"{bench.name}.md"
    path.write_text(without_paths(text, bench, jobs) + "\n", encoding="utf-8")
    return path


def described(summaries: Summaries, share: float) -> str:
    """Return how many runs the figures are of, and on what."""
    num = max(map(len, summaries.values()), default=0)
    there = [summary for runs in summaries.values() for summary in runs if "versions" in summary]
    words = f" Mean ± standard deviation over {num} seeds." if num > 1 else " One seed."
    if share != 1:
        words += f" **Trained on {share:g} of the images that the bench asks for.**"
    if not is_complete(summaries):
        words += " **Some runs are missing.**"
    if there:
        devices = sorted({summary["device"].partition(":")[0] for summary in there})
        versions = sorted({summary["versions"]["torch"] for summary in there})
        words += f" {' and '.join(devices).upper()}, one thread a run, PyTorch {', '.join(versions)}."
    return words


def ended_early(rows: Sequence[Row], summaries: Summaries) -> str:
    """Return the list of rows with runs that ended early; "" where all finished."""
    lines = failures(rows, summaries)
    head = "Runs that ended early, which the means leave out:\n\n"
    return head + "\n".join(lines) if lines else ""


def without_paths(text: str, bench: Bench, jobs: Sequence[Job]) -> str:
    """Return the text without the folders of this machine, which errors and settings may name."""
    for folder in {job.run_dir.parents[1] for job in jobs}:
        text = text.replace(str(folder), f"runs/benchmark/{bench.name}")
    return text.replace(f"{Path.cwd()}/", "").replace(str(Path.home()), "~")
