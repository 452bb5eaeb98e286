"""U-Nets from an image to an image: that of pix2pix, and a residual one that is quick on small images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.model.dcgan import dcgan_init
from ganworks.model.layer.norm import affine_map_norm
from ganworks.model.layer.shape import MAX_GROWTH
from ganworks.model.noise import Noise
from ganworks.model.resnet import SLOPE, ResidualBlock, init_residual
from ganworks.model.translator import Translator

NORMS = ("instance", "batch", "none")
NUM_DROPOUTS = 3  # the first decoder layers, Isola et al. 2017, appendix 6.1.1


class UNetGenerator(Translator):
    """Strided 4x4 convolutions down to the bottleneck and up again, each map beside its mirror image.

    Isola et al. 2017 (pix2pix), appendix 6.1.1 (https://arxiv.org/abs/1611.07004): encoder
    C64-C128-C256-C512-C512-C512-C512-C512, decoder CD512-CD512-CD512-C512-C256-C128-C64. Dropout is the only noise, in
    training and afterwards. Its masks are made of declared noise; on images of another size than ``shape`` they are
    repeated or cut.

    Args:
        shape: (C, H, W) of an image that it makes in training; both sides multiples of 2^num_levels, or padded.
        source_channels: of the source; None is C.
        width: channels of the first map; they double with each level, up to 8 times.
        num_levels: halvings: 8 bring 256 pixels down to one.
        norm: "instance" (what the paper's batch norm is with batches of one), "batch" or "none".
        dropout: share of the activations that are set to zero in the first three decoder layers; 0 switches it off.

    Raises:
        SettingError: a setting that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        source_channels: int | None = None,
        width: int = 64,
        num_levels: int = 8,
        norm: str = "instance",
        dropout: float = 0.5,
    ) -> None:
        super().__init__(shape, source_channels, num_levels)
        check_choice("norm", norm, NORMS)
        self.dropout = check_range("dropout", dropout, 0.0, 0.99)
        sizes = [check_count("width", width) * min(2**level, MAX_GROWTH) for level in range(num_levels)]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for level, (num_in, num_out) in enumerate(itertools.pairwise([self.source_channels, *sizes])):
            # No norm on the first map, nor on the bottleneck, where a single pixel would become zero.
            inner = norm if 0 < level < num_levels - 1 else "none"
            self.encoder.append(scale_block(nn.Conv2d, num_in, num_out, inner))
        for num_out, num_in in reversed(list(itertools.pairwise(sizes))):
            beside = (
                1 if num_in is sizes[-1] and not len(self.decoder) else 2
            )  # a decoder map has its skip beside it
            self.decoder.append(scale_block(nn.ConvTranspose2d, beside * num_in, num_out, norm))
        last = sizes[0] * (2 if num_levels > 1 else 1)
        self.to_image = nn.ConvTranspose2d(last, self.shape[0], 4, stride=2, padding=1)
        if norm != "none":
            self.apply(dcgan_init)

    @property
    def noise(self) -> Mapping[str, Noise]:
        """Uniform numbers for each activation behind which there is dropout."""
        if not self.dropout:
            return {}
        noise = {}
        for place, block in enumerate(self.decoder[:NUM_DROPOUTS]):
            scale = 2 ** (len(self.decoder) - place)
            sides = (max(1, -(-side // self.multiple) * self.multiple // scale) for side in self.shape[1:])
            noise[f"dropout_{place}"] = Noise((block[0].out_channels, *sides), "uniform")  # type: ignore[index]
        return noise

    def translate(self, source: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        x, skips = source, []
        for level, down in enumerate(self.encoder):
            x = down(leaky_relu(x, SLOPE) if level else x)
            skips.append(x)
        skips.pop()
        for place, up in enumerate(self.decoder):
            x = up(x.relu())
            if f"dropout_{place}" in noise:
                x = x * self.mask(noise[f"dropout_{place}"], x)
            x = torch.cat([skips.pop(), x], dim=1)
        return self.to_image(x.relu()).tanh()

    def mask(self, uniform: Tensor, x: Tensor) -> Tensor:
        """Return the factors of dropout for maps x (B, C, h, w), of mean 1, from uniform noise (B, C, h', w')."""
        times = [-(-size // have) for size, have in zip(x.shape[2:], uniform.shape[2:], strict=True)]
        if times != [1, 1]:
            uniform = uniform.repeat(1, 1, *times)
        kept = uniform[..., : x.shape[2], : x.shape[3]] >= self.dropout
        return kept.to(x.dtype) / (1 - self.dropout)


class ResidualUNet(Translator):
    """Residual blocks at each size, joined by sums with the maps of the way down; quick on small images.

    U-Net of Ronneberger et al. 2015 (https://arxiv.org/abs/1505.04597) made of the blocks of `ResnetGenerator`. With
    ``skips=False``, four levels and nine blocks it has the form of pix2pixHD's global generator (Wang et al. 2018,
    section 3.2 and appendix, https://arxiv.org/abs/1711.11585), with blocks whose norm stands before the convolution.

    Args:
        shape: (C, H, W) of an image that it makes in training.
        source_channels: of the source; None is C.
        width: channels at full size; they double with each level, up to 16 times.
        num_levels: halvings of height and width.
        num_blocks: residual blocks at the smallest size.
        norm: "none", "instance" or "batch".
        kernel: of the first and the last convolution, an odd number.
        skips: a residual block at each size of the way down, whose map is added on the way up.
        adds_source: what it makes is added to the source, which it leaves as it is at first: for super-resolution, Kim
            et al. 2016, section 3.1 (https://arxiv.org/abs/1511.04587). In evaluation mode the sum is cut to [-1, 1].

    Raises:
        SettingError: a setting that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        source_channels: int | None = None,
        width: int = 32,
        num_levels: int = 1,
        num_blocks: int = 2,
        norm: str = "none",
        kernel: int = 3,
        skips: bool = True,
        adds_source: bool = False,
    ) -> None:
        super().__init__(shape, source_channels, num_levels)
        check_choice("norm", norm, NORMS)
        if adds_source and self.source_channels != self.shape[0]:
            channels = f"{self.source_channels} and {self.shape[0]} channels"
            raise SettingError("adds_source", True, f"false for sources and images of {channels}")
        if check_count("kernel", kernel) % 2 == 0:
            raise SettingError("kernel", kernel, "odd, such as 3 or 7")
        num_blocks = check_count("num_blocks", num_blocks)
        sizes = [check_count("width", width) * 2 ** min(level, 4) for level in range(num_levels + 1)]
        self.from_image = nn.Conv2d(self.source_channels, sizes[0], kernel, padding=kernel // 2)
        self.ways_down = nn.ModuleList(
            ResidualBlock(size, norm) if skips else nn.Identity() for size in sizes[:-1]
        )
        self.downs = nn.ModuleList(
            nn.Conv2d(num_in, num_out, 3, stride=2, padding=1)
            for num_in, num_out in itertools.pairwise(sizes)
        )
        self.middle = nn.Sequential(*(ResidualBlock(sizes[-1], norm) for _ in range(num_blocks)))
        self.ups = nn.ModuleList(
            nn.Conv2d(num_in, num_out, 3, padding=1) for num_out, num_in in itertools.pairwise(sizes)
        )
        self.ways_up = nn.ModuleList(ResidualBlock(size, norm) for size in sizes[:-1])
        self.to_image = nn.Conv2d(sizes[0], self.shape[0], kernel, padding=kernel // 2)
        self.skips, self.adds_source = skips, adds_source
        init_residual(self, [self.from_image, *self.downs, *self.ups])
        if adds_source:
            nn.init.zeros_(self.to_image.weight)

    def translate(self, source: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        x, skips = self.from_image(source), []
        for blocks, down in zip(self.ways_down, self.downs, strict=True):
            skips.append(blocks(x))
            x = down(skips[-1])
        x = self.middle(x)
        for blocks, up in zip(reversed(self.ways_up), reversed(self.ups), strict=True):
            x = interpolate(up(x), scale_factor=2, mode="bilinear", align_corners=False)
            skip = skips.pop()
            x = blocks(x + skip if self.skips else x)
        made = self.to_image(leaky_relu(x, SLOPE))
        if not self.adds_source:
            return made.tanh()
        return source + made if self.training else (source + made).clamp(-1, 1)


def scale_block(
    conv: type[nn.Conv2d | nn.ConvTranspose2d], num_in: int, num_out: int, norm: str
) -> nn.Sequential:
    """Return a convolution that halves or doubles the sides, and its norm."""
    return nn.Sequential(
        conv(num_in, num_out, 4, stride=2, padding=1, bias=False), affine_map_norm(norm, num_out)
    )
