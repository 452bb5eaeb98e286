"""Back to the last good checkpoint without leaving the process."""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
import torch

from ganworks.task import AdversarialTask


def restore(trainer: pl.Trainer, task: AdversarialTask, path: Path, lr_factor: float) -> int:
    """Load networks, optimizers and loss scale of ``path``; return the images that they had seen.

    The clock goes on: `images_seen`, the order of the data and every draw are those of a run that did not go
    back, so that the logs stay one line and the batches that led here do not come again. The learning rates become
    the present ones times ``lr_factor``, for good: the factor is in the optimizers' state.
    """
    checkpoint = torch.load(path, map_location=task.device, weights_only=True)
    groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
    rates = [float(group.get("initial_lr", group["lr"])) for group in groups]
    trainer.strategy.load_model_state_dict(checkpoint)
    trainer.strategy.load_optimizer_state_dict(checkpoint)
    groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
    for group, rate in zip(groups, rates, strict=True):
        group["initial_lr"] = rate * lr_factor
    plugin = trainer.precision_plugin
    if (state := checkpoint.get(type(plugin).__qualname__)) is not None:
        plugin.load_state_dict(state)
    task.guard.reset()
    return int(checkpoint["time"]["images_seen"])
