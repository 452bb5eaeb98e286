"""A batch of one sample: refused before training where a batch norm would have a single value to normalize."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganworks.data import GanDataModule
from ganworks.errors import SettingError
from ganworks.model.layer.minibatch_std import MinibatchStd
from ganworks.noise import keyed_rng
from ganworks.task import AdversarialTask, ManualTask
from ganworks.task.check import terms_of_phases, untouched


def check_single(task: ManualTask, data: GanDataModule, config: DictConfig) -> None:
    """Raise `SettingError` where the networks can't train on one sample at a time, and they are given no more.

    A batch norm divides by the deviation of its values in the batch: of one sample at 1 x 1 pixel there is none.
    """
    is_shared = config.trainer.get("sync_batchnorm") and config.trainer.devices not in (1, "1")
    if data.batch_size // task.accumulate > 1 or is_shared or not isinstance(task, AdversarialTask):
        return
    game: Any = task
    with untouched(game), watched(task, data.batch_size):
        task.train()
        noise = task.draw_noise(1, lambda name: keyed_rng("check", name))
        for _, terms_of in terms_of_phases(game):
            terms_of({**data.example(1), **noise})


def check_units(task: ManualTask, data: GanDataModule) -> None:
    """Raise `SettingError` unless each part of a batch has whole packs and whole groups of a minibatch deviation."""
    for critic in getattr(task, "critics", ()):
        num_packs, rest = divmod(data.batch_size // task.accumulate, critic.together)
        if rest or not num_packs:
            allowed = f"a multiple of {critic.together * task.accumulate}: regularizer.packing.num={critic.together}"
            raise SettingError("data.batch_size", data.batch_size, allowed + in_parts(task))
        groups = (layer.group_size for layer in critic.network.modules() if isinstance(layer, MinibatchStd))
        for size in groups:
            if num_packs % min(size, num_packs):
                unit = size * critic.together * task.accumulate
                allowed = f"a multiple of {unit}: groups of {size} for the minibatch deviation"
                raise SettingError("data.batch_size", data.batch_size, allowed + in_parts(task))


def in_parts(task: ManualTask) -> str:
    """Return words on the parts of a batch, where it has several."""
    return f", in task.accumulate={task.accumulate} parts" if task.accumulate > 1 else ""


@contextmanager
def watched(task: AdversarialTask, batch_size: int) -> Iterator[None]:
    """Raise `SettingError` inside as soon as a batch norm in training gets a single value a channel."""

    def look(name: str, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        x = inputs[0]
        if layer.training and x.numel() == x.shape[1]:
            why = f"{name} is a batch norm, which can't normalize one sample of {x.shape[1]} values"
            if task.accumulate > 1:
                allowed = (
                    f"at most {batch_size // 2} for data.batch_size={batch_size} with these networks: {why}"
                )
                raise SettingError("task.accumulate", task.accumulate, allowed)
            raise SettingError("data.batch_size", 1, f"2 or more with these networks: {why}")

    layers = [
        (name, layer)
        for name, layer in task.named_modules()
        if isinstance(layer, _BatchNorm) and not name.startswith("ema_")
    ]
    handles = [
        layer.register_forward_pre_hook(lambda module, inputs, name=name: look(name, module, inputs))
        for name, layer in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
