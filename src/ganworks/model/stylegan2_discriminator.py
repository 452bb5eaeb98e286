"""The discriminator of StyleGAN2 and StyleGAN3."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import check_choice, check_count
from ganworks.model.base import Discriminator
from ganworks.model.layer.equalized import EqualizedConv, EqualizedLinear
from ganworks.model.layer.head import Logit, class_term, dense_term
from ganworks.model.layer.mapping import MappingNetwork
from ganworks.model.layer.minibatch_std import MinibatchStd
from ganworks.model.layer.precision import Precision
from ganworks.model.layer.resample import BINOMIAL, downsample, fir_filter
from ganworks.model.layer.shape import BASE, base_of, check_image_shape
from ganworks.model.stylegan2 import channels_at, check_clamp, first_half_resolution, resolutions

ARCHITECTURES = ("resnet", "orig", "skip")


class StyleGAN2Discriminator(Discriminator):
    """Convolutions from the image down to 4x4, the deviation within the minibatch, two dense layers.

    Karras et al. 2020 (https://arxiv.org/abs/1912.04958), section 4. A conditional one projects its features on what a
    mapping network makes of the label (Miyato and Koyama 2018, as in the ADA paper). The logits of a group of samples
    depend on each other; its penalties are taken all the same, as there.

    Args:
        shape: (C, R, R), R a power of two from 8 up.
        num_classes: 0 for unconditional.
        num_mapping: layers of the mapping network of the label; 0 leaves its embedding.
        channel_base, channel_max: as in `StyleGAN2Generator`.
        architecture: "resnet", config F: residual blocks; "orig": without, that of CIFAR; "skip": every block also
            sees the image at its resolution.
        group_size: samples of a group of the minibatch deviation, a divisor of the batch; 0 leaves it out.
        num_half_res, half_type, clamp: as in `StyleGAN2Generator`.

    Raises:
        SettingError: ``resolution``, ``shape``, ``architecture`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        num_mapping: int = 8,
        channel_base: int | None = 32768,
        channel_max: int = 512,
        architecture: str = "resnet",
        group_size: int = 4,
        num_half_res: int = 0,
        half_type: str = "auto",
        clamp: float | None = 256.0,
    ) -> None:
        channels, resolution = check_image_shape(shape)
        super().__init__(shape, num_classes)
        check_choice("architecture", architecture, ARCHITECTURES)
        check_clamp(clamp)
        self.precision = Precision(half_type)
        sides = resolutions(resolution)[:0:-1]  # from the image down to 8
        half_from = first_half_resolution(resolution, num_half_res)
        widths = channels_at(resolutions(resolution), channel_base, channel_max)
        self.blocks = nn.ModuleDict(
            {
                f"b{side}": DiscriminatorBlock(
                    widths[side],
                    widths[side // 2],
                    channels,
                    architecture,
                    has_image=architecture == "skip" or side == resolution,
                    is_high=side >= half_from,
                    clamp=clamp,
                )
                for side in sides
            }
        )
        num_mapped = widths[BASE] if num_classes else 0
        seen = channels if architecture == "skip" else 0
        self.head = Epilogue(widths[BASE], seen, num_mapped, group_size, clamp, base_of(shape))
        self.mapping = MappingNetwork(0, num_classes, num_mapped, num_mapping) if num_classes else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        mapped = None if self.mapping is None else self.mapping(None, label)
        like = self.head.conv.weight
        types = [self.precision.of(like, block.is_high) for block in self.blocks.values()]  # type: ignore[arg-type]
        image = x.to(like.dtype)
        y: Tensor | None = None
        with torch.autocast(x.device.type, enabled=False):
            for block, dtype in zip(self.blocks.values(), types, strict=True):
                y, image = block(y, image, dtype)
            assert y is not None
            return self.head(y.to(like.dtype), image, mapped)


class DiscriminatorBlock(nn.Module):
    """Two convolutions of which the second halves the side.

    Args:
        num_in, num_out: channels.
        channels: of the image.
        architecture: see `StyleGAN2Discriminator`.
        has_image: it reads the image.
        is_high: it computes in half precision where the network has one.
        clamp: bound of the outputs; None for none.
    """

    filter: Tensor

    def __init__(
        self,
        num_in: int,
        num_out: int,
        channels: int,
        architecture: str,
        has_image: bool,
        is_high: bool,
        clamp: float | None,
    ) -> None:
        super().__init__()
        self.is_high, self.shrinks_image = is_high, architecture == "skip"
        self.from_image = (
            EqualizedConv(channels, num_in, 1, activation="lrelu", clamp=clamp) if has_image else None
        )
        self.conv0 = EqualizedConv(num_in, num_in, 3, activation="lrelu", clamp=clamp)
        self.conv1 = EqualizedConv(num_in, num_out, 3, activation="lrelu", down=True, clamp=clamp)
        self.skip = (
            EqualizedConv(num_in, num_out, 1, bias=False, down=True) if architecture == "resnet" else None
        )
        self.register_buffer("filter", fir_filter(BINOMIAL), persistent=False)

    def forward(self, x: Tensor | None, image: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return the map (B, num_out, H/2, W/2), and the image for the block behind it.

        Args:
            x: (B, num_in, H, W), None at the image's own resolution.
            dtype: to compute in.
        """
        x = None if x is None else x.to(dtype)
        if self.from_image is not None:
            y = self.from_image(image.to(dtype))
            x = y if x is None else x + y
            image = downsample(image, self.filter) if self.shrinks_image else image
        assert x is not None
        if self.skip is None:
            return self.conv1(self.conv0(x)), image
        half = math.sqrt(0.5)  # so that the variance of the sum stays
        return self.skip(x, gain=half) + self.conv1(self.conv0(x), gain=half), image


class Epilogue(nn.Module):
    """From the smallest map to a logit.

    Args:
        width: channels of the map.
        channels: of the image that it sees; 0 for none.
        num_mapped: features of the label's mapping; 0 for unconditional.
        group_size: of the minibatch deviation; 0 leaves it out.
        clamp: bound of the convolution's output; None for none.
        size: (height, width) of the map.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        num_mapped: int,
        group_size: int,
        clamp: float | None,
        size: tuple[int, int] = (BASE, BASE),
    ) -> None:
        super().__init__()
        check_count("group_size", group_size, at_least=0)
        self.from_image = EqualizedConv(channels, width, 1, activation="lrelu") if channels else None
        self.deviation = MinibatchStd(group_size) if group_size else nn.Identity()
        self.conv = EqualizedConv(width + bool(group_size), width, 3, activation="lrelu", clamp=clamp)
        self.dense = EqualizedLinear(width * math.prod(size), width, activation="lrelu")
        self.out = EqualizedLinear(width, num_mapped or 1)
        self.logit = Logit()

    def forward(self, x: Tensor, image: Tensor, mapped: Tensor | None) -> Tensor:
        """Return logits (B,) of maps (B, width, 4, 4) and, where it is conditional, ``mapped`` (B, num_mapped)."""
        if self.from_image is not None:
            x = x + self.from_image(image)
        x = self.conv(self.deviation(x))
        # (C, H, W) order, also of a map whose channels lie last.
        x = self.dense(x.flatten(1))
        if mapped is None:
            return self.logit(dense_term(self.out, x)).squeeze(1)
        return self.logit(class_term(self.out(x), mapped, divisor=math.sqrt(mapped.shape[1])))
