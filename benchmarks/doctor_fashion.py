"""The kinds of runs on Fashion-MNIST at 32x32 of `benchmarks/doctor.py --zoo fashion`: three networks, well and sick.

The networks are DCGAN, R3GAN's and StyleGAN2's in narrow forms, and the settings those of the experiments fashion_dcgan,
fashion_r3gan and fashion_stylegan2 at a tenth to a thirtieth of their length.
"""

# ruff: noqa: E501  a kind a line
from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
from doctor_zoo import (
    BLOWN,
    LOST,
    NO_R1,
    SPENT,
    WINS,
    batch_norm_critic,
    few_samples,
    on,
    rates,
    rescaled,
    sick,
    wrong_labels,
)
from torch import nn

from ganworks.run.build import Run


def lasting(num_images: int) -> tuple[str, ...]:
    """Return the overrides of a run's length with five evaluations in it."""
    return (f"num_images={num_images}", f"metric.every_images={num_images // 5}")


# Against 2,000 images, whose features the cache keeps.
MEASURED = ("metric.num_samples=300", "metric.num_samples_training=300", "metric.num_reals=2_000", "~metric.measure.kid_fashion")  # fmt: skip
DCGAN = ("experiment=fashion_dcgan", *lasting(24_000), "data.batch_size=32", "model.width=12", *MEASURED)
SLOW = (*DCGAN, *lasting(36_000))  # for what learns more slowly
R3GAN = ("experiment=fashion_r3gan", *lasting(8_000), "model.widths=[32,16,16,8]", *MEASURED)  # fmt: skip
STYLEGAN2 = ("experiment=fashion_stylegan2", *lasting(8_000), "model.width=24", "model.channel_base=256", *MEASURED)  # fmt: skip
BARE = ("model.discriminator.norm=none",)
FEW = ("data.batch_size=10", "metric.measure.precision_recall_fashion.num_neighbours=2")


@torch.no_grad()
def dead_units(run: Run, share: float = 0.85) -> None:
    """Push most channels behind the generator's batch norms below zero."""
    for generator in (run.task.generator, run.task.ema_generator):
        for layer in generator.modules():
            if isinstance(layer, nn.BatchNorm2d) and layer.bias is not None:
                layer.bias[: int(share * len(layer.bias))] = -20.0


