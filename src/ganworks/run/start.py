"""A new run in its directory, or the one that a requeued job had begun there."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from ganworks.errors import GanworksError, SettingError
from ganworks.interrupt import Interrupted
from ganworks.run.directory import check_name, remove_beginnings, remove_if_empty
from ganworks.run.fit import Outcome, fit
from ganworks.run.log import is_first_rank
from ganworks.run.resume import resume
from ganworks.strategy import slurm
from ganworks.trust import packages_of


def start(config: DictConfig, run_dir: Path, launched_at: float) -> Outcome:
    """Begin a new run in ``run_dir``; in a SLURM job that was requeued, go on with the run that it had begun."""
    check_name(config.name)
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
    except (GanworksError, Interrupted):  # told in a line; what has a traceback keeps its log
        if is_first_rank():
            remove_beginnings(run_dir, (slurm.MARK, "wandb_id", "mlflow_id"))
        raise
    finally:
        if is_first_rank():
            remove_if_empty(run_dir, Path(config.paths.runs))
