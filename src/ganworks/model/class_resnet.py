"""What the residual generators and discriminators of SNGAN, SAGAN and BigGAN share: stages from 4x4 up, and down."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator, Generator, require_label
from ganworks.model.layer.attention import SelfAttention
from ganworks.model.layer.class_norm import Norms
from ganworks.model.layer.head import Logit, class_term, dense_term
from ganworks.model.layer.names import places, renamed
from ganworks.model.layer.shape import BASE, base_of, check_image_shape
from ganworks.model.layer.spectral import Layers

# Channels in units of `width`, by resolution: of the 4x4 map and of the output of each stage. Brock et al. 2019,
# tables 4 to 9; those at 32 and 64 are of the CIFAR script and the 64-pixel setting of BigGAN-PyTorch (A. Brock).
GENERATOR_WIDTHS = {
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
# Of the output of each block of the discriminator.
DISCRIMINATOR_WIDTHS = {
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}


class ClassResnetGenerator(Generator):
    """A dense layer to 4x4, a stage for each doubling of the side, batch norm, ReLU, 3x3 convolution, tanh.

    Args:
        shape: (C, R, R), or a rectangle; see `check_image_shape`.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        num_first: length of what the dense layer reads.
        widths: channels of the 4x4 map and of the output of each stage.
        stage: makes a stage from its channels in and out.
        layers, norms: what makes the dense layer and convolutions, and the last norm.
        attention: side of the map that attends to itself, 0 for none.

    Attributes:
        usual_attention: the side where none is asked for; half of a smaller image's.
    """

    usual_attention: ClassVar[int] = 0

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int,
        num_classes: int,
        num_first: int,
        widths: Sequence[int],
        stage: Callable[[int, int], nn.Module],
        layers: Layers,
        norms: Norms,
        attention: int,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        self.linear = layers.linear(num_first, widths[0] * math.prod(base_of(shape)))
        self.stages = nn.ModuleList(stage(*pair) for pair in itertools.pairwise(widths))
        sides = [2 * BASE << level for level in range(len(self.stages))]
        self.attention_place = place_of(attention, sides)
        self.attention = (
            SelfAttention(widths[1 + self.attention_place], layers) if self.attention_place >= 0 else None
        )
        self.norm = norms.plain(widths[-1])
        self.to_image = layers.conv(widths[-1], self.shape[0], 3)

    def split(self, latent: Tensor, label: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """Return what the dense layer reads, (B, num_first), and the condition of each stage."""
        condition = require_label(label) if self.num_classes else None
        return latent, [condition] * len(self.stages)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        first, conditions = self.split(latent, label)
        x = self.linear(first).unflatten(1, (-1, *base_of(self.shape)))
        for place, (stage, condition) in enumerate(zip(self.stages, conditions, strict=True)):
            x = stage(x, condition)
            if self.attention is not None and place == self.attention_place:
                x = self.attention(x)
        return self.to_image(relu(self.norm(x))).tanh()

    @classmethod
    def names_by_resolution(cls, names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: stages count from 4x4 up.

        The last norm and convolution belong to the image's side, and attention to the side that it usually has: the
        names do not say where else a network was asked to have it.
        """
        largest = 2 * BASE << max(places(names, "stages"), default=0)
        at = attention_side(None, largest, cls.usual_attention)
        modules = {
            "to_image": f"b{largest}.to_image",
            "norm": f"b{largest}.norm",
            "attention": f"b{at}.attention",
        }
        return renamed(names, modules)