WGAN_GP = (
    "loss=wgan_gp",
    "regularizer=gradient_penalty",
    "regularizer.gradient_penalty.weight=1",
    "task.n_critic=2",
)
HEALTHY = {
    "fashion dcgan, bce, lazy R1": on(DCGAN),
    "fashion dcgan, conditional": on(DCGAN, "model.conditional=true"),
    "fashion dcgan, r3gan loss": on(DCGAN, "loss=r3gan", "regularizer=r1_r2", "regularizer.r2.weight=1"),
    "fashion dcgan, hinge, spectral": on(SLOW, "loss=hinge", *NO_R1, "model.discriminator.norm=spectral"),
    "fashion dcgan, lsgan, R1": on(DCGAN, "loss=lsgan"),
    "fashion dcgan, wgan_gp": on(SLOW, *WGAN_GP),
    "fashion dcgan, diffaugment": on(SLOW, "augment=diffaugment", "~augment.cutout"),
    "fashion r3gan": on(R3GAN),
    "fashion r3gan, bce": on(R3GAN, "loss=bce"),
    "fashion stylegan2": on(STYLEGAN2),
    "fashion stylegan2, hinge": on(STYLEGAN2, "loss=hinge"),
    "fashion stylegan2, ada": on(STYLEGAN2, "augment=ada"),
}  # fmt: skip
SICK = {
    "fashion dcgan, G's rate x 1,000": sick(on(DCGAN, *rates(1.0, 1e-3), "optimizer.schedule.lr_end=1"), *LOST, *BLOWN, also=(*WINS, *SPENT)),
    "fashion dcgan, both rates x 100": sick(on(DCGAN, *rates(0.1, 0.1)), *BLOWN, *LOST, also=(*WINS, *SPENT)),
    "fashion dcgan, rates / 10,000": sick(on(DCGAN, *rates(1e-7, 1e-7)), "small-updates", also=(*LOST, "discriminator-blind")),
    "fashion dcgan, D's rate x 100 of G's": sick(on(DCGAN, *NO_R1, *BARE, *rates(2e-5, 2e-3)), *WINS, also=(*LOST, "vanishing-gradient")),
    "fashion dcgan, saturated minimax": sick(on(DCGAN, "loss=minimax", *NO_R1, *BARE, *rates(1e-4, 2e-3)), "vanishing-gradient", *WINS, also=LOST),
    "fashion dcgan, WGAN without penalty": sick(on(DCGAN, "loss=wgan", *NO_R1, *BARE), "not-lipschitz", "exploding-gradient", also=("not-finite", "discriminator-blind", *LOST, *WINS)),
    "fashion dcgan, D without a gradient": sick(on(DCGAN, "regularizer.r1.weight=1e5", "regularizer.r1.every=1"), "penalty-dominates", "discriminator-blind", also=LOST),
    "fashion dcgan, tiny D": sick(on(DCGAN, "model.discriminator.width=1"), "discriminator-blind", also=LOST),
    "fashion dcgan, ten images": sick(on(DCGAN, *NO_R1, *BARE, *FEW, *lasting(6_000), change=few_samples), "memorised", *WINS, also=LOST),
    "fashion dcgan, dead ReLUs": sick(on(DCGAN, *rates(1e-4, 1e-4), change=dead_units), "dead-units", also=(*LOST, *WINS, "small-updates")),
    "fashion dcgan, data in [0, 255]": sick(on(DCGAN, change=partial(rescaled, factor=127.5, shift=1.0)), "data-range", also=(*LOST, *WINS, *BLOWN, "vanishing-gradient", "penalty-dominates")),
    "fashion dcgan, labels dealt anew": sick(on(DCGAN, "model.conditional=true", change=wrong_labels), "random-labels", "labels-ignored"),
    "fashion dcgan, batch norm under R1": sick(on(DCGAN, "regularizer.r1.every=1", change=partial(batch_norm_critic, width=12)), "penalised-batch-norm", also=(*LOST, "penalty-dominates", "discriminator-blind")),
    "fashion dcgan, fp16 overflow": sick(on(DCGAN, *lasting(10_000), "loss=wgan", *NO_R1, *BARE, *rates(2e-2, 2e-2)), "not-finite", "scaler-skips", also=(*BLOWN, *LOST, *WINS), half=True),
    "fashion r3gan, D fast, no penalty": sick(on(R3GAN, *NO_R1, *rates(1e-4, 1e-2)), *WINS, *LOST, also=(*BLOWN, "vanishing-gradient")),
    "fashion r3gan, both rates x 30": sick(on(R3GAN, *rates(0.1, 0.1)), *BLOWN, *LOST, also=(*WINS, *SPENT)),
    "fashion r3gan, D without a gradient": sick(on(R3GAN, "regularizer.r1.weight=1e5", "regularizer.r2.weight=1e5"), "penalty-dominates", "discriminator-blind", also=LOST),
    "fashion stylegan2, G's rate x 30": sick(on(STYLEGAN2, *rates(0.3, 1e-2)), *LOST, *BLOWN, also=(*WINS, *SPENT)),
    "fashion stylegan2, D fast, no penalty": sick(on(STYLEGAN2, *NO_R1, *rates(1e-3, 3e-2)), *WINS, *LOST, also=(*BLOWN, "vanishing-gradient")),
    "fashion stylegan2, WGAN without penalty": sick(on(STYLEGAN2, "loss=wgan", *NO_R1), "not-lipschitz", "exploding-gradient", also=("not-finite", "discriminator-blind", *LOST, *WINS)),
    "fashion stylegan2, ten images": sick(on(STYLEGAN2, *NO_R1, *FEW, *lasting(4_000), "model.discriminator.group_size=2", change=few_samples), "memorised", *WINS, also=LOST),
}  # fmt: skip
KINDS = {name: replace(kind, every_n_steps=10) for name, kind in (HEALTHY | SICK).items()}
