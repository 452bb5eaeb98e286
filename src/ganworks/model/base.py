"""What every generator and every discriminator offers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count


class Generator(nn.Module, ABC):
    """A network from latents (B, latent_dim), and labels (B,) if it is conditional, to samples (B, *shape).

    Args:
        shape: shape of a sample, (C, H, W) for images in [-1, 1] or (D,) for vectors.
        latent_dim: length of a latent, from 1 up.
        num_classes: number of classes; 0 makes it unconditional, and labels are then ignored.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int, num_classes: int = 0) -> None:
        super().__init__()
        self.shape = tuple(check_count("shape", size) for size in shape)
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.num_classes = check_count("num_classes", num_classes, at_least=0)

    @abstractmethod
    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the samples (B, *shape) that belong to the latents (B, latent_dim) and labels (B,)."""

    def draw_latent(
        self,
        num: int,
        rng: torch.Generator,
        truncation: float | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Return standard normal latents (num, latent_dim), drawn on the device of ``rng``.

        With ``truncation`` t every coordinate comes from the normal distribution restricted to [-t, t]: less
        variety for more fidelity, Brock et al. 2019 (BigGAN), section 3.1 (https://arxiv.org/abs/1809.11096).
        """
        shape = (num, self.latent_dim)
        if truncation is None:
            latent = torch.randn(shape, generator=rng, device=rng.device)
        else:
            latent = truncated_normal(shape, rng, truncation)
        return latent if device is None else latent.to(device)


class Discriminator(nn.Module, ABC):
    """A network from samples (B, *shape), and labels (B,) if it is conditional, to logits (B,).

    Args:
        shape: shape of a sample, (C, H, W) for images in [-1, 1] or (D,) for vectors.
        num_classes: number of classes; 0 makes it unconditional, and labels are then ignored.
    """

    def __init__(self, shape: Sequence[int], num_classes: int = 0) -> None:
        super().__init__()
        self.shape = tuple(check_count("shape", size) for size in shape)
        self.num_classes = check_count("num_classes", num_classes, at_least=0)

    @abstractmethod
    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logits (B,) of the samples (B, *shape) with their labels (B,)."""


def truncated_normal(shape: tuple[int, ...], rng: torch.Generator, bound: float) -> Tensor:
    """Return draws of the normal distribution restricted to [-bound, bound], by the inverse of its CDF."""
    if not bound > 0:
        raise SettingError("truncation", bound, "a number above 0, or null for none")
    uniform = 2 * torch.rand(shape, generator=rng, device=rng.device) - 1
    normal = math.sqrt(2) * torch.erfinv(uniform * math.erf(bound / math.sqrt(2)))
    return normal.clamp(-bound, bound)


def require_label(label: Tensor | None) -> Tensor:
    """Return the labels of a conditional network; raise ValueError where they are missing."""
    if label is None:
        raise ValueError("a conditional network needs the labels: pass `label`, int64 of shape (B,)")
    return label
