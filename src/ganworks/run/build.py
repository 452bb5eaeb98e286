"""From a configuration to the objects of a run, checked together before the first batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ganworks.callback import Checkpoint, Evaluation, GracefulStop, Report, RunSummary
from ganworks.callback.evaluation import ReadsEvaluation
from ganworks.data import GanDataModule
from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.logger import CSVLogger
from ganworks.metric import Suite
from ganworks.noise import keyed_rng, keyed_seed
from ganworks.optimizer import build
from ganworks.run.instantiate import make
from ganworks.run.speed import check_sharding, compile_networks, set_memory_format
from ganworks.strategy import AdversarialDDPStrategy, AdversarialFSDPStrategy
from ganworks.strategy.environment import check_name, check_processes
from ganworks.task import AdversarialTask


@dataclass
class Run:
    """The parts of a training run."""

    task: AdversarialTask
    datamodule: GanDataModule
    suite: Suite
    callbacks: list[pl.Callback]
    strategy: dict[str, Any]  # an argument of the trainer, or none


def build_run(config: DictConfig) -> Run:
    """Instantiate the parts of ``config`` and check that they fit together; nothing is written.

    Fills in `data.num_classes` where the data set itself tells it.

    Raises:
        GanworksError: what does not fit, naming the setting.
    """
    datamodule = make("data", config.data)
    with setting_path("data"):
        datamodule.check()
    if config.data.get("num_classes") is None:
        OmegaConf.update(config, "data.num_classes", datamodule.num_classes)
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
    check_critic(task, config.model.discriminator.get("norm"))
    check_shapes(task, datamodule)
    check_optimizers(task)
    callbacks = [make(f"callback.{name}", node) for name, node in config.callback.items() if node]
    strategy = strategy_of(config)  # with the trainer's own checks: devices, precision
    check_precision(config, task)
    set_memory_format(task, datamodule.shape, config.get("channels_last"))
    if config.compile:
        compile_networks(task)
    return Run(task, datamodule, suite, callbacks, strategy)


def build_task(config: DictConfig) -> AdversarialTask:
    """Return the task of ``config`` with initial weights keyed by the seed."""
    if config.model.get("conditional") and not config.data.num_classes:
        raise SettingError(
            "model.conditional", True, "false: the data set has no labels (data.num_classes=0)"
        )
    torch.manual_seed(keyed_seed(config.seed, "init"))
    regularizers = {
        name: make(f"regularizer.{name}", node) for name, node in (config.regularizer or {}).items() if node
    }
    return make(
        "task",
        config.task,
        generator=make("model.generator", config.model.generator),
        discriminator=make("model.discriminator", config.model.discriminator),
        loss=make("loss", config.loss),
        generator_optimizer=make("optimizer.generator", config.optimizer.generator),
        discriminator_optimizer=make("optimizer.discriminator", config.optimizer.discriminator),
        schedule=make("optimizer.schedule", config.optimizer.schedule),
        regularizers=regularizers,
        augment=make("augment", config.augment),
        num_images=config.num_images,
        seed=config.seed,
    )


def build_trainer(config: DictConfig, run: Run, run_dir: Path, launched_at: float) -> pl.Trainer:
    """Return Lightning's trainer with the run's callbacks and loggers, which write to ``run_dir``."""
    evaluation = Evaluation(run.suite) if run.suite.best else None
    for callback in run.callbacks:
        if isinstance(callback, ReadsEvaluation):
            callback.evaluation = evaluation
        if isinstance(callback, Checkpoint):
            callback.export = export_of(config)
    loggers = [CSVLogger(str(run_dir / "metrics.csv")), *build_loggers(config, run_dir)]
    settings: Any = OmegaConf.to_container(config, resolve=True)
    for logger in loggers:
        logger.log_hyperparams(settings)
    stop = GracefulStop()
    summary = RunSummary(launched_at, stop, evaluation, run.callbacks)
    # A report reads the summary.
    reports = [callback for callback in run.callbacks if isinstance(callback, Report)]
    others = [callback for callback in run.callbacks if callback not in reports]
    return make(
        "trainer",
        config.trainer,
        **run.strategy,
        callbacks=[stop, *filter(None, [evaluation]), *others, summary, *reports],
        logger=loggers,
        default_root_dir=str(run_dir),
    )


def build_loggers(config: DictConfig, run_dir: Path) -> list[Logger]:
    """Return the run's loggers beside metrics.csv, begun; those of a run that has ended go on with it."""
    loggers = [
        make(f"logger.{name}", node, save_dir=str(run_dir)) for name, node in (config.logger or {}).items()
    ]
    for logger in loggers:
        if hasattr(logger, "start"):
            logger.start()
    return loggers


