"""FastGAN's generator for few images."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Generator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.excitation import SkipExcitation
from ganworks.model.layer.names import places, renamed
from ganworks.model.layer.norm import BatchNorm
from ganworks.model.layer.normalize import normalize
from ganworks.model.layer.power_iteration import with_power_iteration
from ganworks.model.layer.shape import BASE, base_of, check_image_shape, map_size
from ganworks.model.noise import Noise

MIN_RESOLUTION, MAX_RESOLUTION = 32, 1024
EMBEDDING = 256  # length of the embedding of a class
# Channels at each side as a share of the width.
SHARES = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5, 512: 0.25, 1024: 0.125}
EXCITED_BY = {64: 4, 128: 8, 256: 16, 512: 32}  # the side of the map that gates each other one
ALWAYS_FROM, ALWAYS_TO = 128, 256  # from 128 pixels up the layers of 256 exist, at 128 without a use


class FastGANGenerator(Generator):
    """Nearest up-sampling, 3x3 convolutions with noise, batch norm and gated linear units; skip-layer excitation.

    Liu et al. 2021 (https://arxiv.org/abs/2101.04775), in the form of projected GAN, Sauer et al. 2021
    (https://arxiv.org/abs/2111.01007): spectral norm in every layer, no tanh, so that images may leave [-1, 1]. At 128
    pixels the layers of 256 exist as in their code, frozen because nothing runs them. A conditional one takes gains
    and shifts of its batch norms from an embedding of the class. The first weights are those of DCGAN, N(0, .02);
    their size does not matter behind spectral norm.

    Args:
        shape: (C, R, R), R a power of two from 32 to 1024, or a rectangle; see `check_image_shape`.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels at 128 pixels; 16 times as many at 4, half at 256, down to an eighth at 1024.
        lite: one convolution at each side instead of two, and no noise.

    Raises:
        SettingError: ``resolution``, ``shape`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 256,
        num_classes: int = 0,
        width: int = 128,
        lite: bool = False,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        channels, self.resolution = check_fastgan_shape(self.shape)
        sides = sides_of(self.resolution)
        widths = channels_by_side(width, sides)
        self.lite = lite
        self.embedding = ConditionEmbedding(num_classes, EMBEDDING) if num_classes else None
        first = nn.ConvTranspose2d(latent_dim, 2 * widths[BASE], base_of(self.shape), bias=False)
        self.project, self.norm = with_power_iteration(first), BatchNorm(2 * widths[BASE])
        num_convs, num_embedding = 1 if lite else 2, EMBEDDING if num_classes else 0
        self.blocks = nn.ModuleDict(
            {
                str(side): UpBlock(widths[last], widths[side], num_convs, num_embedding)
                for last, side in pairwise(sides)
            }
        )
        self.excitations = nn.ModuleDict(
            {
                str(side): SkipExcitation(widths[low], widths[side])
                for side, low in EXCITED_BY.items()
                if side in sides
            }
        )
        self.to_image = with_power_iteration(nn.Conv2d(widths[self.resolution], channels, 3, padding=1))
        self.apply(init)
        for side in sides:
            if side > self.resolution:  # exists as in the official code, but does not run
                self.blocks[str(side)].requires_grad_(False)
                self.excitations[str(side)].requires_grad_(False)

    @property
    def noise(self) -> Mapping[str, Noise]:
        """The latent and, for each convolution, a map that all its channels share."""
        maps = () if self.lite else [s for s in SHARES if BASE < s <= self.resolution]
        sizes = {side: map_size(self.shape, side) for side in maps}
        noise = {noise_name(side, place): Noise((1, *sizes[side])) for side in maps for place in range(2)}
        return {**super().noise, **noise}

    def forward(self, latent: Tensor, label: Tensor | None = None, **noise: Tensor) -> Tensor:
        """Return images (B, C, R, R) of latents (B, latent_dim), labels and noise maps (B, 1, side, side)."""
        embedded = None if self.embedding is None else self.embedding(require_label(label))
        x = self.norm(self.project(normalize(latent)[:, :, None, None]))
        x = F.glu(x, dim=1)
        maps = {BASE: x}
        for side, block in self.blocks.items():
            if int(side) > self.resolution:
                break
            drawn = () if self.lite else [noise[noise_name(int(side), place)] for place in range(2)]
            x = block(x, drawn, embedded)
            if side in self.excitations:
                x = self.excitations[side](maps[EXCITED_BY[int(side)]], x)
            maps[int(side)] = x
        return self.to_image(x)

    @staticmethod
    def names_by_resolution(names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: all but the last have the side in theirs.

        The networks of 128 and 256 pixels have the same layers, and the names do not tell them apart: from 128 to 256
        the layers of 256, which nothing trained, are taken as well, first weights for first weights.
        """
        return renamed(names, {"to_image": f"b{max(places(names, 'blocks'), default=0)}.to_image"})


class UpBlock(nn.Module):
    """Nearest up-sampling, then per convolution: 3x3 to twice the channels, noise, batch norm, gated linear unit.

    Args:
        num_in, num_out: channels.
        num_convs: 2, or 1 without noise.
        num_embedding: length of the embedding that gains and shifts depend on; 0 for none.
    """

    def __init__(self, num_in: int, num_out: int, num_convs: int, num_embedding: int = 0) -> None:
        super().__init__()
        sizes = [num_in, *[num_out] * num_convs]
        self.convs = nn.ModuleList(
            with_power_iteration(nn.Conv2d(before, 2 * after, 3, padding=1, bias=False))
            for before, after in pairwise(sizes)
        )
        self.norms = nn.ModuleList(
            EmbeddedBatchNorm(2 * size, num_embedding) if num_embedding else BatchNorm(2 * size)
            for size in sizes[1:]
        )
        num_strengths = 0 if num_convs == 1 else 1 if num_embedding else num_convs
        self.strengths = nn.ParameterList(torch.zeros(1) for _ in range(num_strengths))

    def forward(self, x: Tensor, noise: Sequence[Tensor], embedded: Tensor | None = None) -> Tensor:
        """Return (B, num_out, 2H, 2W) for x (B, num_in, H, W) and a noise map (B, 1, 2H, 2W) per convolution."""
        x = F.interpolate(x, scale_factor=2.0)
        for place, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = conv(x)
            if noise:
                # A conditional block has one strength for both of its convolutions.
                x = x + self.strengths[min(place, len(self.strengths) - 1)] * noise[place]
            x = F.glu(norm(x, embedded), dim=1)
        return x


class EmbeddedBatchNorm(BatchNorm):
    """Batch norm with gain 1 + A e and shift B e, linear with spectral norm in an embedding e of the condition."""

    def __init__(self, num_features: int, num_embedding: int) -> None:
        super().__init__(num_features, affine=False)
        self.gain = with_power_iteration(nn.Linear(num_embedding, num_features))
        self.shift = with_power_iteration(nn.Linear(num_embedding, num_features))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the normed x (B, C, H, W), scaled and shifted by what ``label``, here the embedding, says."""
        gain, shift = self.gain(label), self.shift(label)
        return super().forward(x) * (1 + gain[:, :, None, None]) + shift[:, :, None, None]


def init(layer: nn.Module) -> None:
    """Draw weights from N(0, .02) and gains from N(1, .02), biases are 0."""
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        if not hasattr(layer, "parametrizations"):
            nn.init.normal_(layer.weight, std=0.02)
        else:
            nn.init.normal_(layer.parametrizations.weight.original, std=0.02)  # type: ignore[union-attr,arg-type]
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
        nn.init.normal_(layer.weight, mean=1.0, std=0.02)


def noise_name(side: int, place: int) -> str:
    """Return the name of the noise behind a convolution at a side."""
    return f"noise_{side}_{place}"


def check_fastgan_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Return (channels, resolution) of images that it can make, else raise `SettingError`."""
    channels, resolution = check_image_shape(shape)
    if not MIN_RESOLUTION <= resolution <= MAX_RESOLUTION:
        size = resolution if shape[1] == shape[2] else f"{shape[1]}x{shape[2]}"
        allowed = f"a power of two from {MIN_RESOLUTION} to {MAX_RESOLUTION}; model=dcgan goes down to 8"
        if shape[1] != shape[2]:
            allowed = (
                f"{BASE} or more times a power of two from {MIN_RESOLUTION // BASE} to {MAX_RESOLUTION // BASE} in"
                " FastGAN, both sides times the same; model=dcgan goes down to 2"
            )
        raise SettingError("resolution", size, allowed)
    return channels, resolution


def sides_of(resolution: int) -> list[int]:
    """Return the sides whose layers exist, from 4 up."""
    largest = max(resolution, ALWAYS_TO) if resolution >= ALWAYS_FROM else resolution
    return [side for side in SHARES if side <= largest]


def channels_by_side(width: int, sides: Sequence[int]) -> dict[int, int]:
    """Return the channels at each side, at least 1."""
    check_count("width", width)
    return {side: max(1, int(SHARES[side] * width)) for side in sides}
