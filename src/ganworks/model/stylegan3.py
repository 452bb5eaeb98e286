"""The generator of StyleGAN3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.model.layer.mapping import MappingNetwork
from ganworks.model.layer.precision import Precision
from ganworks.model.layer.shape import check_square_shape
from ganworks.model.style import StyleGenerator
from ganworks.model.stylegan3_schedule import schedule
from ganworks.model.stylegan3_synthesis import AliasFreeLayer, FourierInput

KINDS = ("t", "r")
OUTPUT_SCALE = 0.25
MIN_RESOLUTION = 16  # below, the first bandlimit is above the last


class StyleGAN3Generator(StyleGenerator):
    """A mapping network, Fourier features, and layers that neither make nor leave aliases; no tanh at the end.

    Karras et al. 2021 (https://arxiv.org/abs/2106.12423). The discriminator is `StyleGAN2Discriminator`.

    From a network of another resolution (`init_from`) all weights of the same shape carry over, layer by layer. The
    Fourier features, whose band and rate no resolution changes, and the first layer are then the same function; every
    other layer keeps its place between the first bandlimit and the last, which is another one, so that it works on
    another band, and under "t" its kernels reach less or more far. It draws nearly the same images all the same. Where
    a layer is narrower than ``channel_max``, its width follows its bandlimit: it starts new.

    Args:
        shape: (C, R, R), R a power of two from 16 up.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        kind: "t", equivariant to translation: 3x3 convolutions; "r", to rotation as well: 1x1 convolutions, radial
            filters.
        w_dim: length of a w.
        num_mapping: layers of the mapping network.
        channel_base: channels times twice the bandlimit of the narrow maps; "r" has twice as many.
        channel_max: most channels of a map; "r" has twice as many.
        num_layers: layers beside the one to the image.
        num_critical: of them those of the last resolution, without room for a filter's transition.
        num_half_res, half_type, clamp: as in `StyleGAN2Generator`.
        w_decay: see `StyleGenerator`.
        magnitude_decay: of the running magnitudes by which the layers' inputs are divided; the paper's training has
            .5^(batch / 20,000).

    Raises:
        SettingError: ``resolution``, ``kind`` or a count or share that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 512,
        num_classes: int = 0,
        kind: str = "t",
        w_dim: int = 512,
        num_mapping: int = 2,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_layers: int = 14,
        num_critical: int = 2,
        num_half_res: int = 0,
        half_type: str = "auto",
        clamp: float | None = 256.0,
        w_decay: float = 0.998,
        magnitude_decay: float = 0.999,
    ) -> None:
        channels, resolution = check_square_shape(shape, "StyleGAN3 draws on a disc of frequencies")
        if resolution < MIN_RESOLUTION:
            raise SettingError("resolution", resolution, f"a power of two from {MIN_RESOLUTION} up")
        is_radial = check_choice("kind", kind, KINDS) == "r"
        check_count("num_layers", num_layers, at_least=check_count("num_critical", num_critical) + 1)
        super().__init__(shape, latent_dim, num_classes, num_layers + 2, w_dim, w_decay)
        self.precision = Precision(half_type)
        # In half precision: rates above R / 2^num_half_res.
        self.half_above = resolution >> check_count("num_half_res", num_half_res, at_least=0)
        check_range("magnitude_decay", magnitude_decay, 0, 1)
        base, widest = (
            check_count(name, value) * (1 + is_radial)
            for name, value in (("channel_base", channel_base), ("channel_max", channel_max))
        )
        specs = schedule(resolution, channels, base, widest, num_layers, num_critical)
        self.mapping = MappingNetwork(latent_dim, num_classes, w_dim, num_mapping)
        self.input = FourierInput(w_dim, specs[0])
        self.layers = nn.ModuleList(
            AliasFreeLayer(
                w_dim,
                specs[max(i - 1, 0)],
                spec,
                kernel=1 if is_radial or i == num_layers else 3,
                is_image=i == num_layers,
                radial=is_radial and i < num_layers - num_critical,
                clamp=None if clamp is None else check_range("clamp", clamp, 0),
                decay=magnitude_decay,
            )
            for i, spec in enumerate(specs)
        )

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        ws = self.to_w(latent, label)
        # The pass that the generator learns from, which is one a step; penalties do not come by here.
        follow = self.training and torch.is_grad_enabled()
        if follow:
            self.follow(ws[:, 0])
        return self.synthesise(ws, follow)

    def to_w(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.mapping(latent, label)[:, None].expand(-1, self.num_ws, -1)

    def from_w(self, ws: Tensor, **noise: Tensor) -> Tensor:
        return self.synthesise(ws)

    def synthesise(self, ws: Tensor, follow: bool = False) -> Tensor:
        """Return the samples of styles; ``follow`` moves the running magnitudes."""
        like = self.input.weight
        types = [self.precision.of(like, layer.rate > self.half_above) for layer in self.layers]  # type: ignore[operator,arg-type]
        first, *others = ws.to(like.dtype).unbind(1)
        with torch.autocast(ws.device.type, enabled=False):
            x = self.input(first)
            for layer, w, dtype in zip(self.layers, others, types, strict=True):
                x = layer(x, w, dtype, follow)
        return x.to(like.dtype) * OUTPUT_SCALE
