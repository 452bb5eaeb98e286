"""Small games in float64 with plain gradient descent, on which steps are compared to the last digits."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganworks.data import Digits
from ganworks.loss import BCE, AdversarialLoss, RelativisticPairing, Wasserstein
from ganworks.model import DCGANGenerator, MLPDiscriminator, MLPGenerator, StyleGAN2Generator
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.regularizer import (
    R1,
    R2,
    Dragan,
    GradientPenalty,
    PathLength,
    R1Approx,
    R2Approx,
    Regularizer,
    WeightClip,
)
from ganworks.task import AdversarialTask, ExponentialMovingAverage

BATCH, LR = 16, 0.05
SHAPE = (1, 8, 8)


def rank_and_world_size() -> tuple[int, int]:
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


class SharedLatents:
    """Latents in float64; a rank gets its share of those that one process would draw for the global batch."""

    def draw_noise(self, num: int, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        rank, world_size = rank_and_world_size()
        drawn = super().draw_noise(num * world_size, *args, **kwargs)  # type: ignore[misc]
        return {name: noise[rank::world_size].double() for name, noise in drawn.items()}


class SharedGenerator(SharedLatents, MLPGenerator):
    """Perceptrons: no sample depends on another."""


class SharedDCGAN(SharedLatents, DCGANGenerator):
    """Convolutions with conditional batch norm, which mixes the samples of a batch."""


class SharedStyles(SharedLatents, StyleGAN2Generator):
    """Modulated convolutions with mixed styles; no sample depends on another."""


class PartlyUsed(MLPDiscriminator):
    """Its layer `sometimes` sees every other sample of the global batch, those of rank 0; `never` sees none."""

    def __init__(self) -> None:
        super().__init__(SHAPE, width=16, depth=2)
        self.sometimes, self.never = nn.Linear(64, 1), nn.Linear(64, 1)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        rank, world_size = rank_and_world_size()
        logits = super().forward(x, label)
        if rank > 0:
            return logits
        is_seen = torch.arange(len(x)) % (2 // world_size) == 0
        return logits + is_seen * self.sometimes(x.flatten(1)).squeeze(1)


class SharedGradientPenalty(GradientPenalty):
    """Interpolates where one process would for the global batch."""

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        rank, world_size = rank_and_world_size()
        share = torch.rand((len(real) * world_size, 1, 1, 1), generator=rng, dtype=real.dtype)[
            rank::world_size
        ]
        return share * real + (1 - share) * fake


class SharedDragan(Dragan):
    """Looks around where one process would for the global batch."""

    def points(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
        rank, world_size = rank_and_world_size()

        def share(shape: tuple[int, ...], like: Tensor, rng: torch.Generator) -> Tensor:
            drawn = torch.rand((shape[0] * world_size, *shape[1:]), generator=rng, dtype=like.dtype)
            return drawn[rank::world_size]

        with patch("ganworks.regularizer.gradient.uniform", share):
            return super().points(real, fake, rng)


def shared_normal(like: Tensor, rng: torch.Generator) -> Tensor:
    """Noise of N(0, 1); a rank gets its share of what one process would draw for the global batch."""
    rank, world_size = rank_and_world_size()
    shape = (len(like) * world_size, *like.shape[1:])
    return torch.randn(shape, generator=rng, dtype=like.dtype)[rank::world_size]


class SharedR1Approx(R1Approx):
    """Moves samples by the noise that one process would draw for the global batch."""

    def penalty(self, *args: Any) -> Tensor:
        with patch("ganworks.regularizer.approximate.normal", shared_normal):
            return super().penalty(*args)


class SharedR2Approx(SharedR1Approx, R2Approx):
    """The same at the fakes."""

    points = R2Approx.points


class SharedPathLength(PathLength):
    """Looks along the images that one process would draw for the global batch."""

    def penalty(self, *args: Any) -> Tensor:
        with patch("ganworks.regularizer.path_length.normal", shared_normal):
            return super().penalty(*args)


class SharedTask(AdversarialTask):
    """All ranks key their draws alike: the share that each takes of them differs instead."""

    def rng(self, stream: str) -> torch.Generator:
        return keyed_rng(self.seed, 0, stream, self.num_steps, self._part)


def make_task(loss: AdversarialLoss | None = None, num_steps: int = 6, **kwargs: Any) -> AdversarialTask:
    torch.manual_seed(0)
    settings = {
        "generator": SharedGenerator(SHAPE, latent_dim=4, width=16, depth=2),
        "discriminator": MLPDiscriminator(SHAPE, width=16, depth=2),
        "loss": loss or BCE(),
        "optimizers": dict.fromkeys(SharedTask.roles, partial(torch.optim.SGD, lr=LR)),
        "schedule": Constant(),
        "ema": ExponentialMovingAverage(half_life=100.0, ramp_up=None),
        "num_images": num_steps * BATCH,
    }
    return SharedTask(**{**settings, **kwargs}).double()


class DoubleDigits(Digits):
    """Digits in float64, so that two orders of summation agree to 1e-12."""

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return {**batch, "real": batch["real"].double()}


def digits(batch_size: int = BATCH) -> Digits:
    return DoubleDigits(batch_size=batch_size, resolution=8, channels=1)


def fit(
    task: AdversarialTask,
    batch_size: int = BATCH,
    data: Digits | None = None,
    resume: Path | None = None,
    **kwargs: Any,
) -> AdversarialTask:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=-1, logger=False, log_every_n_steps=1, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, **kwargs,
    )  # fmt: skip
    trainer.fit(task, data or digits(batch_size), ckpt_path=resume)
    return task


def largest_difference(first: nn.Module, second: nn.Module) -> float:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return max(float((a.detach() - b.detach()).abs().max()) for a, b in pairs)


GAMES: dict[str, tuple[AdversarialLoss, dict[str, Regularizer], int]] = {
    "bce": (BCE(), {}, 1),
    "bce with smoothed labels and lazy R1": (BCE(label_smoothing=0.1), {"r1": R1(weight=1.0, every=2)}, 1),
    "wgan_gp with five critic steps": (
        Wasserstein(),
        {"gradient_penalty": SharedGradientPenalty(weight=10.0)},
        5,
    ),
    "wgan with clipping": (Wasserstein(), {"weight_clip": WeightClip(bound=0.05)}, 2),
    "r3gan": (RelativisticPairing(), {"r1": R1(weight=0.5), "r2": R2(weight=0.5)}, 1),
}


def conditional() -> dict[str, Any]:
    torch.manual_seed(1)
    generator = SharedDCGAN(SHAPE, latent_dim=4, num_classes=10, width=8, dense_width=16)
    return {"generator": generator, "discriminator": MLPDiscriminator(SHAPE, 10, width=16, depth=2)}


def mixed_styles() -> dict[str, Any]:
    torch.manual_seed(1)
    generator = SharedStyles(SHAPE, latent_dim=4, w_dim=8, num_mapping=2, channel_base=32, channel_max=4)
    return {"generator": generator, "regularizers": {"path_length": SharedPathLength(weight=2.0, every=2)}}
