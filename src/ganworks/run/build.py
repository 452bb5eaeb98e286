"""From a configuration to the objects of a run, checked together before the first batch."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from torch.nn.modules.batchnorm import _BatchNorm

from ganworks.callback import Checkpoint, Doctor, Evaluation, GracefulStop, Report, RunSummary
from ganworks.callback.evaluation import ReadsEvaluation
from ganworks.data import GanDataModule
from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.logger import CSVLogger
from ganworks.logger.tell import tell
from ganworks.metric import Suite
from ganworks.noise import keyed_seed
from ganworks.optimizer import build
from ganworks.run.batch import check_single, check_units
from ganworks.run.classes import check_classes
from ganworks.run.instantiate import make
from ganworks.run.leak import warn_of_leak
from ganworks.run.speed import check_sharding, check_shared_forward, compile_networks, set_memory_format
from ganworks.strategy import AdversarialDDPStrategy, AdversarialFSDPStrategy
from ganworks.strategy.environment import check_processes, check_strategy, read_slurm
from ganworks.task import ManualTask

log = logging.getLogger(__name__)


@dataclass
class Run:
    """The parts of a training run."""

    task: ManualTask
    datamodule: GanDataModule
    suite: Suite
    callbacks: list[pl.Callback]
    strategy: dict[str, Any]  # an argument of the trainer, or none


def build_run(config: DictConfig) -> Run:
    """Instantiate the parts of ``config`` and check that they fit together; nothing is written.

    Fills in `data.num_classes`, and what else the data set itself tells.

    Raises:
        GanworksError: what does not fit, naming the setting.
    """
    datamodule = make("data", config.data)
    with setting_path("data"):
        datamodule.check()
    if config.data.get("num_classes") is None:
        OmegaConf.update(config, "data.num_classes", datamodule.num_classes)
    for name, value in datamodule.settled.items():
        if name in config.data:
            OmegaConf.update(config, f"data.{name}", value)
    suite = make("metric", config.metric)
    with setting_path("metric"):
        suite.check()
        suite.check_data(datamodule)
    task = build_task(config)
    with setting_path("metric"):
        suite.check_generator(task.generator)
    if datamodule.batch_size % task.accumulate:
        raise SettingError(
            "task.accumulate", task.accumulate, f"a divisor of data.batch_size={datamodule.batch_size}"
        )
    check_critics(task, config.model.discriminator)
    check_units(task, datamodule)
    check_classes(task, datamodule)
    task.check(datamodule.example(), tuple(datamodule.shape))
    check_single(task, datamodule, config)
    warn_of_leak(task, suite)
    check_optimizers(task)
    callbacks = [make(f"callback.{name}", node) for name, node in config.callback.items() if node]
    strategy = strategy_of(config, task)  # with the trainer's own checks: devices, precision
    check_precision(config, task)
    check_shared_forward(config, task)
    set_memory_format(task, datamodule.kind, datamodule.shape, config.get("channels_last"))
    if config.compile:
        compile_networks(task)
    return Run(task, datamodule, suite, callbacks, strategy)


def build_task(config: DictConfig) -> ManualTask:
    """Return the task of ``config`` with initial weights keyed by the seed."""
    if config.model.get("conditional") and not config.data.num_classes:
        raise SettingError(
            "model.conditional", True, "false: the data set has no labels (data.num_classes=0)"
        )
    torch.manual_seed(keyed_seed(config.seed, "init"))
    regularizers = {
        name: make(f"regularizer.{name}", node) for name, node in (config.regularizer or {}).items() if node
    }
    roles = roles_of(config)
    return make(
        "task",
        config.task,
        **{role: make_player(f"model.{role}", config.model[role]) for role in roles},
        loss=make("loss", config.loss),
        optimizers={role: make(f"optimizer.{role}", config.optimizer[role]) for role in roles},
        schedule=make("optimizer.schedule", config.optimizer.schedule),
        regularizers=regularizers,
        augment=make("augment", config.augment),
        num_images=config.num_images,
        seed=config.seed,
    )


def roles_of(config: DictConfig) -> tuple[str, ...]:
    """Return the players' roles of the task that ``config`` names.

    Raises:
        SettingError: `model` or `optimizer` lacks one of them.
    """
    roles: tuple[str, ...] = getattr(get_object(config.task["_target_"]), "roles", ManualTask.roles)
    for group in ("model", "optimizer"):
        for role in roles:
            if config[group].get(role) is None:
                raise SettingError(
                    f"{group}.{role}", "null", f"given: the task has the players {', '.join(roles)}"
                )
    return roles


def make_player(path: str, node: DictConfig) -> Any:
    """Return a player: the network of ``node``, or several by name where it has no ``_target_`` of its own."""
    if "_target_" in node:
        return make(path, node)
    for name, part in node.items():
        if part and not isinstance(part, DictConfig):
            names = ", ".join(f"{each!s}" for each, other in node.items() if isinstance(other, DictConfig))
            setting = f"{path}.{name!s}"
            raise SettingError(setting, part, f"left out (~{setting}): each of {names} has its own")
    parts = {f"{name!s}": make(f"{path}.{name!s}", part) for name, part in node.items() if part}
    if not parts:
        raise SettingError(path, "{}", "a network with a _target_, or several by name")
    return parts


def build_trainer(config: DictConfig, run: Run, run_dir: Path, launched_at: float) -> pl.Trainer:
    """Return Lightning's trainer with the run's callbacks and loggers, which write to ``run_dir``."""
    settings: Any = OmegaConf.to_container(config, resolve=True)
    # A run from trained weights begins with their figure.
    at_start = config.get("init_from") is not None
    evaluation = Evaluation(run.suite, at_start) if run.suite.best else None
    for callback in run.callbacks:
        if isinstance(callback, ReadsEvaluation):
            callback.evaluation = evaluation
        if isinstance(callback, Checkpoint):
            callback.export = export_of(settings, run)
        if isinstance(callback, Doctor):
            callback.settings = settings
    loggers = [CSVLogger(str(run_dir / "metrics.csv")), *build_loggers(config, run_dir)]
    for logger in loggers:
        logger.log_hyperparams(settings)
    stop = GracefulStop()
    summary = RunSummary(launched_at, stop, evaluation, run.callbacks)
    # A checkpoint follows all that is logged at its count of images, and a report reads the summary.
    last, reports = (
        [each for each in run.callbacks if isinstance(each, kind)] for kind in (Checkpoint, Report)
    )
    others = [callback for callback in run.callbacks if callback not in (*last, *reports)]
    try:
        return make(
            "trainer",
            config.trainer,
            **run.strategy,
            callbacks=[stop, *filter(None, [evaluation]), *others, *last, summary, *reports],
            logger=loggers,
            default_root_dir=str(run_dir),
        )
    except Exception:
        tell(loggers, "finalize", "failed")  # the next run of this process would write into theirs
        raise


def build_loggers(config: DictConfig, run_dir: Path) -> list[Logger]:
    """Return the run's loggers beside metrics.csv, begun; those of a run that has ended go on with it."""
    loggers = make_loggers(config, run_dir)
    tell(loggers, "start")
    return loggers


