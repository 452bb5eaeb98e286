"""Train the runs of a bench: several at a time, each `python train.py` in a process of its own, none twice."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra.utils
from omegaconf import DictConfig, ListConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ganworks.cli.train import train_here
from ganworks.run.compose import compose, primary_config
from ganworks.tuning.process import TrainingProcess
from lab.bench import Bench, Row

ENDED = ("finished", "stopped", "diverged")  # these runs would end in the same way again
POLL = 0.05


@dataclass(frozen=True)
class Job:
    """One run: its row, its seed, its settings and its directory."""

    row: Row
    seed: int
    overrides: list[str]
    run_dir: Path

    @property
    def settings_file(self) -> Path:
        """Where the settings stand that the run was begun with, to know whether they are still the same."""
        return self.run_dir.with_name(f"{self.run_dir.name}.settings")

    def summary(self) -> dict[str, Any]:
        """Return what came of it; the status is ``missing`` before it has begun."""
        path = self.run_dir / "summary.json"
        if not self.has_same_settings() or not path.is_file():
            return {"status": "missing"}
        return json.loads(path.read_text(encoding="utf-8"))

    def has_same_settings(self) -> bool:
        """Say whether what lies in the directory was trained with these settings."""
        file = self.settings_file
        return file.is_file() and file.read_text(encoding="utf-8").splitlines() == self.overrides

    def process(self) -> TrainingProcess:
        """Return the process that trains it, or goes on with what an earlier one began."""
        if not self.has_same_settings():
            shutil.rmtree(self.run_dir, ignore_errors=True)
        self.settings_file.parent.mkdir(parents=True, exist_ok=True)
        self.settings_file.write_text("\n".join(self.overrides) + "\n", encoding="utf-8")
        self.run_dir.with_name(f"{self.run_dir.name}.log").unlink(missing_ok=True)
        return TrainingProcess(self.run_dir, self.overrides, [], train_here)


def jobs_of(
    bench: Bench, rows: Sequence[Row], seeds: Sequence[int], folder: Path, share: float = 1.0
) -> list[Job]:
    """Return the runs, seed by seed, so that what else the machine does meets all rows alike.

    Composes each row first: a setting that is not there ends the command before any work.

    Args:
        share: of the images of each row.
    """
    folder = folder.absolute() / bench.name / ("" if share == 1 else f"share_{share:g}")
    length = {}
    for row in rows:
        overrides = bench.overrides(row, 0)
        config = compose(overrides, primary_config(overrides))
        load_classes(config)
        images = max(1, round(share * config.num_images))
        length[row.name] = [] if share == 1 else [f"num_images={images}"]
    return [
        Job(row, seed, bench.overrides(row, seed) + length[row.name], folder / row.folder / f"seed_{seed}")
        for seed in seeds
        for row in rows
    ]


def load_classes(node: Any) -> None:
    """Import the classes that a configuration names, which the runs' processes then find imported."""
    if isinstance(node, DictConfig):
        if isinstance(node.get("_target_"), str):
            hydra.utils.get_object(node["_target_"])
        for name in node:
            load_classes(node[name])
    elif isinstance(node, ListConfig):
        for item in node:
            load_classes(item)


def train_all(jobs: Sequence[Job], workers: int, console: Console) -> None:
    """Train the runs that have not ended yet; what fails is told and does not keep the others from running."""
    import ganworks.run.start  # noqa: F401 - forked processes find it and its libraries imported

    waiting = [job for job in jobs if job.summary()["status"] not in ENDED]
    # One thread a run, and none of the bar's own: processes are forked while it is shown.
    os.environ["OMP_NUM_THREADS"] = "1"
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    running: list[tuple[Job, TrainingProcess]] = []
    with Progress(*columns, console=console, auto_refresh=False) as bar:
        task = bar.add_task("runs", total=len(jobs), completed=len(jobs) - len(waiting))
        try:
            while waiting or running:
                while len(running) < workers and (job := next_of(waiting, [job for job, _ in running])):
                    waiting.remove(job)
                    process = job.process()
                    process.start()
                    running.append((job, process))
                words = ", ".join(f"{job.row.name} {job.seed}" for job, _ in running)
                bar.update(task, description=words, refresh=True)
                time.sleep(POLL)
                for job, process in [pair for pair in running if pair[1].wait(0)]:
                    running.remove((job, process))
                    bar.advance(task)
                    tell(job, process, bar.console)
        except BaseException:
            for _, process in running:
                process.stop()
            while not all(process.wait(POLL) for _, process in running):
                pass
            raise


def next_of(waiting: Sequence[Job], running: Sequence[Job]) -> Job | None:
    """Return the first of the jobs whose run does not read that of a job which has not ended; None without one."""
    going = {(job.row.name, job.seed) for job in (*waiting, *running)}
    return next((job for job in waiting if (job.row.after, job.seed) not in going), None)


def tell(job: Job, process: TrainingProcess, console: Console) -> None:
    """Print a line about a run that has ended, and note the error of one that has left no summary."""
    summary = job.summary()
    if summary["status"] in ("missing", "running"):
        summary = {"status": "failed", "error": process.error.splitlines()[-1]}
        job.run_dir.mkdir(parents=True, exist_ok=True)
        (job.run_dir / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    error = "" if summary["status"] == "finished" else f": {summary.get('error') or ''}"
    seconds = summary.get("seconds")
    after = "" if seconds is None else f" after {seconds:.0f} s"
    console.print(f"{job.row.name}, seed {job.seed}: {summary['status']}{after}{error}", markup=False)
