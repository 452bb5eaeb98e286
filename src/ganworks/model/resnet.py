"""Residual networks without normalisation, after R3GAN, sized by width and resolution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator, Generator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import ProjectionHead
from ganworks.model.layer.names import places, renamed
from ganworks.model.layer.norm import finish_norm, map_norm, output_norm
from ganworks.model.layer.shape import BASE, base_of, channels_by_stage, check_image_shape

SLOPE = 0.2


class ResnetGenerator(Generator):
    """Mapping network, residual blocks from 4x4 up with bilinear upsampling between the stages, tanh at the end.

    After R3GAN, Huang et al. 2024, section 3 (https://arxiv.org/abs/2501.05441), made quick on a CPU: blocks of
    two full 3x3 convolutions instead of three grouped ones twice as wide, on feature maps whose positions stand
    for patches of pixels. The mapping network is that of StyleGAN, Karras et al. 2019, section 2. A conditional
    one gets a learned vector of its class beside the latent.

    Args:
        shape: (C, R, R), R a power of two from 8 up, or a rectangle; see `check_image_shape`. Any number of channels.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels of the largest feature map; they double as the side halves, up to 8 times.
        dense_width: units of the mapping network's two layers.
        num_blocks: residual blocks at each resolution.
        patch_size: the largest feature map has the side R / patch_size, from 4 to R.

    Raises:
        SettingError: ``resolution``, ``shape``, ``patch_size`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 64,
        num_classes: int = 0,
        width: int = 32,
        dense_width: int = 256,
        num_blocks: int = 1,
        patch_size: int = 2,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        sizes = stage_channels(self.shape, width, patch_size)
        self.embedding = ConditionEmbedding(num_classes, latent_dim) if num_classes else None
        self.mapping = nn.Sequential(
            dense(latent_dim * (2 if num_classes else 1), dense_width), dense(dense_width, dense_width)
        )
        self.base = base_of(self.shape)
        self.project = nn.Linear(dense_width, sizes[0] * math.prod(self.base))
        self.stages = nn.ModuleList(stage(size, num_blocks) for size in sizes)
        self.transitions = nn.ModuleList(
            nn.Conv2d(num_in, num_out, 1, bias=False) for num_in, num_out in itertools.pairwise(sizes)
        )
        self.to_image = nn.ConvTranspose2d(sizes[-1], self.shape[0], patch_size + 2, patch_size, padding=1)
        init_residual(self, [self.mapping[0][0], *self.transitions])  # type: ignore[index]

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            latent = torch.cat([latent, self.embedding(require_label(label))], dim=1)
        x = self.project(self.mapping(latent)).unflatten(1, (-1, *self.base))
        x = self.stages[0](x)
        for transition, blocks in zip(self.transitions, self.stages[1:], strict=True):
            x = interpolate(transition(x), scale_factor=2, mode="bilinear", align_corners=False)
            x = blocks(x)
        return self.to_image(leaky_relu(x, SLOPE)).tanh()

    @staticmethod
    def names_by_resolution(names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: all layers but the last count from 4x4 up."""
        largest = BASE << max(places(names, "stages"), default=0)
        return renamed(names, {"to_image": f"b{largest}.to_image"})


class ResnetDiscriminator(Discriminator):
    """The mirror image of `ResnetGenerator`: residual blocks down to 4x4, 2x2 averages between the stages.

    A dense layer reads the 4x4 map as in StyleGAN2, Karras et al. 2020; a conditional one has a projection head.

    Args:
        shape: (C, R, R), R a power of two from 8 up, or a rectangle; see `check_image_shape`. Any number of channels.
        num_classes: 0 for unconditional.
        width: channels of the largest feature map; they double as the side halves, up to 8 times.
        dense_width: units of the dense layer.
        num_blocks: residual blocks at each resolution.
        patch_size: the largest feature map has the side R / patch_size, from 4 to R.
        norm: "none" as in R3GAN, "batch", "layer" or "spectral"; no batch norm under a per-sample penalty.

    Raises:
        SettingError: ``resolution``, ``shape``, ``patch_size``, ``norm`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 32,
        dense_width: int = 256,
        num_blocks: int = 1,
        patch_size: int = 2,
        norm: str = "none",
    ) -> None:
        super().__init__(shape, num_classes)
        sizes = stage_channels(self.shape, width, patch_size)[::-1]
        self.from_image = nn.Conv2d(self.shape[0], sizes[0], patch_size + 2, patch_size, padding=1)
        self.stages = nn.ModuleList(stage(size, num_blocks, norm) for size in sizes)
        self.transitions = nn.ModuleList(
            nn.Conv2d(num_in, num_out, 1, bias=False) for num_in, num_out in itertools.pairwise(sizes)
        )
        self.dense = dense(sizes[-1] * math.prod(base_of(self.shape)), dense_width, norm)
        init_residual(self, [self.from_image, *self.transitions])
        self.head = ProjectionHead(dense_width, num_classes)
        finish_norm(norm, self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        x = self.stages[0](self.from_image(x))
        for transition, blocks in zip(self.transitions, self.stages[1:], strict=True):
            x = blocks(transition(avg_pool2d(x, 2)))
        return self.head(self.dense(leaky_relu(x, SLOPE).flatten(1)), label)

    @staticmethod
    def names_by_resolution(names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: b16 is the stage of the map of side 16."""
        last = max(places(names, "stages"), default=0)
        modules = {"from_image": f"b{BASE << last}.from_image"}
        for place in range(last + 1):
            side = BASE << (last - place)
            modules[f"stages.{place}"] = f"b{side}.stage"
            modules[f"transitions.{place}"] = f"b{side}.transition"
        return renamed(names, modules)


class ResidualBlock(nn.Module):
    """x + conv3x3(act(norm(conv3x3(act(norm(x)))))), (B, C, H, W) to the same.

    Args:
        num_channels: C.
        norm: norm of what the convolutions see.
    """

    def __init__(self, num_channels: int, norm: str = "none") -> None:
        super().__init__()
        self.first_norm, self.last_norm = (map_norm(norm, num_channels) for _ in range(2))
        self.first, self.last = (nn.Conv2d(num_channels, num_channels, 3, padding=1) for _ in range(2))
        self.starts_at_zero = norm != "spectral"  # a zero weight has no largest singular value to divide by

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(leaky_relu(self.first_norm(x), SLOPE))
        return x + self.last(leaky_relu(self.last_norm(h), SLOPE))


def stage_channels(shape: Sequence[int], width: int, patch_size: int) -> list[int]:
    """Return the channels of the stages from 4x4 up to the side R / patch_size; check all three settings."""
    _, resolution = check_image_shape(shape)
    width, patch_size = check_count("width", width), check_count("patch_size", patch_size)
    if patch_size & (patch_size - 1) or patch_size * BASE > resolution:
        allowed = f"a power of two from 1 to {resolution // BASE} at resolution {resolution}"
        raise SettingError("patch_size", patch_size, allowed)
    return channels_by_stage(width, resolution // patch_size)


def dense(num_in: int, num_out: int, norm: str = "none") -> nn.Sequential:
    """Return a linear layer with its norm and leaky ReLU."""
    num_out = check_count("dense_width", num_out)
    return nn.Sequential(nn.Linear(num_in, num_out), output_norm(norm, num_out), nn.LeakyReLU(SLOPE))


def stage(num_channels: int, num_blocks: int, norm: str = "none") -> nn.Sequential:
    """Return the residual blocks of one resolution."""
    num_blocks = check_count("num_blocks", num_blocks)
    return nn.Sequential(*(ResidualBlock(num_channels, norm) for _ in range(num_blocks)))


def init_residual(network: nn.Module, without_activation: Sequence[nn.Module]) -> None:
    """Draw MSR weights, scaled by (number of blocks)^(-1/2) first and zero last in each block; biases zero.

    He et al. 2015, section 2.2 (https://arxiv.org/abs/1502.01852): features keep their size from layer to layer.
    Zhang et al. 2019 (Fixup), section 3 (https://arxiv.org/abs/1901.09321), as R3GAN uses it: an update of a
    network of L blocks with m layers each keeps its size if the layers before the last, which is zero, are
    scaled by L^(-1/(2m - 2)).

    Args:
        without_activation: layers that read latents, images or the sum of a residual stream, which no leaky ReLU has
            made smaller; they have a gain of 1.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            gain = 1.0 if layer in without_activation else nn.init.calculate_gain("leaky_relu", SLOPE)
            nn.init.normal_(layer.weight, std=gain * fan_in(layer) ** -0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    blocks = [block for block in network.modules() if isinstance(block, ResidualBlock)]
    with torch.no_grad():
        for block in blocks:
            block.first.weight *= len(blocks) ** -0.5
            block.last.weight *= not block.starts_at_zero


def fan_in(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    """Return how many inputs an output sums.

    A transposed convolution reaches every output with (kernel / stride)^2 of its taps, on average. PyTorch's own count
    takes it for a convolution in the other direction: out_channels kernel^2, here 48 instead of 4 in_channels.

    >>> fan_in(nn.ConvTranspose2d(128, 3, 4, stride=2))
    512.0
    """
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()
