"""The kinds of runs of `benchmarks/doctor.py`: healthy ones, and sick ones with what they are sick of."""

# ruff: noqa: E501  a kind a line
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ganworks.data.samples import TensorSamples, to_float
from ganworks.model.noise import Rng
from ganworks.run.build import Run

DIGITS = ("experiment=digits_dcgan", "num_images=24_000", "model.width=16", "metric.num_samples=500", "~metric.measure.kid_digits")  # fmt: skip
SLOW = (*DIGITS, "num_images=60_000")  # for what learns more slowly: lower rates, a smoother or a harder game
MIXTURE = ("experiment=grid_r3gan", "num_images=160_000", "model.width=64")
# Wider modes than in the literature, 10 and 15 sigma apart, so that a short run gets there.
GRID = (*MIXTURE, "data.sigma=0.2")
RING = (*MIXTURE, "data=ring", "data.scale=1.0", "data.sigma=0.05")
NO_R1 = ("regularizer=none",)


@dataclass(frozen=True)
class Kind:
    """One kind of run.

    Args:
        overrides: of the command line.
        expected: the rules of which at least one has to name the trouble; none for a healthy kind.
        also: rules that are right here too.
        change: what no setting does, done to the run before it starts.
        half: the precision is 16-mixed with a gradient scaler.
        every_n_steps: batches between two looks.
    """

    overrides: tuple[str, ...]
    expected: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    change: Callable[[Run], None] | None = None
    half: bool = False
    every_n_steps: int = 5

    @property
    def is_sick(self) -> bool:
        return bool(self.expected)


def few_samples(run: Run, num: int = 10) -> None:
    """Leave ``num`` of the data."""
    samples: Any = run.datamodule.samples
    run.datamodule._samples = TensorSamples(samples.values[:num].clone(), samples.labels[:num].clone())


def rescaled(run: Run, factor: float, shift: float) -> None:
    """Map the data x in [-1, 1] to factor (x + shift)."""
    samples: Any = run.datamodule.samples
    run.datamodule._samples = TensorSamples(factor * (to_float(samples.values) + shift), samples.labels)


def wrong_labels(run: Run) -> None:
    """Deal the labels out anew."""
    samples: Any = run.datamodule.samples
    order = torch.randperm(len(samples.labels), generator=torch.Generator().manual_seed(0))
    run.datamodule._samples = TensorSamples(samples.values, samples.labels[order])


def few_latents(run: Run, num: int) -> None:
    """Let the generator see ``num`` latents, so that it draws as many different samples."""
    for generator in (run.task.generator, run.task.ema_generator):
        some = generator.noise["latent"].draw(num, torch.Generator().manual_seed(run.task.seed))
        generator.draw_noise = partial(choose, some)  # type: ignore[method-assign]


def choose(some: Tensor, num: int, rng: Rng, truncation: float | None = None) -> dict[str, Tensor]:
    """Return ``num`` rows drawn from ``some`` as the latents."""
    return {"latent": some[torch.randint(len(some), (num,), generator=rng("latent"))]}


def copies(run: Run) -> None:
    """Let the averaged generator, which evaluations are of, draw images of the training set."""
    samples: Any = run.datamodule.samples
    images, generator = to_float(samples.values), run.task.ema_generator

    def drawn(latent: Tensor, label: Tensor | None = None) -> Tensor:
        return images[(1e4 * latent.sum(1)).long() % len(images)] + 0 * latent.sum()

    generator.forward = drawn  # type: ignore[method-assign]


@torch.no_grad()
def dead_units(run: Run) -> None:
    """Push most of the hidden units of a perceptron below zero."""
    for generator in (run.task.generator, run.task.ema_generator):
        for layer in list(generator.modules()):
            if isinstance(layer, nn.Linear) and layer.out_features == 64 and layer.bias is not None:
                layer.bias[:56] = -20.0


