"""A small convolutional classifier of images of any size: what learns from fakes, or from reals beside them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.errors import SettingError


class SmallClassifier(nn.Module):
    """A convolution, then one and a halving until the shorter side is 2 or 3, each with batch norm; two linear layers.

    Args:
        shape: (C, H, W) of the images.
        num_classes: of them.
        width: channels of the first convolution; the others have twice as many.
        num_features: units of the last layer but one.

    Raises:
        SettingError: ``shape`` is not that of images.

    >>> len(SmallClassifier((3, 64, 48), 5).body)
    5
    """

    def __init__(
        self, shape: Sequence[int], num_classes: int, width: int = 32, num_features: int = 64
    ) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape[1:]) < 2:
            raise SettingError("shape", tuple(shape), "(channels, height, width) of images, from 2 pixels up")
        num_halvings = int(math.log2(min(shape[1:]))) - 1
        sides = [side >> num_halvings for side in shape[1:]]
        self.stem = _convolution(shape[0], width)
        widths = [width, *[2 * width] * num_halvings]
        self.body = nn.ModuleList([_convolution(*pair) for pair in itertools.pairwise(widths)])
        self.hidden = nn.Linear(widths[-1] * sides[0] * sides[1], num_features)
        self.output = nn.Linear(num_features, num_classes)

    def features(self, images: Tensor) -> Tensor:
        """Return the features (B, num_features), from 0 up, of ``images`` (B, C, H, W) in [-1, 1]."""
        x = self.stem(images)
        for block in self.body:
            x = F.max_pool2d(block(x), 2)
        return F.relu(self.hidden(x.flatten(1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, num_classes) of ``images`` (B, C, H, W) in [-1, 1]."""
        return self.output(self.features(images))


def _convolution(num_in: int, num_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(num_in, num_out, 3, padding=1), nn.BatchNorm2d(num_out), nn.ReLU())
