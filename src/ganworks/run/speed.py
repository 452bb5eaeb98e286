"""How the networks compute, which changes the speed of a run and not its meaning: memory format, compilation."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from pytorch_lightning.accelerators import CPUAccelerator

from ganworks.errors import SettingError
from ganworks.model.base import networks_of
from ganworks.sample.kind import Kind
from ganworks.task import ManualTask

SHARDED_PRECISIONS = ("32-true", "bf16-mixed")
MIN_SIDE = 32  # pixels from which channels_last pays: benchmarks/precision.py


def set_memory_format(task: ManualTask, kind: Kind, shape: Sequence[int], channels_last: bool | None) -> None:
    """Lay the weights of convolutions out with the channels last, in which what they compute follows.

    Args:
        task: its players and averages are changed.
        kind: of the samples; only images have such a format.
        shape: of a sample.
        channels_last: None chooses it for images with a side of `MIN_SIDE` or more.

    Raises:
        SettingError: ``channels_last`` is neither true, false nor null, or true for samples that are no images.
    """
    if channels_last not in (True, False, None):
        raise SettingError("channels_last", channels_last, "true, false or null, which chooses by the data")
    if channels_last and not kind.is_image:
        raise SettingError("channels_last", True, f"false or null for samples of {tuple(shape)}: no images")
    if kind.is_image and (min(shape[1:]) >= MIN_SIDE if channels_last is None else channels_last):
        task.to(memory_format=torch.channels_last)


def faster_precision(trainer: pl.Trainer, kind: Kind) -> str | None:
    """Return in words what a float32 run on this processor's tiles for bf16 would gain; None where that is not known.

    Args:
        trainer: of the run.
        kind: of the samples; the gain was measured with convolutions.
    """
    is_float32_on_cpu = trainer.precision == "32-true" and isinstance(trainer.accelerator, CPUAccelerator)
    if not (is_float32_on_cpu and kind.is_image and has_amx()):
        return None
    return (
        "This processor has AMX: with trainer.precision=bf16-mixed channels_last=true a step takes .44 of its time"
        " in float32 (measured with a DCGAN of 32x32, 64 features, without channels last)."
    )


def has_amx() -> bool:
    """Say whether the processor multiplies matrices of bf16 in tiles (Intel's AMX)."""
    if hasattr(torch.cpu, "get_capabilities"):
        return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
    ask = getattr(torch.cpu, "_is_amx_tile_supported", None)  # all that earlier versions of PyTorch have
    return ask is not None and bool(ask())


def check_sharding(config: DictConfig, task: ManualTask) -> None:
    """Raise `SettingError` for what does not go together with sharded networks."""
    if not leaves_numbers_whole():
        check_numbers(task)
    if not task.can_be_sharded:
        allowed = f"auto or adversarial_ddp: {type(task).__name__} needs whole networks"
        raise SettingError("trainer.strategy", "adversarial_fsdp", allowed)
    for name, each in getattr(task, "all_regularizers", {}).items():
        if each.needs_whole_weights:
            allowed = f"adversarial_ddp under regularizer.{name}, which remembers whole weights"
            raise SettingError("trainer.strategy", "adversarial_fsdp", allowed)
    if config.compile:
        raise SettingError("compile", True, "false for sharded networks (trainer.strategy=adversarial_fsdp)")
    if config.task.get("share_forward") and shares_gradient(task):
        raise SettingError(
            "task.share_forward", True, "false for sharded networks (trainer.strategy=adversarial_fsdp)"
        )
    if config.get("channels_last"):
        allowed = "false or null for sharded networks, whose weights have to be contiguous"
        raise SettingError("channels_last", True, allowed)
    if str(config.trainer.precision) not in (*SHARDED_PRECISIONS, "32", "bf16"):
        allowed = f"{' or '.join(SHARDED_PRECISIONS)} for sharded networks, which have no gradient scaler"
        raise SettingError("trainer.precision", config.trainer.precision, allowed, SHARDED_PRECISIONS)


def leaves_numbers_whole() -> bool:
    """Say whether this version of PyTorch, from 2.7 on, can leave parameters out of the sharding."""
    from torch.distributed.fsdp import fully_shard

    return "ignored_params" in inspect.signature(fully_shard).parameters


def check_numbers(task: ManualTask) -> None:
    """Raise `SettingError` for a player with a parameter of one number, which PyTorch does not split."""
    for role, player in task.players.items():
        number = next((name for name, value in player.named_parameters() if value.dim() == 0), None)
        if number is not None:
            allowed = (
                f"adversarial_ddp with this model, or PyTorch 2.7 or newer (this is {torch.__version__}):"
                f" its {role} has a parameter of one number, {number}"
            )
            raise SettingError("trainer.strategy", "adversarial_fsdp", allowed)


def shares_gradient(task: ManualTask) -> bool:
    """Return whether a penalty would differentiate the loss's own pass, as no finite difference does."""
    regularizers = getattr(task, "all_regularizers", {}).values()
    return any(each.shares and each.differentiates_twice for each in regularizers)


def check_shared_forward(config: DictConfig, task: ManualTask) -> None:
    """Raise `SettingError` where a penalty cannot be taken of the loss's own pass (`task.share_forward`)."""
    if not config.task.get("share_forward") or not shares_gradient(task):
        return
    if config.compile:
        why = "compiled networks cannot be differentiated twice, and a penalty's own pass is not compiled"
        raise SettingError("task.share_forward", True, f"false under compile=true: {why}")
    precision = str(config.trainer.get("precision", "32-true"))
    if precision.endswith("mixed") and config.task.get("share_precision") != "as_is":
        why = "its pass is in half precision, which puts the penalty's gradient off by some per cent"
        allowed = f"false under trainer.precision={precision}, or with task.share_precision=as_is: {why}"
        raise SettingError("task.share_forward", True, allowed)


def compile_networks(task: ManualTask, **options: Any) -> None:
    """Compile the plain passes of all players' networks; names in the state stay as they are.

    Penalties call the networks' own ``forward``: compiled code cannot be differentiated twice (PyTorch issue 91469).

    Args:
        options: see `torch.compile`.
    """
    for player in task.players.values():
        for network in networks_of(player).values():
            network.compile(**options)
