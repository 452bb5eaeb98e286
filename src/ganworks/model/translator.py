"""What every network from an image to an image offers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.nn.functional import pad

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Generator


class Translator(Generator):
    """A network from an image, the condition ``source``, to an image of the same size; of any size, squares or not.

    A subclass implements `translate` on images whose sides are multiples of `multiple`: others are padded with the
    pixels at their edge, and what was added is cut off again.

    Args:
        shape: (C, H, W) of an image that it makes in training.
        source_channels: of the source; None is C.
        num_levels: halvings of height and width inside.

    Raises:
        SettingError: a count or a shape that it cannot have.
    """

    def __init__(self, shape: Sequence[int], source_channels: int | None, num_levels: int) -> None:
        super().__init__(shape, latent_dim=None)
        if len(self.shape) != 3:
            raise SettingError("shape", self.shape, "(channels, height, width)")
        self.source_channels = check_count("source_channels", source_channels or self.shape[0])
        self.multiple = 2 ** check_count("num_levels", num_levels)

    @property
    def conditions(self) -> tuple[str, ...]:
        return ("source",)

    def forward(self, source: Tensor, **noise: Tensor) -> Tensor:  # type: ignore[override]
        """Return images (B, C, H, W) in [-1, 1] of sources (B, source_channels, H, W)."""
        if source.dim() != 4 or source.shape[1] != self.source_channels:
            allowed = (
                f"(B, {self.source_channels}, height, width): images with {self.source_channels} channels"
            )
            raise SettingError("source", tuple(source.shape), allowed)
        padded = self.padded(source)
        if padded is source:
            return self.translate(source, noise)
        (height, width), (high, wide) = source.shape[2:], padded.shape[2:]
        top, left = (high - height) // 2, (wide - width) // 2
        return self.translate(padded, noise)[..., top : top + height, left : left + width]

    def padded(self, images: Tensor, mirrored: bool = False) -> Tensor:
        """Return images with sides that are multiples of `multiple`, continued by their edges on all sides.

        Args:
            images: (B, C, H, W).
            mirrored: they are mirrored left to right: what is odd is added on the left, so that it lies where that
                of the images lies that they mirror.
        """
        down, right = (-side % self.multiple for side in images.shape[2:])
        if not down and not right:
            return images
        top, left = down // 2, right - right // 2 if mirrored else right // 2
        return pad(images, (left, right - left, top, down - top), mode="replicate")

    @abstractmethod
    def translate(self, source: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the images of sources whose sides are multiples of `multiple`."""
