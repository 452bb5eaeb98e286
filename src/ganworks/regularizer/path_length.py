"""The penalty on the path length of a style-based generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_range
from ganworks.model.layer.precision import full_precision
from ganworks.model.style import StyleGenerator
from ganworks.regularizer.base import Regularizer, WeightSchedule
from ganworks.regularizer.gradient import normal
from ganworks.task.state import global_mean


class PathLength(Regularizer):
    """E(|J_w^T y| - a)^2: a step in W of one size changes the image by one size, y ~ N(0, 1), a the running mean.

    Karras et al. 2020 (StyleGAN2), equation 4 (https://arxiv.org/abs/1912.04958). y is divided by the root of the
    number of pixels, and the length is the root of the mean over layers of the squared length in W. It is computed in
    float32, of samples of its own.

    Args:
        weight, every: see `Regularizer`.
        decay: share of the running mean that a batch replaces, in (0, 1].
        batch_share: samples as a share of the batch, in (0, 1]: the penalty takes more memory than the loss.

    Attributes:
        mean_length: a, a scalar; starts at 0.

    Raises:
        SettingError: a share out of range, or a generator without W.
    """

    player: ClassVar[str] = "generator"
    reads_fakes: ClassVar[bool] = False
    mean_length: Tensor

    def __init__(
        self,
        weight: float | WeightSchedule = 2.0,
        every: int = 4,
        decay: float = 0.01,
        batch_share: float = 0.5,
    ) -> None:
        super().__init__(weight, every)
        self.decay = check_range("decay", decay, 0, 1)
        self.batch_share = check_range("batch_share", batch_share, 0, 1)
        self.register_buffer("mean_length", torch.zeros(()))

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        if not isinstance(network, StyleGenerator):
            allowed = "left out, or a generator with styles, such as that of model=stylegan2"
            raise SettingError("regularizer.path_length", type(network).__name__, allowed)
        like = batch["latent"]
        num = max(1, int(len(like) * self.batch_share))
        label = batch["label"][:num] if network.num_classes else None
        noise = {name: n.to(like) for name, n in network.draw_noise(num, lambda _: rng).items()}
        with torch.autocast(like.device.type, enabled=False), full_precision():
            ws = network.styles(noise.pop("latent"), label, **noise)
            image = network.from_w(ws, **noise)
            lengths = path_lengths(image, ws, normal(image, rng))
        with torch.no_grad():
            mean = global_mean(lengths.mean())  # the penalty is then that of the global batch
            self.mean_length.lerp_(mean.to(self.mean_length), self.decay)
        return (lengths - self.mean_length).square().mean()


def path_lengths(image: Tensor, ws: Tensor, y: Tensor) -> Tensor:
    """Return |J_w^T y| (B,) of images (B, C, H, W) made of ``ws`` (B, num_ws, w_dim), differentiable.

    Args:
        y: as an image, N(0, 1); divided here by sqrt(H W).
    """
    num_pixels = image.shape[2] * image.shape[3]
    (gradient,) = torch.autograd.grad((image * y).sum() / num_pixels**0.5, ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()
