"""Names of strategies, and what started the processes of a run: ourselves, torchrun or SLURM."""

from __future__ import annotations

import os
from typing import Any

from lightning_fabric.plugins.environments import (
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from pytorch_lightning.strategies import StrategyRegistry

from ganworks.errors import SettingError
from ganworks.started import TASK, ignore

OURS = ("adversarial_ddp", "adversarial_ddp_backward", "adversarial_fsdp")
# Of Lightning's the one that lets a backward pass leave parameters out, to compare with, and those of one device.
WORKING = ("auto", *OURS, "ddp_find_unused_parameters_true", "single_device")


def check_strategy(strategy: Any) -> None:
    """Raise `SettingError` unless ``strategy`` is a name that can train several networks; objects pass."""
    if not isinstance(strategy, str) or strategy in WORKING:
        return
    if strategy in StrategyRegistry.available_strategies():
        is_sharding = strategy.startswith(("fsdp", "deepspeed"))
        instead = "adversarial_fsdp (trainer=fsdp)" if is_sharding else f"auto, which is {OURS[0]} on several"
        allowed = f"{instead}: Lightning's own is made for one network with one optimizer"
        raise SettingError("strategy", strategy, allowed)
    raise SettingError("strategy", strategy, ", ".join(WORKING), WORKING)


def read_slurm(num_devices: Any, num_nodes: Any) -> None:
    """Ignore SLURM's variables where the settings want one process, and nothing says that there are others."""
    is_one = str(num_devices) == str(num_nodes) == "1"
    if is_one and os.environ.get("SLURM_PROCID") == "0" and "SLURM_STEP_NUM_TASKS" not in os.environ:
        ignore([name for name in TASK if name in os.environ and os.environ.get("SLURM_NTASKS") != "1"])
    if "SLURM_NTASKS" in os.environ:  # Lightning wants to be told what `srun --ntasks` alone leaves out
        on_each = int(os.environ["SLURM_NTASKS"]) // int(os.environ.get("SLURM_NNODES", 1))
        os.environ.setdefault("SLURM_NTASKS_PER_NODE", str(on_each))


def check_processes(num_devices: int, num_nodes: int) -> None:
    """Raise `SettingError` where other processes were started than the settings want."""
    if TorchElasticEnvironment.detect():
        starter, total = "torchrun", int(os.environ["WORLD_SIZE"])
        on_each = int(os.environ.get("LOCAL_WORLD_SIZE", total))
    elif SLURMEnvironment.detect():
        starter, total = "SLURM", int(os.environ["SLURM_NTASKS"])
        on_each = total // int(os.environ.get("SLURM_NNODES", 1))
    elif LightningEnvironment().creates_processes_externally:
        starter, total = "LOCAL_RANK and WORLD_SIZE say that whoever set them", int(os.environ["WORLD_SIZE"])
        on_each = total // num_nodes
    elif num_nodes > 1:
        allowed = "1, unless torchrun or srun starts the command on every node"
        raise SettingError("num_nodes", num_nodes, allowed)
    else:
        return
    if (num_devices, num_nodes) != (on_each, total // on_each):
        allowed = (
            f"{on_each}, with trainer.num_nodes={total // on_each}: {starter} has started {total} process(es)"
        )
        raise SettingError("devices", f"{num_devices} trainer.num_nodes={num_nodes}", allowed)
