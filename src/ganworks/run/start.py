"""A new run in its directory, or the one that a requeued job had begun there."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from ganworks.errors import SettingError
from ganworks.run.fit import Outcome, fit
from ganworks.run.log import is_first_rank
from ganworks.run.resume import resume
from ganworks.strategy import slurm
from ganworks.trust import packages_of


def start(config: DictConfig, run_dir: Path, launched_at: float) -> Outcome:
    """Begin a new run in ``run_dir``; in a SLURM job that was requeued, go on with the run that it had begun."""
    earlier = slurm.earlier_run(run_dir, Path(config.paths.runs) / str(config.name))
    if earlier is not None:
        remove_if_empty(run_dir, Path(config.paths.runs))  # Hydra has made it
        return resume(str(earlier), [f"trust={','.join(packages_of(config))}"], launched_at)
    if (run_dir / "config.yaml").exists() and is_first_rank():
        raise SettingError(
            "run directory", run_dir, f"a new one; it holds a run already (resume={run_dir} continues it)"
        )
    try:
        return fit(config, run_dir, launched_at, checkpoint=None)
    finally:
        if is_first_rank():
            remove_if_empty(run_dir, Path(config.paths.runs))


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
