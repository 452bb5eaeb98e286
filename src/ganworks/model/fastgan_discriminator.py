"""FastGAN's discriminator: an encoder whose maps must hold the real images."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.model.base import Discriminator, require_label
from ganworks.model.fastgan import channels_by_side, check_fastgan_shape, init
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import Logit, class_term, conv_term
from ganworks.model.layer.names import places, renamed
from ganworks.model.layer.norm import output_norm
from ganworks.model.layer.power_iteration import with_power_iteration
from ganworks.model.layer.shape import map_size

LARGEST = 256  # larger images are halved to this side by single convolutions
PART, WHOLE = 16, 8  # sides of the maps from which the images are rebuilt
MAX_REBUILT = 128  # side of what is rebuilt, at most


class FastGANDiscriminator(Discriminator):
    """Residual halvings down to 8x8 and 5x5 logits; decoders rebuild real images from two of the maps.

    Liu et al. 2021, section 3.2 (https://arxiv.org/abs/2101.04775), from the paper's description: each block is the
    mean of a 4x4 convolution of stride 2 with a 3x3 one behind it, and of a pooled 1x1 convolution; spectral norm in
    all. The 8x8 map is decoded to the whole image, a random half side of the 16x16 map to the same part of the image,
    both at half the side of the image, at most 128. `Reconstruction` compares them with what the network saw. The
    paper's skip-layer excitation stands in the generator only. A conditional one adds <v_y, mean of the last map>.

    Args:
        shape: (C, R, R), R a power of two from 32 to 1024.
        num_classes: 0 for unconditional.
        width: channels at 128 pixels; 8 times as many at 8.
        norm: "batch" (the paper), "layer" or "none"; no batch norm under a per-sample penalty. "spectral" is "none".

    Returns in `forward`, as a dict: ``logits`` (B, 5, 5); where it learns, also ``reconstruction`` and ``target``
    (2B, C, S, S), the parts first.
    """

    last_layers = ("to_logits",)  # of a grey image the decoders end in one channel as well

    def __init__(
        self, shape: Sequence[int], num_classes: int = 0, width: int = 64, norm: str = "batch"
    ) -> None:
        super().__init__(shape, num_classes)
        channels, resolution = check_fastgan_shape(self.shape)
        sides = [WHOLE << level for level in range(int(math.log2(resolution // WHOLE)), -1, -1)]
        widths = channels_by_side(width, sides)
        large, small = [s for s in sides if s > LARGEST], [s for s in sides if s <= LARGEST]
        first = widths[sides[0]]
        layers: list[nn.Module] = [conv(channels, first, 3, 1), nn.LeakyReLU(0.2)]
        for side in large:
            after = widths[side // 2]
            layers += [conv(widths[side], after, 4, 2), output_norm(norm, after), nn.LeakyReLU(0.2)]
        self.from_image = nn.Sequential(*layers)
        self.blocks = nn.ModuleDict(
            {str(after): DownBlock(widths[before], widths[after], norm) for before, after in pairwise(small)}
        )
        self.last = nn.Sequential(
            conv(widths[WHOLE], widths[WHOLE], 1, 1), output_norm(norm, widths[WHOLE]), nn.LeakyReLU(0.2)
        )
        self.to_logits = with_power_iteration(nn.Conv2d(widths[WHOLE], 1, 4))
        self.embedding = ConditionEmbedding(num_classes, widths[WHOLE]) if num_classes else None
        self.logit = Logit() if num_classes else None
        side = min(resolution // 2, MAX_REBUILT)
        self.rebuilt = map_size(self.shape, side)
        self.decoders = nn.ModuleDict(
            {
                name: decoder(widths[at], channels, side, norm)
                for name, at in (("part", PART), ("whole", WHOLE))
            }
        )
        self.apply(init)

    def forward(self, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        y, maps = self.from_image(x), dict[int, Tensor]()
        for side, block in self.blocks.items():
            maps[int(side)] = y = block(y)
        y = self.last(y)
        if self.embedding is None or self.logit is None:
            logits = self.to_logits(y).squeeze(1)
        else:
            projected = class_term(y.mean((2, 3)), self.embedding(require_label(label)))
            logits = self.logit(conv_term(self.to_logits, y), projected).squeeze(1)
        learns = torch.is_grad_enabled() and next(self.decoders.parameters()).requires_grad
        return {"logits": logits, **(self._rebuild(x, maps) if learns else {})}

    @staticmethod
    def names_by_resolution(names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution.

        Blocks have the side of their output in their name, and decoders count from 8x8 up; the convolutions before the
        first block are named by the side that they read.
        """
        # [conv, act], then [conv, norm, act] for each side above the first block's, see the constructor.
        convs = [place for place in places(names, "from_image") if place % 3 == 2]
        side = 2 * max(places(names, "blocks"), default=0) << len(convs)
        modules = {"from_image.0": f"b{side}.from_image"}
        for level, place in enumerate(convs):
            modules[f"from_image.{place}"] = f"b{side >> level}.conv"
            modules[f"from_image.{place + 1}"] = f"b{side >> level}.norm"
        return renamed(names, modules)

    def _rebuild(self, x: Tensor, maps: dict[int, Tensor]) -> dict[str, Tensor]:
        """Return what the decoders make of the maps, and the images (B, C, R, R) that they should make."""
        (down, right), scale = (
            (size // 2 for size in maps[PART].shape[2:]),
            x.shape[-1] // maps[PART].shape[-1],
        )
        # From the step's stream of networks, so that a resumed run draws the same; in eval the middle.
        row, column = self._place(down, right) if self.training else (down // 2, right // 2)
        part = maps[PART][:, :, row : row + down, column : column + right]
        seen = x[:, :, row * scale : (row + down) * scale, column * scale : (column + right) * scale]
        made = [self.decoders["part"](part), self.decoders["whole"](maps[WHOLE])]
        return {
            "reconstruction": torch.cat(made),
            "target": torch.cat([F.adaptive_avg_pool2d(image, self.rebuilt) for image in (seen, x)]).detach(),
        }

    @staticmethod
    def _place(down: int, right: int) -> tuple[int, int]:
        """Draw the first row and column of a part of (down, right) in a map twice as large."""
        if down == right:
            row, column = torch.randint(down + 1, (2,)).tolist()
            return row, column
        return int(torch.randint(down + 1, ())), int(torch.randint(right + 1, ()))


class DownBlock(nn.Module):
    """The mean of two ways to half the side: convolutions, and a pooled 1x1 convolution."""

    def __init__(self, num_in: int, num_out: int, norm: str) -> None:
        super().__init__()
        self.direct = nn.Sequential(
            conv(num_in, num_out, 4, 2),
            output_norm(norm, num_out),
            nn.LeakyReLU(0.2),
            conv(num_out, num_out, 3, 1),
            output_norm(norm, num_out),
            nn.LeakyReLU(0.2),
        )
        self.pooled = nn.Sequential(
            nn.AvgPool2d(2), conv(num_in, num_out, 1, 1), output_norm(norm, num_out), nn.LeakyReLU(0.2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, num_out, H/2, W/2) of x (B, num_in, H, W)."""
        return (self.direct(x) + self.pooled(x)) / 2


def decoder(num_in: int, num_out: int, side: int, norm: str) -> nn.Sequential:
    """Return a decoder of 8x8 maps to images in [-1, 1]: nearest up-sampling, 3x3 convolution, norm, gated linear unit
    for each doubling of the side, while the channels halve."""
    layers: list[nn.Module] = []
    for _ in range(int(math.log2(side // WHOLE))):
        after = max(1, num_in // 2)
        layers += [nn.Upsample(scale_factor=2), conv(num_in, 2 * after, 3, 1)]
        layers += [output_norm(norm, 2 * after), nn.GLU(dim=1)]
        num_in = after
    return nn.Sequential(*layers, conv(num_in, num_out, 3, 1), nn.Tanh())


def conv(num_in: int, num_out: int, kernel: int, stride: int) -> nn.Module:
    """Return a convolution with spectral norm that keeps the side, or halves it under a stride of 2."""
    padding = (kernel - 1) // 2
    return with_power_iteration(nn.Conv2d(num_in, num_out, kernel, stride, padding, bias=False))