def check_loggers(config: DictConfig) -> None:
    """Raise what the loggers' settings or a missing library would stop the run with; nothing stays written."""
    with tempfile.TemporaryDirectory() as folder:
        make_loggers(config, Path(folder))


def make_loggers(config: DictConfig, run_dir: Path) -> list[Logger]:
    """Return the run's loggers beside metrics.csv before they begin."""
    nodes = (config.logger or {}).items()
    return [make(f"logger.{name}", node, save_dir=str(run_dir)) for name, node in nodes]


def strategy_of(config: DictConfig, task: ManualTask) -> dict[str, Any]:
    """Return the strategy where the trainer is left to choose it and runs more than one process."""
    with setting_path("trainer"):
        check_strategy(config.trainer.strategy)
        read_slurm(config.trainer.devices, config.trainer.num_nodes)
        probe = make("trainer", config.trainer, logger=False)
        check_processes(probe.num_devices, probe.num_nodes)
    if isinstance(probe.strategy, AdversarialFSDPStrategy):
        check_sharding(config, task)
    is_ours = config.trainer.strategy == "auto" and probe.num_devices * probe.num_nodes > 1
    return {"strategy": AdversarialDDPStrategy()} if is_ours else {}


def export_of(settings: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return what a checkpoint tells about its generator, in plain types."""
    return {
        "generator": settings["model"]["generator"],
        "task": settings["task"]["_target_"],
        "kind": run.datamodule.kind.settings,
        "label_kind": run.datamodule.label_kind,
        "classes": list(run.datamodule.classes),
        "name": settings["name"],
        "data": settings["data"],
    }


def check_critics(task: ManualTask, settings: Mapping[str, Any]) -> None:
    """Raise where a penalty needs a critic's gradient by sample and its batch norm mixes the samples.

    Args:
        settings: of the discriminator, of which the networks may have a setting ``norm``.
    """
    for critic in getattr(task, "critics", ()):
        penalties = [name for name, each in critic.penalties.items() if each.per_sample]
        node = settings.get(critic.name, {}) if critic.name else settings
        node = node.get("network", node)
        has_batch_norm = any(isinstance(layer, _BatchNorm) for layer in critic.network.modules())
        # A network may be too small to hold a layer of the norm that it was asked for.
        if penalties and (has_batch_norm or node.get("norm") == "batch"):
            under = f"under regularizer={penalties[0]}, which takes the gradient of each sample:"
            why = f"{under} batch norm mixes the samples of a batch"
            path = "model.discriminator" + (f".{critic.name}" if critic.name else "")
            if "norm" in node:
                raise SettingError(f"{path}.norm", "batch", f"none, layer or spectral {why}")
            raise SettingError(path, type(critic.network).__name__, f"a network without batch norm {why}")


def per_sample_penalties(task: ManualTask) -> list[str]:
    """Return the names of the penalties that take the discriminator's gradient sample by sample."""
    return [name for name, each in getattr(task, "all_regularizers", {}).items() if each.per_sample]


def check_precision(config: DictConfig, task: ManualTask) -> None:
    """Raise where a penalty needs weights in float32 that are in half precision; warn where rounding drowns one."""
    penalties = per_sample_penalties(task)
    if penalties and str(config.trainer.precision) in ("16-true", "bf16-true", "transformer-engine-float16"):
        raise SettingError(
            "trainer.precision",
            config.trainer.precision,
            f"bf16-mixed, 16-mixed, 32-true or 64-true under regularizer={penalties[0]}, which needs float32",
        )
    for name, each in getattr(task, "all_regularizers", {}).items():
        sigma = getattr(each, "sigma", 1.0)
        is_rounded = "bf16" in str(config.trainer.precision) and not getattr(each, "full_precision", True)
        if is_rounded and sigma < 0.03:
            log.warning(
                "regularizer.%s: under %s the logits' rounding is several times what sigma=%s changes in them: set"
                " full_precision=true, or sigma from .03 up",
                *(name, config.trainer.precision, sigma),
            )


def check_optimizers(task: ManualTask) -> None:
    """Make all optimizers as training will, and raise where they reject their settings."""
    for role, player in task.players.items():
        path = f"optimizer.{role}"
        try:
            with setting_path(path):
                task.schedule.apply(build(task.optimizer_factories[role], player), progress=0.0)
        except SettingError:
            raise
        except GanworksError as error:
            raise GanworksError(f"{path}: {error}") from error
