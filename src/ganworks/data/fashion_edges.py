"""Edges to clothes: Fashion-MNIST with the outlines of each picture as its source."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ganworks.data.samples import Samples, TensorSamples
from ganworks.data.superres import untranslated
from ganworks.data.vision import FashionMNIST

NUM_REFERENCE = 10_000  # the last of the 60,000
THRESHOLD = (
    0.3  # of the slope; 1 is from black to white over two pixels. At .5 dark clothes lose their outlines
)


class FashionEdges(FashionMNIST):
    """Pictures of clothes as ``real``, white lines on black where they change as ``source``: edges2shoes in small.

    Trains on the first 50,000 of Fashion-MNIST's training pictures; the metrics measure with the other 10,000.
    Arguments and files: see `FashionMNIST`.
    """

    name = "fashion_edges"

    def load(self) -> TensorSamples:
        return self._parts[0]

    def load_reference(self) -> Samples:
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[TensorSamples, TensorSamples]:
        """The pictures to train on and those kept apart; both are read at once."""
        whole = super().load()
        sources, num = edges(whole.values), len(whole) - min(NUM_REFERENCE, len(whole) // 6)
        labels = whole.labels
        assert labels is not None
        return (
            TensorSamples(whole.values[:num], labels[:num], source=sources[:num]),
            TensorSamples(whole.values[num:], labels[num:], source=sources[num:]),
        )

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        return untranslated(self, num, seed)


def edges(images: Tensor) -> Tensor:
    """Return the edges of images (N, C, H, W) uint8: 255 where the slope of the gray value is steep, 0 elsewhere.

    The slope is that of Sobel's 3x3 filters.
    """
    rise = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 4
    filters = torch.stack([rise, rise.T])[:, None]
    found = []
    for part in images.split(1000):
        gray = part.float().mean(1, keepdim=True) / 255
        slope = conv2d(pad(gray, (1, 1, 1, 1), mode="replicate"), filters).norm(dim=1, keepdim=True)
        found.append((255 * (slope > THRESHOLD)).to(torch.uint8).expand(-1, images.shape[1], -1, -1))
    return torch.cat(found)
