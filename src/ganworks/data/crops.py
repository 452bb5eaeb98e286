"""Random crops of images that are read at a larger size than they are trained on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.data.samples import Fields, as_fields
from ganworks.noise import keyed_rng


class Crops:
    """Where each sample is cropped, drawn anew every epoch.

    A place is a function of seed, epoch and sample: it depends on neither the batch nor the number of devices.

    Args:
        size: (height, width) of the crops.
        order: which samples stand in which batch.
    """

    def __init__(self, size: tuple[int, int], order: KeyedOrder) -> None:
        self.size, self.order = size, order
        self._drawn = -1, torch.empty(0)

    def crop(self, images: Tensor, position: int) -> Tensor:
        """Return the crops (B, C, *size) of the images (B, C, H, W) of the batch number ``position``."""
        if tuple(images.shape[2:]) == self.size:
            return images
        places = self.places(position // len(self.order))[self.order.indices(position)].tolist()
        return torch.stack([self.cut(image, place) for image, place in zip(images, places, strict=True)])

    def places(self, epoch: int) -> Tensor:
        """Return numbers (N, 2) in [0, 1) that say where each sample is cropped in an epoch."""
        if self._drawn[0] != epoch:
            rng = keyed_rng(self.order.seed, "crop", epoch)
            self._drawn = epoch, torch.rand(self.order.num_samples, 2, generator=rng)
        return self._drawn[1]

    def cut(self, image: Tensor, place: list[float]) -> Tensor:
        """Return (C, *size) of an image (C, H, W)."""
        top, left = (
            int(share * (side - wanted + 1))
            for share, side, wanted in zip(place, image.shape[1:], self.size, strict=True)
        )
        return image[:, top : top + self.size[0], left : left + self.size[1]]


class CropLoader(BatchLoader):
    """Batches whose images are cropped, all fields of a sample at one place; see `Crops`.

    Args:
        size: (height, width) of the crops.
    """

    def __init__(self, *args: Any, size: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crops = Crops(size, self.order)

    def read(self, indices: Tensor) -> Fields:
        """Return the crops of the batch at the present position."""
        fields = as_fields(super().read(indices))
        return {name: self.crops.crop(images, self.position) for name, images in fields.items()}
