"""Look through a whole configuration before anything is built or written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning.loggers import Logger
from torch import nn
from torch.optim import Optimizer

from ganworks.data import GanDataModule
from ganworks.errors import GanworksError, SettingError, check_count
from ganworks.loss import AdversarialLoss
from ganworks.metric import Suite
from ganworks.optimizer import Schedule
from ganworks.regularizer import Regularizer
from ganworks.run.compose import GROUPS
from ganworks.run.directory import NAME
from ganworks.run.explain import options_of
from ganworks.run.node import check_kind, check_nodes
from ganworks.run.values import checked_value, in_words
from ganworks.task import ManualTask
from ganworks.task.critic import Critic

log = logging.getLogger(__name__)

GENERAL: dict[str, Any] = {  # settings outside of the nodes that are instantiated, and their types
    "name": Path,
    "tags": list[Any],
    "seed": int,
    "num_images": int,
    "num_threads": int | None,
    "compile": bool,
    "channels_last": bool | None,
    "resume": Path | None,
    "init_from": Path | None,
    "dry_run": bool,
    "paths.runs": Path,
    "paths.data": Path,
    "paths.cache": Path,
    "model.conditional": bool,
}
SHARED = ("model.", "optimizer.*")  # groups in which settings of all parts may lie beside them
TOLD = {
    "num_classes": 0,
    "num_tokens": 2,
    "shape": [1],
}  # settings of the data that it may tell itself, and what they may be
ABSENT = object()
KINDS: dict[str, Any] = {  # what each place of a configuration holds
    "data": GanDataModule,
    "loss": AdversarialLoss,
    "regularizer.*": Regularizer,
    "augment": Callable[..., Any],
    "optimizer.schedule": Schedule,
    "optimizer.*": Optimizer,
    "task": ManualTask,
    "metric": Suite,
    "callback.*": pl.Callback,
    "logger.*": Logger,
    "trainer": pl.Trainer,
    "model.discriminator": nn.Module | Critic,
    "model.*": nn.Module,
    "model.*.*": nn.Module | Critic,
}


def check_config(config: DictConfig) -> None:
    """Raise `SettingError` for the first setting that can't be right: a missing value, a wrong name, type or target."""
    if not str(config.name or "").strip():
        raise SettingError("name", config.name, NAME)
    for name, kind in GENERAL.items():
        value = OmegaConf.select(config, name, default=ABSENT)
        if value is not ABSENT and checked_value(name, value, kind) is not value:
            OmegaConf.update(config, name, checked_value(name, value, kind))
    check_count("num_images", config.num_images)
    check_count("seed", config.seed, at_least=0)
    if config.num_threads is not None:
        check_count("num_threads", config.num_threads)
    try:
        settings = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise GanworksError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    check_kinds(settings)
    with classes_known(config):
        check_nodes(config)
    check_count("trainer.log_every_n_steps", config.trainer.get("log_every_n_steps", 50))


@contextmanager
def classes_known(config: DictConfig) -> Iterator[None]:
    """Let the counts that a data set tells later be some while it is checked what depends on them."""
    still_open = [name for name in TOLD if name in config.data and config.data[name] is None]
    for name in still_open:
        config.data[name] = TOLD[name]
    try:
        yield
    finally:
        for name in still_open:
            config.data[name] = None


def check_kinds(settings: Any) -> None:
    """Raise `SettingError` where a place holds what does not belong there: a loss among the callbacks.

    Groups of several parts, such as ``callback``, hold nodes with a ``_target_`` alone; null leaves one out.
    """
    for pattern, kind in KINDS.items():
        for path, node in places(settings, pattern):
            if isinstance(node, dict) and "_target_" in node:
                if path == pattern or path not in KINDS:
                    check_kind(path, node, kind)
            elif node is not None and not pattern.startswith(SHARED):
                raise SettingError(path, node, f"{in_words(kind)}, or null")


def places(settings: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) for each place that ``pattern`` fits: all callbacks for ``callback.*``."""
    name, _, rest = pattern.partition(".")
    if not isinstance(settings, dict) or "_target_" in settings:
        return
    for key in settings if name == "*" else {name} & settings.keys():
        if rest:
            yield from ((f"{key}.{path}", value) for path, value in places(settings[key], rest))
        else:
            yield key, settings[key]


def drop_leftovers(config: DictConfig) -> None:
    """Remove the settings of regularizers and loggers that were not chosen.

    An experiment says ``regularizer.r1.weight``; with ``regularizer=r2`` on the command line that is no penalty. A
    machine's own settings say ``logger.wandb.entity``, whatever a run logs to.
    """
    for group in GROUPS:
        if group not in config:
            raise SettingError(group, "[]", f"one of {', '.join(options_of(group))}", options_of(group))
    for name, node in list((config.regularizer or {}).items()):
        if node is not None and "_target_" not in node:
            log.warning(
                "regularizer.%s is not among the chosen regularizers: its settings are left out", name
            )
            with open_dict(config):
                del config.regularizer[name]
    for name, node in list((config.logger or {}).items()):
        if isinstance(node, DictConfig) and "_target_" not in node:
            with open_dict(config):
                del config.logger[name]
