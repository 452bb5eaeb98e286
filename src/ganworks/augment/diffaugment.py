"""Differentiable augmentation of real and fake images and clips.

Zhao et al. 2020 (DiffAugment), https://arxiv.org/abs/2006.10738. Each part maps images (B, C, H, W) to images of
the same shape and changes every image of a batch in its own way; a clip (B, C, T, H, W) gets one change for all of its
frames, for one that differed from frame to frame would be motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ganworks.augment.base import Augment, AugmentFunction, as_module
from ganworks.errors import SettingError, check_range, setting_path
from ganworks.sample.kind import Image, kind_of


class Compose(Augment):
    """Applies named augmentations one after the other; in a config any of them can be left out by name.

    Args:
        parts: the augmentations, in the order of their names' appearance; None leaves one out.
    """

    def __init__(self, **parts: Augment | AugmentFunction | None) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: as_module(part) for name, part in parts.items() if part})

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        for name, part in self.parts.items():
            with setting_path(name):
                x = part(x, rng)
        return x

    def unchanged(self, x: Tensor) -> Tensor:
        for part in self.augments:
            x = part.unchanged(x)
        return x

    def observe(self, real_logits: Tensor, num_images: int) -> None:
        for part in self.augments:
            part.observe(real_logits, num_images)

    def observe_logits(
        self,
        real_logits: Sequence[Tensor],
        fake_logits: Sequence[Tensor],
        num_images: int,
        is_centred: bool = True,
    ) -> None:
        for part in self.augments:
            part.observe_logits(real_logits, fake_logits, num_images, is_centred)

    def replaced(self, num: int, rng: torch.Generator) -> Tensor | None:
        chosen = None
        for part in self.augments:
            found = part.replaced(num, rng)
            if found is not None:
                chosen = found if chosen is None else chosen | found
        return chosen

    @property
    def augments(self) -> list[Augment]:
        """The parts in their order."""
        return [part for part in self.parts.values() if isinstance(part, Augment)]

    @property
    def scalars(self) -> dict[str, Tensor]:
        named = cast(Mapping[str, Augment], self.parts)
        return {f"{name}/{key}": value for name, part in named.items() for key, value in part.scalars.items()}


class Color(Augment):
    """Random brightness, saturation and contrast; 0 switches each off.

    Args:
        brightness: an offset, uniform in [-brightness, brightness].
        saturation: the distance to the pixel's gray is multiplied by 1 + [-saturation, saturation].
        contrast: the distance to the mean of the image or the whole clip is multiplied by
            1 + [-contrast, contrast].
    """

    def __init__(self, brightness: float = 0.5, saturation: float = 1.0, contrast: float = 0.5) -> None:
        super().__init__()
        self.brightness = check_range("brightness", brightness, 0.0)
        self.saturation = check_range("saturation", saturation, 0.0, 1.0)
        self.contrast = check_range("contrast", contrast, 0.0, 1.0)

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_images(x)
        brightness, saturation, contrast = symmetric_noise(3, x, rng)
        x = x + self.brightness * brightness
        gray = x.mean(1, keepdim=True)
        x = gray + (1 + self.saturation * saturation) * (x - gray)
        mean = x.mean(tuple(range(1, x.dim())), keepdim=True)
        return mean + (1 + self.contrast * contrast) * (x - mean)


class Translation(Augment):
    """Shift by whole pixels, uniform up to ``ratio`` of the side in each direction; 0 (mid-gray) moves in.

    Args:
        ratio: from 0 (off) to 1.
    """

    def __init__(self, ratio: float = 0.125) -> None:
        super().__init__()
        self.ratio = check_range("ratio", ratio, 0.0, 1.0)

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_images(x)
        for dim in (x.dim() - 2, x.dim() - 1):
            limit = int(x.shape[dim] * self.ratio + 0.5)
            x = shift(x, integers(-limit, limit, x, rng), dim)
        return x


class Cutout(Augment):
    """Set a rectangle of ``ratio`` of each side to 0 (mid-gray); its centre is anywhere in the image.

    Args:
        ratio: from 0 (off) to 1.
    """

    def __init__(self, ratio: float = 0.5) -> None:
        super().__init__()
        self.ratio = check_range("ratio", ratio, 0.0, 1.0)

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        check_images(x)
        rows = self.is_cut(x.shape[-2], x, rng)[:, :, None]
        columns = self.is_cut(x.shape[-1], x, rng)[:, None, :]
        cut = rows & columns  # (B, H, W)
        return x.masked_fill(cut.view(len(x), *[1] * (x.dim() - 3), *cut.shape[1:]), 0.0)

    def is_cut(self, size: int, x: Tensor, rng: torch.Generator) -> Tensor:
        """Return for each image which of its ``size`` rows or columns are cut, (B, size)."""
        length = int(size * self.ratio + 0.5)
        # an even length has its centre on a border between pixels, of which there is one more
        first = integers(0, size - length % 2, x, rng)[:, None] - length // 2
        position = torch.arange(size, device=x.device)
        return (position >= first) & (position < first + length)


def shift(x: Tensor, offset: Tensor, dim: int) -> Tensor:
    """Move each image by its own whole ``offset`` (B,) along ``dim``; 0 moves in where nothing comes from."""
    size = x.shape[dim]
    source = torch.arange(size, device=x.device) - offset[:, None]
    source = source.view(len(x), *[size if axis == dim else 1 for axis in range(1, x.dim())])
    moved = x.gather(dim, source.clamp(0, size - 1).expand_as(x))
    return moved.masked_fill((source < 0) | (source >= size), 0.0)


def symmetric_noise(num: int, x: Tensor, rng: torch.Generator) -> Tensor:
    """Return uniform noise in [-1, 1) for each image or clip, (num, B, 1, ..., 1)."""
    noise = torch.rand((num, len(x), *[1] * (x.dim() - 1)), generator=rng, device=rng.device)
    return (2 * noise - 1).to(x)


def integers(low: int, high: int, x: Tensor, rng: torch.Generator) -> Tensor:
    """Return an integer in [low, high] for each image or clip, (B,)."""
    return torch.randint(low, high + 1, (len(x),), generator=rng, device=rng.device).to(x.device)


def check_images(x: Tensor) -> None:
    """Raise `SettingError` unless ``x`` is a batch of images or clips."""
    if not isinstance(kind_of(x.shape[1:]), Image):  # clips are a kind of images
        shape = tuple(x.shape[1:])
        with setting_path(is_whole=True):  # no setting of a part
            raise SettingError("augment", f"for samples of shape {shape}", "none where samples are no images")
