"""One training run in its directory: check, write config.yaml, fit, say how it ended."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from ganworks.callback import RunSummary
from ganworks.data import GanDataModule
from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.interrupt import Interrupted
from ganworks.optimizer import build
from ganworks.run.build import build_run, build_trainer, check_loggers
from ganworks.run.check import check_config, drop_leftovers
from ganworks.run.directory import held
from ganworks.run.failures import explained_failures
from ganworks.run.init_from import source_of, start_from
from ganworks.run.log import is_first_rank, log_to_file, log_to_terminal, quieten
from ganworks.run.paths import make_paths_absolute
from ganworks.run.plan import show_plan
from ganworks.run.speed import faster_precision
from ganworks.run.teacher import teach
from ganworks.sample.loading import check_weights, last_checkpoint, read_checkpoint
from ganworks.staged import write_text
from ganworks.strategy import slurm
from ganworks.task import ManualTask, NonFiniteLossError
from ganworks.words import relative_path, tags_of

log = logging.getLogger(__name__)


@dataclass
class Outcome:
    """How a run ended: a status of summary.json, the metric's last value, the error where it failed."""

    status: str
    value: float | None = None
    error: Exception | None = None
    received: signal.Signals | None = None


def fit(
    config: DictConfig,
    run_dir: Path,
    launched_at: float,
    checkpoint: Path | None,
    changed: Sequence[str] = (),
) -> Outcome:
    """Check ``config``, then train in ``run_dir``, from ``checkpoint`` where one is given.

    Args:
        changed: settings that are other ones than when the run began, in words for its log.
    """
    if not is_first_rank() or config.dry_run:
        return checked_and_fitted(config, run_dir, launched_at, checkpoint, changed)
    run_dir.mkdir(parents=True, exist_ok=True)
    with held(run_dir):
        return checked_and_fitted(config, run_dir, launched_at, checkpoint, changed)


def checked_and_fitted(
    config: DictConfig, run_dir: Path, launched_at: float, checkpoint: Path | None, changed: Sequence[str]
) -> Outcome:
    """Do what `fit` says, in a directory that no other process trains in."""
    log_to_terminal()
    config.tags = tags_of(config.get("tags"))
    drop_leftovers(config)
    check_config(config)
    quieten()
    if config.num_threads is not None:
        torch.set_num_threads(config.num_threads)
    source = source_of(config) if checkpoint is None else None
    with explained_failures():
        run = build_run(config)
    # A resumed run has all weights in its checkpoint.
    weights = {} if checkpoint is not None else teach(run.task, config)
    weights |= {} if source is None else start_from(source, run.task)
    if config.dry_run:
        check_loggers(config)
        show_plan(config, run, run_dir, Console(), weights)
        return Outcome("dry_run")
    since = ""
    if checkpoint is not None:
        since = f", on from {check_checkpoint(checkpoint, run.task, run.datamodule):,}"
    make_paths_absolute(config)
    prepare_directory(config, run_dir)
    for text in changed:
        log.info("changed: %s", text)
    trainer = build_trainer(config, run, run_dir, launched_at)
    summary = next(c for c in trainer.callbacks if isinstance(c, RunSummary))  # type: ignore[attr-defined]
    log.info(
        "%s: %s images of %s%s in %s",
        config.name,
        f"{run.task.num_images:,}",
        type(run.datamodule).__name__,
        since,
        relative_path(run_dir),
    )
    for name, text in weights.items():
        log.info("%s: %s", name, text)
    if hint := faster_precision(trainer, run.datamodule.kind):
        log.info("%s", hint)
    error, interrupted = None, None
    try:
        with explained_failures(run_dir):
            trainer.fit(run.task, run.datamodule, ckpt_path=checkpoint, weights_only=True)
    except NonFiniteLossError as diverged:
        error = GanworksError(f"{diverged}\n{advice(run_dir)}")
        log.error("%s", error)
    except Interrupted as exception:
        if "images_seen" not in summary.content:
            raise  # before the first batch
        interrupted = exception.signal
        log.error("%s ended the run at once. %s", interrupted.name, way_back(run_dir))
    if not summary.content:
        limits = ", ".join(
            f"trainer.{name}={config.trainer.get(name)}" for name in ("max_steps", "max_time", "max_epochs")
        )
        raise GanworksError(
            f"there was nothing to train: a limit of the trainer is used up already ({limits}). To go on to"
            " num_images: trainer.max_steps=-1 trainer.max_time=null trainer.max_epochs=-1"
        )
    summary.note_records(trainer)
    received = interrupted or summary.received
    value = None if summary.evaluation is None else summary.evaluation.value
    if received is not None and received == slurm.REQUEUE_SIGNAL and slurm.job_id() and is_first_rank():
        slurm.requeue()
    return Outcome(summary.content["status"], value, error, received)


def check_checkpoint(path: Path, task: ManualTask, datamodule: GanDataModule) -> int:
    """Return the images that the run has seen.

    Raises:
        GanworksError: the checkpoint is damaged, or its networks or its data differ from those of the run.
    """
    checkpoint = read_checkpoint(path)
    if "state_dict" not in checkpoint or "time" not in checkpoint:
        raise GanworksError(f"{path} was not written by ganworks.")
    check_weights(task.state_dict(), checkpoint["state_dict"], str(path))
    check_trained(task, checkpoint["optimizer_states"])
    with setting_path("data"):
        datamodule.check_same(checkpoint.get(type(datamodule).__qualname__) or {})
    images_seen: int = checkpoint["time"]["images_seen"]
    if images_seen >= task.num_images:
        raise SettingError(
            "num_images", task.num_images, f"more than the {images_seen:,} images that the run has seen"
        )
    return images_seen


def check_trained(task: ManualTask, states: list[dict[str, Any]]) -> None:
    """Raise `SettingError` where other parameters are frozen than those of the checkpoint's optimizers."""
    for (role, player), state in zip(task.players.items(), states, strict=True):
        groups = build(task.optimizer_factories[role], player).param_groups
        now, before = (
            sum(len(group["params"]) for group in each) for each in (groups, state["param_groups"])
        )
        if now != before:
            allowed = (
                f"as it was: {before} tensors of the {role} were trained, not {now}. A new run that starts from this"
                " one's weights (init_from=) may freeze others"
            )
            raise SettingError(f"task.freeze.{role}", task.freeze_patterns.get(role), allowed)


def prepare_directory(config: DictConfig, run_dir: Path) -> None:
    """Make ``run_dir`` with config.yaml and a log in it."""
    if is_first_rank():
        (run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
        write_text(run_dir / "config.yaml", OmegaConf.to_yaml(config, resolve=True))
        log_to_file(run_dir / "train.log")
        slurm.mark(run_dir)


def advice(run_dir: Path) -> str:
    """Return where a run that diverged can be taken up again."""
    path = last_checkpoint(run_dir)
    if path is None:
        return "There is no checkpoint from before."
    path = relative_path(path)
    return f"The last good checkpoint is {path}; with other settings: resume={path} optimizer.discriminator.lr=..."


def way_back(run_dir: Path) -> str:
    """Return where a run that was interrupted goes on from."""
    if last_checkpoint(run_dir) is None:
        return "There is no checkpoint to go on from."
    return f"From its last checkpoint: resume={relative_path(run_dir)}"


def exit_code(outcome: Outcome) -> int:
    """Return the exit code of the command: 128 + the signal after an interrupt, 1 after a failure."""
    if outcome.received is not None:
        return 128 + outcome.received
    return 0 if outcome.error is None else 1
