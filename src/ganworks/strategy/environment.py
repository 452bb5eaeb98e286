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

OURS = ("adversarial_ddp", "adversarial_ddp_backward", "adversarial_fsdp")


def check_name(strategy: Any) -> None:
    """Raise `SettingError` unless ``strategy`` is a name that is registered; objects pass."""
    names = ["auto", *OURS, *StrategyRegistry.available_strategies()]
    if isinstance(strategy, str) and strategy not in names:
        theirs = [name for name in names if name not in ("auto", *OURS)]
        allowed = f"auto, {', '.join(OURS)}, or one of Lightning's: {', '.join(theirs)}"
        raise SettingError("strategy", strategy, allowed, names)


def check_processes(num_devices: int, num_nodes: int) -> None:
    """Raise `SettingError` where other processes were started than the settings want."""
    if TorchElasticEnvironment.detect():
        starter, total = "torchrun", int(os.environ["WORLD_SIZE"])
        on_each = int(os.environ.get("LOCAL_WORLD_SIZE", total))
    elif SLURMEnvironment.detect():
        starter, total = "SLURM", int(os.environ["SLURM_NTASKS"])
        on_each = total // int(os.environ.get("SLURM_NNODES", 1))
    elif num_nodes > 1 and not LightningEnvironment().creates_processes_externally:
        allowed = "1, unless torchrun or srun starts the command on every node"
        raise SettingError("num_nodes", num_nodes, allowed)
    else:
        return
    if (num_devices, num_nodes) != (on_each, total // on_each):
        allowed = (
            f"{on_each}, with trainer.num_nodes={total // on_each}: {starter} has started {total} process(es)"
        )
        raise SettingError("devices", f"{num_devices} trainer.num_nodes={num_nodes}", allowed)
