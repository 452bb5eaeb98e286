"""What `gpu.py` trains: recipes at their published size and as toys, and the ways in which they compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
QUIET = ["metric=none", "callback=basic", "callback.sample_grid.every_images=null", "num_images=1e9",
         "callback.checkpoint.every_images=null", "trainer.log_every_n_steps=1000000", "logger=csv"]  # fmt: skip


def images(resolution: int, batch_size: int, channels: int = 3) -> list[str]:
    """Return the overrides for enlarged digits in the place of a data set."""
    return ["data=digits", f"data.resolution={resolution}", f"data.channels={channels}",
            f"data.batch_size={batch_size}", "data.min_batches=1"]  # fmt: skip


TINY_R3GAN = ["model.width=16", "model.num_blocks=1", "model.generator.latent_dim=8"]
TINY_STYLE = ["model.width=8", "model.generator.latent_dim=8", "model.generator.w_dim=8",
              "model.generator.num_mapping=1", "model.discriminator.num_mapping=1"]  # fmt: skip
# By name: the overrides at the published size, and those of a toy that a CPU runs in a moment. A data set among the
# overrides takes the place of the recipe's.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "dcgan64": (
        ["model=dcgan", "model.width=64", *images(64, 256)],
        ["model=dcgan", "model.width=4", *images(16, 4)],
    ),
    "sngan_cifar10": (
        ["experiment=sngan_cifar10", *images(32, 64)],
        ["experiment=sngan_cifar10", "model.width=2", *images(32, 4)],
    ),
    "stylegan2_ada_cifar10": (
        ["experiment=stylegan2_ada_cifar10", *images(32, 64)],
        ["experiment=stylegan2_ada_cifar10", *TINY_STYLE, *images(16, 4)],
    ),
    "stylegan2_ffhq256": (
        ["experiment=stylegan2_ffhq256", *images(256, 64)],
        ["experiment=stylegan2_ffhq256", *TINY_STYLE, *images(16, 4), "model.discriminator.group_size=4"],
    ),
    "r3gan_cifar10": (
        ["experiment=r3gan_cifar10", *images(32, 256)],
        ["experiment=r3gan_cifar10", *TINY_R3GAN, *images(16, 4)],
    ),
    "r3gan_ffhq64": (
        ["experiment=r3gan_ffhq64", *images(64, 64)],
        ["experiment=r3gan_ffhq64", *TINY_R3GAN, *images(16, 4)],
    ),
}
# A compiled pass has no second derivative: penalties take a pass of their own, which is eager.
APART = ["task.share_forward=false"]
SIDES: dict[str, list[str]] = {
    "eager float32": ["trainer.precision=32-true", "channels_last=false"],
    "bf16, channels last": ["trainer.precision=bf16-mixed", "channels_last=true"],
    "bf16, channels last, compiled": ["trainer.precision=bf16-mixed", "channels_last=true", *APART],
    "bf16, channels last, CUDA graphs": ["trainer.precision=bf16-mixed", "channels_last=true", *APART],
}
COMPILED: dict[str, dict[str, Any]] = {
    "bf16, channels last, compiled": {},
    "bf16, channels last, CUDA graphs": {"mode": "reduce-overhead"},
}


@dataclass(frozen=True)
class Settings:
    """What the command was asked for.

    Args:
        device: "cuda" or "cpu".
        is_toy: small networks, a few steps.
        num_steps: steps that are timed.
    """

    device: str
    is_toy: bool
    num_steps: int

    @property
    def accelerator(self) -> str:
        return "trainer.accelerator=" + ("gpu" if self.device == "cuda" else "cpu")

    def overrides(self, case: str) -> list[str]:
        """Return the overrides of a case at its published size or as a toy."""
        published, toy = CASES[case]
        return [*QUIET, *(toy if self.is_toy else published), self.accelerator]
