"""Normalisation of activations and of weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.parametrizations import spectral_norm

from ganworks.errors import check_choice
from ganworks.model.base import require_label
from ganworks.model.layer.condition import ConditionEmbedding


class BatchNorm(nn.BatchNorm2d):
    """Batch norm of (B, C) or (B, C, H, W); takes a label as well, and ignores it.

    Attributes:
        over_ranks: take mean and variance over the batches of all ranks in training.
    """

    over_ranks = False

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        if self.over_ranks and self.training and is_shared():
            return self._normalize_over_ranks(x)
        return super().forward(x)

    def _normalize_over_ranks(self, x: Tensor) -> Tensor:
        """Normalize by the statistics of the global batch; ranks hold equally many samples."""
        dims = [0, *range(2, x.dim())]
        x32 = x.to(torch.promote_types(x.dtype, torch.float32))
        variance, mean = torch.var_mean(x32, dims, correction=0)
        means, variances = gather(torch.stack([mean, variance])).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        num = len(means) * x.numel() / x.shape[1]
        self._follow(mean.detach(), variance.detach() * num / (num - 1))
        shape = (1, -1, *[1] * (x.dim() - 2))
        normed = (x32 - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normed = normed * self.weight.view(shape) + self.bias.view(shape)
        return normed.to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean), momentum)
        self.running_var.lerp_(variance.to(self.running_var), momentum)

    def _check_input_dim(self, x: Tensor) -> None:
        pass


class ConditionalBatchNorm(BatchNorm):
    """Batch norm with a gain and a bias for every class.

    Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629), used as in Miyato and Koyama 2018.
    """

    def __init__(self, num_features: int, num_classes: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum, affine=False)
        self.gain = ConditionEmbedding(num_classes, num_features, origin=1.0)
        self.shift = ConditionEmbedding(num_classes, num_features)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        label, normed = require_label(label), super().forward(x)
        broadcast = (x.shape[0], -1, *[1] * (x.dim() - 2))
        return self.gain(label).view(broadcast) * normed + self.shift(label).view(broadcast)


def batch_norm(num_features: int, num_classes: int = 0) -> BatchNorm:
    """Return a generator's batch norm, conditional where there are classes."""
    return ConditionalBatchNorm(num_features, num_classes) if num_classes else BatchNorm(num_features)


class Gather(torch.autograd.Function):
    """A tensor of every rank, stacked; the gradient of each comes back from all ranks."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.stack(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()]


def gather(tensor: Tensor) -> Tensor:
    """Return the ``tensor`` of every rank, (num_ranks, *shape)."""
    return Gather.apply(tensor)


def is_shared() -> bool:
    """Say whether several ranks train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


# What a name says about a layer's output. "spectral" is about its weights: `finish_norm`.
OUTPUT_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": nn.Identity,
    "batch": BatchNorm,
    "layer": partial(nn.GroupNorm, 1),  # over channels and positions of a sample
    "spectral": nn.Identity,
}


def output_norm(norm: str, num_features: int) -> nn.Module:
    """Return what follows a layer in a discriminator whose norm is none, batch, layer or spectral."""
    return OUTPUT_NORMS[check_choice("norm", norm, OUTPUT_NORMS)](num_features)


def finish_norm(norm: str, network: nn.Module) -> None:
    """Divide every weight of ``network`` by its largest singular value if the norm is spectral.

    Miyato et al. 2018, equation 8 (https://arxiv.org/abs/1802.05957). To be called after initialisation.
    """
    if check_choice("norm", norm, MAP_NORMS) == "spectral":
        for layer in list(network.modules()):
            if isinstance(layer, nn.Linear | nn.Embedding | nn.modules.conv._ConvNd):
                spectral_norm(layer)


# Of feature maps, per sample: Ulyanov et al. 2016 (https://arxiv.org/abs/1607.08022).
MAP_NORMS: dict[str, Callable[[int], nn.Module]] = {**OUTPUT_NORMS, "instance": nn.InstanceNorm2d}


def map_norm(norm: str, num_features: int) -> nn.Module:
    """Return what follows a convolution in a fully convolutional network; `OUTPUT_NORMS`, and "instance"."""
    return MAP_NORMS[check_choice("norm", norm, MAP_NORMS)](num_features)


def affine_map_norm(norm: str, num_features: int) -> nn.Module:
    """Return as `map_norm`; "instance" has a gain and a shift, as the batch norm of a batch of one has."""
    return (
        nn.InstanceNorm2d(num_features, affine=True) if norm == "instance" else map_norm(norm, num_features)
    )