def strategy_of(config: DictConfig) -> dict[str, Any]:
    """Return the strategy where the trainer is left to choose it and runs more than one process."""
    with setting_path("trainer"):
        check_name(config.trainer.strategy)
        probe = make("trainer", config.trainer, logger=False)
        check_processes(probe.num_devices, probe.num_nodes)
    if isinstance(probe.strategy, AdversarialFSDPStrategy):
        check_sharding(config)
    is_ours = config.trainer.strategy == "auto" and probe.num_devices * probe.num_nodes > 1
    return {"strategy": AdversarialDDPStrategy()} if is_ours else {}


def export_of(config: DictConfig) -> dict[str, Any]:
    """Return what a checkpoint tells about its generator, in plain types."""
    settings: Any = OmegaConf.to_container(config, resolve=True)
    return {"generator": settings["model"]["generator"], "name": settings["name"], "data": settings["data"]}


def check_critic(task: AdversarialTask, norm: str | None) -> None:
    """Raise where a penalty needs the critic's gradient by sample and batch norm mixes the samples."""
    per_sample = [name for name, regularizer in task.regularizers.items() if regularizer.per_sample]
    has_batch_norm = any(isinstance(layer, _BatchNorm) for layer in task.discriminator.modules())
    # A network may be too small to hold a layer of the norm that it was asked for.
    if per_sample and (has_batch_norm or norm == "batch"):
        raise SettingError(
            "model.discriminator.norm",
            "batch",
            f"none, layer or spectral under regularizer={per_sample[0]}, which takes the gradient of each sample:"
            " batch norm mixes the samples of a batch",
        )


def check_precision(config: DictConfig, task: AdversarialTask) -> None:
    """Raise where the weights are in half precision and a penalty needs them in float32."""
    penalties = [name for name, regularizer in task.regularizers.items() if regularizer.per_sample]
    if penalties and str(config.trainer.precision) in ("16-true", "bf16-true", "transformer-engine-float16"):
        raise SettingError(
            "trainer.precision",
            config.trainer.precision,
            f"bf16-mixed, 16-mixed, 32-true or 64-true under regularizer={penalties[0]}, which needs float32",
        )


def check_optimizers(task: AdversarialTask) -> None:
    """Make both optimizers as training will, and raise where they reject their settings."""
    for role, optimizer in zip(
        task.roles, (task.generator_optimizer, task.discriminator_optimizer), strict=True
    ):
        path = f"optimizer.{role}"
        try:
            with setting_path(path):
                task.schedule.apply(build(optimizer, getattr(task, role)), progress=0.0)
        except SettingError:
            raise
        except GanworksError as error:
            raise GanworksError(f"{path}: {error}") from error


@torch.no_grad()
def check_shapes(task: AdversarialTask, datamodule: GanDataModule) -> None:
    """Send two samples through both networks and raise where their shapes do not fit the data's."""
    shape = tuple(datamodule.shape)
    task.eval()  # batch statistics stay as they are
    latent = task.generator.draw_latent(2, keyed_rng("check"))
    label = torch.zeros(2, dtype=torch.long) if task.generator.num_classes else None
    with setting_path("model"):
        fake: Tensor = task.generator(latent, label)
        if tuple(fake.shape[1:]) != shape:
            raise SettingError(
                "model.generator", tuple(fake.shape[1:]), f"a network that makes the data's shape {shape}"
            )
        logits: Tensor = task.discriminator(fake, label)
    if tuple(logits.shape) != (2,):
        raise SettingError(
            "model.discriminator", tuple(logits.shape), "a network that returns one logit a sample, (B,)"
        )
    task.train()
    task.ema_generator.eval()
