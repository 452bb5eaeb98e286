"""A new run in its directory, or the one that a requeued job had begun there."""

from __future__ import annotations

import json
from pathlib import Path

from omegaconf import DictConfig

from ganworks.errors import GanworksError, SettingError
from ganworks.interrupt import Interrupted
from ganworks.run.fit import Outcome, fit
from ganworks.run.log import is_first_rank
from ganworks.run.resume import resume
from ganworks.strategy import slurm

BEGINNINGS = {"config.yaml", "config.yaml.tmp", "train.log", "summary.json", "report.html", "wandb_id", slurm.MARK}

def start(config: DictConfig, run_dir: Path, launched_at: float) -> Outcome:
    """Begin a new run in ``run_dir``; in a SLURM job that was requeued, go on with the run that it had begun."""
    earlier = slurm.earlier_run(run_dir, Path(config.paths.runs) / str(config.name))
    if earlier is not None:
        remove_if_empty(run_dir, Path(config.paths.runs))  # Hydra has made it
        return resume(str(earlier), [], launched_at)
    if (run_dir / "config.yaml").exists() and is_first_rank():
        raise SettingError(
            "run directory", run_dir, f"a new one; it holds a run already (resume={run_dir} continues it)"
        )
    try:
        return fit(config, run_dir, launched_at, checkpoint=None)
    except (GanworksError, Interrupted):  # told in a line; what has a traceback keeps its log
        if is_first_rank():
            remove_beginnings(run_dir)
        raise
    finally:
        if is_first_rank():
            remove_if_empty(run_dir, Path(config.paths.runs))


def remove_beginnings(run_dir: Path) -> None:
    """Remove what a run has written before its first batch, unless anything else lies beside it."""
    files = [path for path in run_dir.rglob("*") if path.is_file()]
    summary = run_dir / "summary.json"
    has_begun = summary.exists() and "images_seen" in json.loads(summary.read_text())
    if has_begun or not {path.name for path in files} <= BEGINNINGS:
        return
    for path in files:
        path.unlink()
    if (run_dir / "checkpoints").is_dir():
        (run_dir / "checkpoints").rmdir()


def remove_if_empty(run_dir: Path, runs: Path) -> None:
    """Remove a run directory that nothing was written to, and the empty folders above it that came with it.

    A folder that someone may have made stays: the working directory, and ``runs`` where it lies elsewhere.
    """
    roots = (Path.cwd(), runs.absolute())
    for folder in (run_dir.absolute(), *run_dir.absolute().parents):
        is_below = any(folder != root and folder.is_relative_to(root) for root in roots)
        if not folder.is_dir() or any(folder.iterdir()) or not (is_below or folder == run_dir.absolute()):
            return
        folder.rmdir()