class ClassResnetDiscriminator(Discriminator):
    """Stages from the image down, ReLU, sum over the positions, w h + b and, with classes, + <V_y, h>.

    The projection is that of Miyato and Koyama 2018, equation 5 (https://arxiv.org/abs/1802.05637).

    Args:
        shape: (C, R, R), or a rectangle; see `check_image_shape`.
        num_classes: 0 for unconditional.
        stages: from maps to maps.
        sides: of the output of each stage.
        widths: channels of the output of each stage.
        layers: what makes the head.
        attention: side of the map that attends to itself, 0 for none.
        bias: whether the linear layer has one.
        stem: what reads the image before the stages; None for nothing.

    Attributes:
        usual_attention: see `ClassResnetGenerator`.
    """

    usual_attention: ClassVar[int] = 0

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int,
        stages: Sequence[nn.Module],
        sides: Sequence[int],
        widths: Sequence[int],
        layers: Layers,
        attention: int = 0,
        bias: bool = True,
        stem: nn.Module | None = None,
    ) -> None:
        super().__init__(shape, num_classes)
        self.stem, self.stages = stem, nn.ModuleList(stages)
        self.attention_place = place_of(attention, sides)
        self.attention = (
            SelfAttention(widths[self.attention_place], layers) if self.attention_place >= 0 else None
        )
        self.linear = layers.linear(widths[-1], 1, bias)
        self.embedding = layers.embedding(num_classes, widths[-1]) if num_classes else None
        self.logit = Logit() if num_classes else None

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        if self.stem is not None:
            x = self.stem(x)
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if self.attention is not None and place == self.attention_place:
                x = self.attention(x)
        h = relu(x).sum((2, 3))
        if self.embedding is None or self.logit is None:
            return self.linear(h).squeeze(1)
        projected = class_term(h, self.embedding(require_label(label)))
        return self.logit(dense_term(self.linear, h), projected).squeeze(1)

    @classmethod
    def names_by_resolution(cls, names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: stages by the side of the map that they read.

        What reads the image belongs to its side, and attention to the side that it usually has, as in the generator.
        """
        last = max(places(names, "stages"), default=0)
        has_stem = any(name.startswith("stem.") for name in names)
        largest = (2 * BASE if has_stem else BASE) << last
        at = attention_side(None, largest, cls.usual_attention)
        modules = {"stem": f"b{largest}.stem", "attention": f"b{at}.attention"}
        for place in range(last + 1):
            what = "stage" if place or has_stem else "from_image"
            modules[f"stages.{place}"] = f"b{largest >> place}.{what}"
        if largest == min(DISCRIMINATOR_WIDTHS):  # the last two stages read the 8x8 map
            modules[f"stages.{last}"] = f"b{2 * BASE}.last"
        return renamed(names, modules)


def widths_of(
    table: Mapping[int, Sequence[int]], shape: Sequence[int], width: int, what: str
) -> tuple[int, list[int]]:
    """Return the resolution and the channels that a table has for it.

    Raises:
        SettingError: ``resolution``, one that the table does not have.
    """
    sides = tuple(shape[1:])
    if len(sides) == 2 and sides[0] != sides[1]:
        return _widths_of_rectangle(table, shape, width, what)
    if len(shape) != 3 or sides[0] not in table:
        at = sides[0] if len(set(sides)) == 1 else "x".join(map(str, sides))
        nearest = min(table, key=lambda side: abs(math.log2(max(1, *sides) / side))) if sides else 32
        allowed = f"one of {', '.join(map(str, table))} in {what}; the nearest is {nearest}"
        raise SettingError("resolution", at, allowed)
    return sides[0], [check_count("width", width) * factor for factor in table[sides[0]]]


def _widths_of_rectangle(
    table: Mapping[int, Sequence[int]], shape: Sequence[int], width: int, what: str
) -> tuple[int, list[int]]:
    """Return the resolution and the channels of the square whose maps are doubled as often."""
    _, resolution = check_image_shape(shape)
    if resolution not in table:
        size = "x".join(map(str, shape[1:]))
        times = ", ".join(str(side // BASE) for side in table)
        allowed = f"{BASE} or more times one of {times} in {what}, both sides times the same"
        raise SettingError("resolution", size, allowed)
    return resolution, [check_count("width", width) * factor for factor in table[resolution]]


def halvings(resolution: int, num_stages: int, smallest: int = BASE) -> tuple[list[bool], list[int]]:
    """Return for each stage of a discriminator whether it halves the side, and the side of its output.

    >>> halvings(32, 4, smallest=8)
    ([True, True, False, False], [16, 8, 8, 8])
    """
    sides = [max(smallest, resolution >> place) for place in range(num_stages + 1)]
    return [high > low for high, low in itertools.pairwise(sides)], sides[1:]


def attention_side(attention: int | None, resolution: int, usual: int) -> int:
    """Return the side of the map that attends to itself: ``usual``, or half of a smaller image's side, where None."""
    return min(usual, resolution // 2) if attention is None else attention


def place_of(attention: int, sides: Sequence[int]) -> int:
    """Return the first stage whose output has the side ``attention``; -1 for 0, none.

    Raises:
        SettingError: ``attention``, a side that no map has.
    """
    if attention == 0:
        return -1
    if attention not in sides:
        allowed = f"0 (none), or the side of a map: {', '.join(str(side) for side in sorted(set(sides)))}"
        raise SettingError("attention", attention, allowed)
    return list(sides).index(attention)


def joined(*vectors: Tensor | None) -> Tensor | None:
    """Return vectors (B, D_i) side by side, without those that are None; None where all are."""
    found = [vector for vector in vectors if vector is not None]
    return torch.cat(found, dim=1) if found else None
