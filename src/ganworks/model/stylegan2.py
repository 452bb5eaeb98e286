"""The generator of StyleGAN2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import check_choice, check_count, check_range
from ganworks.model.layer.mapping import MappingNetwork
from ganworks.model.layer.precision import Precision
from ganworks.model.layer.shape import BASE, check_image_shape, map_size
from ganworks.model.noise import Noise
from ganworks.model.style import StyleGenerator
from ganworks.model.stylegan2_synthesis import SynthesisBlock

NOISES = ("random", "const", "none")


class StyleGAN2Generator(StyleGenerator):
    """A mapping network to w, and modulated convolutions from a learned 4x4 constant up; no tanh at the end.

    Karras et al. 2020 (https://arxiv.org/abs/1912.04958); the precision is that of Karras et al. 2020 (ADA,
    https://arxiv.org/abs/2006.06676), appendix C. In training mode it asks for a second latent, ``mixed_latent``, and
    for ``mixing``, from which each sample's layer is taken where the second takes over: style mixing.

    Args:
        shape: (C, R, R), R a power of two from 8 up.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        w_dim: length of a w.
        num_mapping: layers of the mapping network.
        channel_base: channels times resolution of the maps that are narrower than ``channel_max``; None is 32768 from
            512 pixels up and 16384 below, as in the setting "auto" of the ADA paper.
        channel_max: most channels of a map.
        architecture: "skip", config F: a sum of images; "resnet": residual blocks, one image at the end.
        noise: of the layers: "random", drawn for each sample; "const", one for all, a buffer; or "none".
        style_mixing: share of the samples of the training that have two styles.
        num_half_res: highest resolutions that compute in half precision; 4x4 never does.
        half_type: see `Precision`.
        clamp: bound of the maps, so that float16 does not overflow; None for none.
        w_decay: see `StyleGenerator`.

    Raises:
        SettingError: ``resolution``, ``shape``, a choice, a count or a share that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 512,
        num_classes: int = 0,
        w_dim: int = 512,
        num_mapping: int = 8,
        channel_base: int | None = 32768,
        channel_max: int = 512,
        architecture: str = "skip",
        noise: str = "random",
        style_mixing: float = 0.9,
        num_half_res: int = 0,
        half_type: str = "auto",
        clamp: float | None = 256.0,
        w_decay: float = 0.995,
    ) -> None:
        channels, resolution = check_image_shape(shape)
        sides = resolutions(resolution)
        super().__init__(shape, latent_dim, num_classes, 2 * len(sides), w_dim, w_decay)
        self.noise_mode = check_choice("noise", noise, NOISES)
        self.style_mixing = check_range("style_mixing", style_mixing, 0, 1)
        check_choice("architecture", architecture, ("skip", "resnet"))
        self.precision = Precision(half_type)
        half_from = first_half_resolution(resolution, num_half_res)
        widths = channels_at(sides, channel_base, channel_max)
        self.mapping = MappingNetwork(latent_dim, num_classes, w_dim, num_mapping)
        self.synthesis = nn.ModuleDict(
            {
                f"b{side}": SynthesisBlock(
                    widths.get(side // 2, 0),
                    widths[side],
                    side,
                    map_size(shape, side),
                    channels,
                    w_dim,
                    architecture,
                    has_image=architecture == "skip" or side == resolution,
                    is_high=side >= half_from,
                    precision=self.precision,
                    clamp=check_clamp(clamp),
                )
                for side in sides
            }
        )

    @property
    def noise(self) -> Mapping[str, Noise]:
        """The noise of a sample by name: the latent, a map for each layer, and in training a second style."""
        noise = {"latent": Noise((self.latent_dim,))}
        if self.noise_mode == "random":
            noise |= {
                f"noise_{name}_{layer}": Noise((1, *map_size(self.shape, block.resolution)))
                for name, block in self.blocks.items()
                for layer in block.layers
            }
        if self.training and self.style_mixing > 0:
            noise |= {"mixed_latent": Noise((self.latent_dim,)), "mixing": Noise((2,), "uniform")}
        return noise

    @property
    def blocks(self) -> dict[str, SynthesisBlock]:
        """The blocks of the synthesis by name, from 4x4 up."""
        return dict(self.synthesis.items())  # type: ignore[arg-type]

    def forward(self, latent: Tensor, label: Tensor | None = None, **noise: Tensor) -> Tensor:
        """Return samples (B, C, R, R); ``noise`` as `noise` names it, what is left out is none."""
        ws = self.styles(latent, label, **noise)
        # The pass that the generator learns from, which is one a step; penalties do not come by here.
        if self.training and torch.is_grad_enabled():
            self.follow(ws[:, 0])
        return self.from_w(ws, **noise)

    def to_w(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.mapping(latent, label)[:, None].expand(-1, self.num_ws, -1)

    def styles(self, latent: Tensor, label: Tensor | None = None, **noise: Tensor) -> Tensor:
        ws = self.to_w(latent, label)
        if "mixing" not in noise:
            return ws
        first = self.crossover(noise["mixing"])
        place = torch.arange(self.num_ws, device=ws.device)
        return torch.where((place < first[:, None])[..., None], ws, self.to_w(noise["mixed_latent"], label))

    def crossover(self, mixing: Tensor) -> Tensor:
        """Return for each sample the first layer (B,) of the second style; `num_ws` for none.

        Karras et al. 2019 (StyleGAN), section 3.1: a random place for a given share of the images.

        Args:
            mixing: uniform draws (B, 2): whether, and where.
        """
        place = 1 + (mixing[:, 1] * (self.num_ws - 1)).floor()
        return torch.where(mixing[:, 0] < self.style_mixing, place, self.num_ws)

    def from_w(self, ws: Tensor, **noise: Tensor) -> Tensor:
        like = self.blocks[f"b{BASE}"].conv1.weight
        types = {
            name: self.precision.of(like, block.is_high) if block.resolution > BASE else like.dtype
            for name, block in self.blocks.items()
        }
        x: Tensor | None = None
        image: Tensor | None = None
        each, first = ws.to(like.dtype).unbind(1), 0
        with torch.autocast(ws.device.type, enabled=False):
            for name, block in self.blocks.items():
                own = {layer: self.noise_of(name, layer, noise) for layer in block.layers}
                given = {layer: n for layer, n in own.items() if n is not None}
                # The image of a block shares its w with the first convolution of the next.
                x, image = block(x, image, each[first:], given, types[name])
                first += len(block.layers)
        assert image is not None
        return image

    def noise_of(self, block: str, layer: str, noise: Mapping[str, Tensor]) -> Tensor | None:
        """Return the noise of a layer: what was given, or the constant, or None."""
        constant = self.blocks[block].layers[layer].noise_const if self.noise_mode == "const" else None
        return noise.get(f"noise_{block}_{layer}", constant)


def resolutions(resolution: int) -> list[int]:
    """Return the sides of the maps, 4, 8, ..., ``resolution``."""
    return [BASE << level for level in range((resolution // BASE).bit_length())]


def channels_at(sides: Sequence[int], channel_base: int | None, channel_max: int) -> dict[int, int]:
    """Return the channels by side.

    >>> channels_at([4, 128, 256], None, 512)
    {4: 512, 128: 128, 256: 64}
    """
    base = channel_base if channel_base is not None else (32768 if max(sides) >= 512 else 16384)
    check_count("channel_base", base, at_least=max(sides))
    check_count("channel_max", channel_max)
    return {side: min(base // side, channel_max) for side in sides}


def first_half_resolution(resolution: int, num_half_res: int) -> int:
    """Return the lowest side that computes in half precision: 8, or as many sides below the highest; beyond for none.

    >>> first_half_resolution(256, 4), first_half_resolution(16, 4), first_half_resolution(16, 0)
    (32, 8, 32)
    """
    check_count("num_half_res", num_half_res, at_least=0)
    return max(2 * resolution >> num_half_res, 2 * BASE)


def check_clamp(clamp: float | None) -> float | None:
    """Return the bound of the maps; raise `SettingError` unless it is None or at least 0."""
    return None if clamp is None else check_range("clamp", clamp, 0)