def batch_norm_critic(run: Run, width: int = 16) -> None:
    """Put batch norm into the critic, past the check that forbids it."""
    from ganworks.model import DCGANDiscriminator

    torch.manual_seed(run.task.seed)
    network = DCGANDiscriminator(run.task.generator.shape, width=width, norm="batch")
    run.task.discriminator = network
    run.task.critics = [replace(critic, network=network) for critic in run.task.critics]


def rates(generator: float, discriminator: float) -> tuple[str, str]:
    """Return the overrides of both learning rates."""
    return (f"optimizer.generator.lr={generator:g}", f"optimizer.discriminator.lr={discriminator:g}")


def on(data: tuple[str, ...], *overrides: str, change: Callable[[Run], None] | None = None) -> Kind:
    return Kind((*data, *overrides), change=change)


def sick(kind: Kind, *expected: str, also: tuple[str, ...] = (), half: bool = False) -> Kind:
    return Kind(kind.overrides, expected, (*also, "upturn"), kind.change, half)


WINS = ("discriminator-wins", "discriminator-overfits")
LOST = ("no-progress", "mode-collapse", "duplicates", "dropped-modes", "low-coverage")
BLOWN = ("not-finite", "exploding-gradient", "large-updates", "not-lipschitz")
# What steps that were far too large leave behind: ReLUs that died, weights grown beyond reach, logits that are huge on
# whichever side they fell.
SPENT = ("dead-units", "small-updates", "vanishing-gradient", "discriminator-blind", "penalty-dominates")
WGAN_GP = (
    "loss=wgan_gp",
    "regularizer=gradient_penalty",
    "regularizer.gradient_penalty.weight=1",
    *rates(1e-3, 1e-3),
)
HEALTHY = {
    "digits, bce, lazy R1": on(DIGITS),
    "digits, bce, R1, constant rate": on(SLOW, "optimizer.schedule.lr_end=1", *rates(5e-4, 5e-4)),
    "digits, r3gan": on(DIGITS, "loss=r3gan", "regularizer=r1_r2", "regularizer.r2.weight=1"),
    "digits, wgan_gp": on(SLOW, *WGAN_GP, "task.n_critic=2"),
    "digits, conditional": on(DIGITS, "model.conditional=true"),
    "digits, hinge, spectral": on(SLOW, "loss=hinge", *NO_R1, "model.discriminator.norm=spectral", *rates(1e-3, 1e-3)),
    "digits, bce, spectral": on(SLOW, *NO_R1, "model.discriminator.norm=spectral", *rates(1e-3, 1e-3)),
    "digits, lsgan, R1": on(DIGITS, "loss=lsgan"),
    "digits, dragan": on(SLOW, "regularizer=dragan", "regularizer.dragan.weight=1"),
    "digits, relativistic, R1": on(DIGITS, "loss=relativistic"),
    "digits, minimax, R1": on(DIGITS, "loss=minimax"),
    "digits, perceptron": on(DIGITS, "model=mlp", "model.width=128", "model.generator.norm=batch", "loss=r3gan", "regularizer=r1_r2"),
    "digits, diffaugment": on(SLOW, "augment=diffaugment", "~augment.cutout"),
    "grid, r3gan": on(GRID),
    "ring, r3gan": on(RING),
    "ring, wgan_gp": on(RING, "loss=wgan_gp", "regularizer=gradient_penalty", "regularizer.gradient_penalty.weight=1", "task.n_critic=3"),
    "ring, bce, R1 + R2": on(RING, "loss=bce", "regularizer=r1_r2"),
}  # fmt: skip
SICK = {
    "both rates x 100": sick(on(DIGITS, *rates(0.2, 0.2)), *BLOWN, *LOST, also=(*WINS, *SPENT)),
    "ring, both rates x 100": sick(on(RING, *rates(0.2, 0.2)), *BLOWN, *LOST, also=(*WINS, *SPENT)),
    "ring, G's rate x 100": sick(on(RING, *rates(0.2, 2e-3)), *BLOWN, *LOST, also=(*WINS, *SPENT)),
    "rates / 10,000": sick(on(DIGITS, *rates(2e-7, 2e-7)), "small-updates", also=(*LOST, "discriminator-blind")),
    "WGAN without penalty": sick(on(DIGITS, "loss=wgan", *NO_R1, "model.discriminator.norm=none"), "not-lipschitz", "exploding-gradient", also=("not-finite", "discriminator-blind", *LOST, *WINS)),
    "tiny D": sick(on(DIGITS, "model.discriminator.width=1", "model.discriminator.dense_width=1"), "discriminator-blind", also=LOST),
    "D without a gradient": sick(on(DIGITS, "regularizer.r1.weight=1e5"), "penalty-dominates", "discriminator-blind", also=LOST),
    "ten images": sick(on(DIGITS, *NO_R1, "data.batch_size=10", "num_images=6_000", "metric.measure.precision_recall_digits.num_neighbours=2", change=few_samples), "memorised", *WINS, also=LOST),
    "G of copies": sick(on(DIGITS, change=copies), "memorised"),
    "one-mode G": sick(on(DIGITS, change=partial(few_latents, num=1)), "mode-collapse", "duplicates", also=(*LOST, *WINS, "dead-units", "vanishing-gradient")),
    "eight-mode G": sick(on(DIGITS, change=partial(few_latents, num=8)), "duplicates", also=(*LOST, *WINS)),
    "dead ReLUs": sick(on(DIGITS, "model=mlp", "model.width=64", *rates(1e-4, 1e-4), change=dead_units), "dead-units", also=(*LOST, *WINS, "small-updates")),
    "data in [0, 1]": sick(on(DIGITS, change=partial(rescaled, factor=0.5, shift=1.0)), "data-range", also=(*LOST, *WINS)),
    "data in [0, 255]": sick(on(DIGITS, change=partial(rescaled, factor=127.5, shift=1.0)), "data-range", also=(*LOST, *WINS, *BLOWN, "vanishing-gradient", "penalty-dominates")),
    "labels dealt anew": sick(on(DIGITS, "model.conditional=true", change=wrong_labels), "random-labels", "labels-ignored"),
    "batch norm under GP": sick(on(DIGITS, *WGAN_GP, "task.n_critic=2", change=batch_norm_critic), "penalised-batch-norm", also=(*LOST, "not-lipschitz", "penalty-dominates")),
    "fp16 overflow": sick(on(DIGITS, "loss=wgan", *NO_R1, "model.discriminator.norm=none", *rates(2e-2, 2e-2)), "not-finite", "scaler-skips", also=(*BLOWN, *LOST, *WINS), half=True),
    "D's rate x 100 of G's": sick(on(DIGITS, *NO_R1, "model.discriminator.norm=none", *rates(2e-5, 2e-3)), *WINS, also=(*LOST, "vanishing-gradient")),
    "saturated minimax": sick(on(DIGITS, "loss=minimax", *NO_R1, "model.discriminator.norm=none", *rates(1e-4, 2e-3)), "vanishing-gradient", *WINS, also=LOST),
    "bce, no penalty": sick(on(DIGITS, *NO_R1, *rates(1e-3, 5e-4)), *WINS, *LOST),
    "perceptron, R1 alone": sick(on(DIGITS, "model=mlp", "model.width=128", *rates(1e-3, 1e-3)), *WINS, *LOST),
    "grid, minimax, momentum": sick(on(GRID, "loss=minimax", *NO_R1, "optimizer.generator.betas=[0.9,0.99]", "optimizer.discriminator.betas=[0.9,0.99]"), *LOST, "vanishing-gradient", also=(*WINS, *BLOWN)),
    "ring, small G against a fast D": sick(on(RING, "loss=bce", *NO_R1, *rates(5e-4, 1e-2), "model.generator.width=8"), *LOST, *WINS, also=("vanishing-gradient")),
    "grid, small G against a fast D": sick(on(GRID, "loss=bce", *NO_R1, *rates(5e-4, 1e-2), "model.generator.width=8"), *LOST, *WINS, also=("vanishing-gradient")),
}  # fmt: skip
KINDS = HEALTHY | SICK
