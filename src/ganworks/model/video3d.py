"""Clips by 3-D convolutions: a generator of transposed ones, and the critic of strided ones."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.base import Discriminator, Generator
from ganworks.model.dcgan import DCGANGenerator
from ganworks.model.layer.head import ProjectionHead
from ganworks.model.layer.norm import batch_norm, finish_norm, output_norm
from ganworks.model.layer.shape import BASE, channels_by_stage, check_clip_shape, frames_by_stage


class Video3DGenerator(Generator):
    """Transposed 3-D convolutions with batch norm and ReLU from T0 x 4 x 4 up, tanh at the end.

    Vondrick et al. 2016 (VGAN), section 3 (https://arxiv.org/abs/1609.02612). A conditional one has conditional batch
    norm.

    Args:
        shape: (C, T, R, R), T from 2 up, R a power of two from 8 up. Time doubles with the sides from the end back as
            long as T is even and two frames are left.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels at R/2; they double as the side halves, up to 8 times.
        background: draw a still background b beside the moving foreground f with its mask m,
            m f + (1 - m) b (equation 1); the paper's two streams.

    Raises:
        SettingError: ``shape``, ``resolution``, ``frames`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 100,
        num_classes: int = 0,
        width: int = 64,
        background: bool = False,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        channels, num_frames, resolution = check_clip_shape(self.shape)
        sizes = channels_by_stage(check_count("width", width), resolution // 2)
        frames = frames_by_stage(num_frames, len(sizes))
        self.start = (frames[0], BASE, BASE)
        self.project = nn.Linear(latent_dim, sizes[0] * frames[0] * BASE**2, bias=False)
        self.convs = nn.ModuleList(
            up_conv(num_in, num_out, grows=later > now, bias=False)
            for (num_in, num_out), (now, later) in zip(
                itertools.pairwise(sizes), itertools.pairwise(frames[:-1]), strict=True
            )
        )
        self.norms = nn.ModuleList(batch_norm(size, num_classes) for size in sizes)
        grows = frames[-1] > frames[-2]
        self.to_clip = up_conv(sizes[-1], channels, grows, bias=True)
        self.to_mask = up_conv(sizes[-1], 1, grows, bias=True) if background else None
        still = (channels, resolution, resolution)
        self.background = DCGANGenerator(still, latent_dim, num_classes, width) if background else None

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Return clips (B, C, T, R, R) in [-1, 1]."""
        x = self.project(latent).unflatten(1, (-1, *self.start))
        x = self.norms[0](x, label).relu()
        for conv, norm in zip(self.convs, self.norms[1:], strict=True):
            x = norm(conv(x), label).relu()
        moving = self.to_clip(x).tanh()
        if self.to_mask is None or self.background is None:
            return moving
        mask, still = self.to_mask(x).sigmoid(), self.background(latent, label)[:, :, None]
        return mask * moving + (1 - mask) * still  # equation 1


class ClipDiscriminator(Discriminator):
    """Strided 3-D convolutions with leaky ReLU down to 4x4, one linear layer to the logit.

    The video discriminator of Vondrick et al. 2016 (https://arxiv.org/abs/1609.02612). A conditional one has a
    projection head (Miyato and Koyama 2018). The first convolution has no norm on its output.

    Args:
        shape: (C, T, R, R), see `Video3DGenerator`.
        num_classes: 0 for unconditional.
        width: channels at R/2; they double as the side halves, up to 8 times.
        norm: "none", "batch", "layer" or "spectral"; no batch norm under a per-sample penalty.

    Raises:
        SettingError: ``shape``, ``resolution``, ``frames``, ``norm`` or a count that it cannot have.
    """

    def __init__(
        self, shape: Sequence[int], num_classes: int = 0, width: int = 64, norm: str = "batch"
    ) -> None:
        super().__init__(shape, num_classes)
        channels, num_frames, resolution = check_clip_shape(self.shape)
        sizes = channels_by_stage(check_count("width", width), resolution // 2)[::-1]
        frames = frames_by_stage(num_frames, len(sizes))[::-1]
        layers: list[nn.Module] = [down_conv(channels, width, frames[0] > frames[1], bias=True)]
        layers.append(nn.LeakyReLU(0.2))
        for (num_in, num_out), (now, later) in zip(
            itertools.pairwise(sizes), itertools.pairwise(frames[1:]), strict=True
        ):
            after = output_norm(norm, num_out)
            has_bias = isinstance(after, nn.Identity)
            layers += [down_conv(num_in, num_out, now > later, has_bias), after, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = ProjectionHead(sizes[-1] * frames[-1] * BASE**2, num_classes)
        finish_norm(norm, self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.head(self.layers(x), label)


def up_conv(num_in: int, num_out: int, grows: bool, bias: bool) -> nn.ConvTranspose3d:
    """Return the layer that doubles the sides, and the frames where time ``grows``."""
    kernel, stride = time_steps(grows)
    return nn.ConvTranspose3d(num_in, num_out, kernel, stride, padding=1, bias=bias)


def down_conv(num_in: int, num_out: int, shrinks: bool, bias: bool) -> nn.Conv3d:
    """Return the layer that halves the sides, and the frames where time ``shrinks``."""
    kernel, stride = time_steps(shrinks)
    return nn.Conv3d(num_in, num_out, kernel, stride, padding=1, bias=bias)


def time_steps(changes: bool) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return kernel and stride; where the number of frames stays, three of them meet."""
    return ((4, 4, 4), (2, 2, 2)) if changes else ((3, 4, 4), (1, 2, 2))
