"""Small translators in float64 and the bare loops that they are held against."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from ganworks.data import PrintedDigits
from ganworks.loss import LeastSquares
from ganworks.model import PatchDiscriminator
from ganworks.optimizer import Constant
from ganworks.task import AdversarialTask, ExponentialMovingAverage

LOOPS = Path(__file__).parents[1] / "benchmarks" / "loops"
BATCH, SHAPE = 8, (1, 8, 8)
SMALL: dict[str, Any] = {"width": 4, "num_down": 1, "num_blocks": 2, "kernel_size": 3}


def loop(name: str) -> ModuleType:
    """Return the module ``benchmarks/loops/<name>.py``."""
    spec = importlib.util.spec_from_file_location(f"loops_{name}", LOOPS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class DoubleDigits(PrintedDigits):
    """Both domains in float64, so that two orders of summation agree to 1e-12."""

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return doubled(batch)


def doubled(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the batch with its images in float64."""
    return {name: rows.double() if rows.is_floating_point() else rows for name, rows in batch.items()}


def critic(num_classes: int = 0) -> PatchDiscriminator:
    return PatchDiscriminator(SHAPE, width=4, num_layers=1, norm="none", num_classes=num_classes)


def make(task: type[AdversarialTask], generator: Any, discriminator: Any, **kwargs: Any) -> Any:
    """Return a task in float64 with Adam."""
    settings: dict[str, Any] = {
        "loss": LeastSquares(),
        "optimizers": dict.fromkeys(task.roles, partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.99))),
        "schedule": Constant(),
        "ema": ExponentialMovingAverage(half_life=100.0, ramp_up=None),
        "num_images": 12 * BATCH,
    }
    return task(generator=generator, discriminator=discriminator, **{**settings, **kwargs}).double()


def fit(task: AdversarialTask, data: PrintedDigits | None = None) -> AdversarialTask:
    """Train a task to its end."""
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=-1, logger=False, log_every_n_steps=1, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(task, data or DoubleDigits(batch_size=BATCH))
    return task


def batches(num: int, data: PrintedDigits | None = None) -> list[dict[str, Tensor]]:
    """Return the first batches of the data, in float64."""
    loader = iter((data or DoubleDigits(batch_size=BATCH)).train_dataloader())
    return [doubled(next(loader)) for _ in range(num)]


def largest_difference(first: nn.Module, second: nn.Module) -> float:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((a.detach() - b.detach()).abs().max()) for a, b in pairs)
