"""Back to the last good checkpoint without leaving the process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytorch_lightning as pl

from ganworks.sample.loading import BEST, LAST, PREVIOUS, damage_of, read_checkpoint
from ganworks.staged import staged
from ganworks.task import AdversarialTask


def way_back(folder: Path, restored: list[tuple[int, int]]) -> tuple[Path | None, list[tuple[int, int]]]:
    """Return the checkpoint in ``folder`` to restore, and what of ``restored`` counts for the next time.

    The last one at first; where that led to a divergence again, the one before it and so on: `last.previous.ckpt`,
    `best.ckpt`, whichever is newer; where there is none older, the oldest once more, which now meets other batches at
    lower rates. Once two checkpoints were written after a restore the run is well, and the earlier ones are forgotten.

    Args:
        restored: of each restore the images seen at it, and by the networks that it went back to.
    """
    paths = [folder / name for name in (LAST, PREVIOUS, BEST)]
    sound = {path: read_checkpoint(path)["time"]["images_seen"] for path in paths if damage_of(path) is None}
    ages = sorted(set(sound.values()), reverse=True)
    if restored and sum(images > restored[-1][0] for images in ages) >= 2:
        restored = []
    tried = [images for _, images in restored]
    older = [images for images in ages if not tried or images < min(tried)] or ages[-1:]
    return next((path for path in paths if older and sound.get(path) == older[0]), None), restored


def take_as_last(path: Path) -> None:
    """Have the run go on from the checkpoint ``path``, which then is the predecessor of the next one."""
    if path.name != LAST:
        with staged(path.with_name(LAST)) as temporary:
            shutil.copyfile(path, temporary)


def restore(trainer: pl.Trainer, task: AdversarialTask, path: Path, lr_factor: float) -> int:
    """Load networks, optimizers and loss scale of ``path``; return the images that they had seen.

    The clock goes on: `images_seen`, the order of the data and every draw are those of a run that did not go
    back, so that the logs stay one line and the batches that led here do not come again. The learning rates become
    the present ones times ``lr_factor``, for good: the factor is in the optimizers' state.
    """
    checkpoint = read_checkpoint(path, task.device)
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
