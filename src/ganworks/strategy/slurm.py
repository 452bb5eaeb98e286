"""SLURM: a job that is put back into the queue goes on with its run."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from lightning_fabric.plugins.environments import SLURMEnvironment

log = logging.getLogger(__name__)
REQUEUE_SIGNAL = getattr(signal, "SIGUSR1", None)  # sbatch --signal=SIGUSR1@90; Windows has none
MARK = "slurm_job_id"  # a file of the run directory


def job_id() -> str | None:
    """Return the SLURM job that this process belongs to, one of an array under its own number; None outside."""
    if not SLURMEnvironment.detect():
        return None
    if "SLURM_ARRAY_JOB_ID" in os.environ:
        return f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    return os.environ.get("SLURM_JOB_ID")


def mark(run_dir: Path) -> None:
    """Note in ``run_dir`` which job it belongs to."""
    job = job_id()
    if job is not None:
        (run_dir / MARK).write_text(f"{job}\n", encoding="utf-8")


def earlier_run(run_dir: Path, siblings: Path) -> Path | None:
    """Return the run that this job had begun before it was requeued and that has a checkpoint, or None.

    Args:
        run_dir: where this process would begin a run.
        siblings: the folder in which runs of this name have their directories.
    """
    job = job_id()
    if job is None or int(os.environ.get("SLURM_RESTART_COUNT") or 0) == 0:
        return None
    return next(iter(sorted(runs_of(job, [run_dir, *siblings.glob("*")]), reverse=True)), None)


def runs_of(job: str, run_dirs: Iterable[Path]) -> list[Path]:
    """Return those of ``run_dirs`` that ``job`` has left a checkpoint in."""
    return [
        run_dir
        for run_dir in run_dirs
        if (run_dir / MARK).is_file()
        and (run_dir / MARK).read_text(encoding="utf-8").strip() == job
        and (run_dir / "checkpoints" / "last.ckpt").exists()
    ]


def requeue() -> None:
    """Put this job back into the queue."""
    command = ["scontrol", "requeue", str(job_id())]
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        log.error("The job was not requeued: %s", error)
        return
    log.log(logging.ERROR if code else logging.INFO, "%s ended with %s.", " ".join(command), code)
