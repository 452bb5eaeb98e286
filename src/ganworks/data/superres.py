"""Super-resolution: images, and what is left of them at a fraction of their size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ganworks.data.base import GanDataModule, ImageDataModule
from ganworks.data.digits import digits_half
from ganworks.data.samples import TensorSamples
from ganworks.errors import SettingError


class DigitsSuperres(ImageDataModule):
    """The bundled digits at 8x8 as ``real``, and at 4x4 as ``source``, enlarged again to 8x8 (bicubic).

    Trains on the half of the digits that the shipped classifier was trained on; the reference is the other half, which
    neither the classifier nor a translator has seen. See `Digits`.

    Args:
        factor: how many times smaller a source is before it is enlarged: 2, or 4.
        resolution, channels: 8 and 1, as the digits are.
        batch_size, shape, num_classes, seed, horizontal_flip, min_batches: see `ImageDataModule`.

    Raises:
        SettingError: another size or factor.

    >>> data = DigitsSuperres()
    >>> len(data.samples), len(data.reference), data.example()["source"].shape
    (896, 901, torch.Size([2, 1, 8, 8]))
    """

    name = "digits_superres"
    known_classes = 10

    def __init__(
        self,
        batch_size: int = 64,
        resolution: int = 8,
        channels: int = 1,
        factor: int = 2,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
    ) -> None:
        super().__init__(
            batch_size, resolution, channels, shape, num_classes, seed, horizontal_flip, min_batches
        )
        for name, value, allowed in (
            ("resolution", resolution, (8,)),
            ("channels", channels, (1,)),
            ("factor", factor, (2, 4)),
        ):
            if value not in allowed:
                raise SettingError(name, value, f"{' or '.join(map(str, allowed))} for these digits")
        self.factor = factor

    def load(self) -> TensorSamples:
        return self._half(train=True)

    def load_reference(self) -> TensorSamples:
        return self._half(train=False)

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        return untranslated(self, num, seed)

    def _half(self, train: bool) -> TensorSamples:
        images, labels = digits_half(train)
        return TensorSamples(
            images, labels, source=enlarged(avg_pool2d(images, self.factor), images.shape[2:])
        )


def untranslated(data: GanDataModule, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
    """Return the line "source" of a table: the sources in the place of their translations."""
    drawn = data.draw_conditions(["real", "source", "label"], num, seed)
    return {"source": {**drawn, "fake": drawn["source"]}}


def enlarged(images: Tensor, size: Sequence[int]) -> Tensor:
    """Return float images (B, C, h, w) in [-1, 1] at ``size`` (H, W), by bicubic interpolation."""
    return interpolate(images, tuple(size), mode="bicubic", align_corners=False).clamp_(-1, 1)
