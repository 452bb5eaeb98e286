"""A discriminator of patches: one logit for each place of the image, on images of any size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator, require_label
from ganworks.model.dcgan import dcgan_init
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import Logit, class_term, conv_term
from ganworks.model.layer.norm import finish_norm, map_norm
from ganworks.model.layer.shape import MAX_GROWTH


class PatchDiscriminator(Discriminator):
    """Strided 4x4 convolutions to a map of logits (B, 1, h, w), each of which judges a patch of the image.

    Isola et al. 2017 (pix2pix), appendix 6.1.2 (https://arxiv.org/abs/1611.07004): C64-C128-C256-C512 for 70x70
    patches, 1x1 convolutions C64-C128 for single pixels. A side of the patches is 1, 16, 34, 70, 142 for 0 to 4
    layers. A conditional one adds to all logits the projection of the mean of the last features on a vector of the
    class (Miyato and Koyama 2018, equation 5, https://arxiv.org/abs/1802.05637).

    Args:
        shape: (C, H, W) of a sample; images of other sizes are judged as well.
        width: channels of the first map; they double with each layer, up to 8 times.
        num_layers: convolutions of stride 2; 0 judges pixels.
        norm: "instance", "batch", "layer", "none" or "spectral"; the first map has none.
        num_classes: 0 for unconditional.
        source_channels: of what stands beside the sample, see `ganworks.task.Beside`.
        with_features: return a dict of ``logits`` and ``features``, the list of maps (B, C, h, w) before them, for
            feature matching.

    Raises:
        SettingError: a count or a norm that it cannot have, or images too small for so many layers.

    >>> import torch
    >>> PatchDiscriminator((3, 256, 256), source_channels=3)(torch.zeros(1, 6, 256, 256)).shape
    torch.Size([1, 1, 30, 30])
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 64,
        num_layers: int = 3,
        norm: str = "instance",
        num_classes: int = 0,
        source_channels: int = 0,
        with_features: bool = False,
    ) -> None:
        super().__init__(shape, num_classes)
        num_layers = check_count("num_layers", num_layers, at_least=0)
        if len(self.shape) != 3:
            raise SettingError("shape", self.shape, "(channels, height, width)")
        channels = self.shape[0] + check_count("source_channels", source_channels, at_least=0)
        sizes = [check_count("width", width) * min(2**n, MAX_GROWTH) for n in range(max(1, num_layers) + 1)]
        # Stride 2 but for the last two convolutions; pixels are judged by 1x1 convolutions throughout.
        strides = [2] * num_layers + [1] if num_layers else [1, 1]
        kernel = 4 if num_layers else 1
        check_size(self.shape, strides, num_layers)
        self.maps = nn.ModuleList(
            conv_block(num_in, num_out, "none" if at == 0 else norm, kernel, strides[at])
            for at, (num_in, num_out) in enumerate(itertools.pairwise([channels, *sizes]))
        )
        self.to_logits = nn.Conv2d(sizes[-1], 1, kernel, padding=kernel // 4)
        self.embedding = ConditionEmbedding(num_classes, sizes[-1]) if num_classes else None
        self.logit = Logit() if num_classes else None
        self.with_features = with_features
        if norm != "none":  # without a norm weights of N(0, .02) let the signal fade
            self.apply(dcgan_init)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=sizes[-1] ** -0.5)
        finish_norm(norm, self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Any:
        """Return the logits (B, 1, h, w) of images (B, C, H, W), or the dict of `with_features`."""
        features = []
        for layer in self.maps:
            x = layer(x)
            features.append(x)
        if self.embedding is None or self.logit is None:
            logits = self.to_logits(x)
        else:
            projected = class_term(x.mean((2, 3)), self.embedding(require_label(label)))
            logits = self.logit(conv_term(self.to_logits, x), projected)
        return {"logits": logits, "features": features} if self.with_features else logits


def conv_block(num_in: int, num_out: int, norm: str, kernel: int, stride: int) -> nn.Sequential:
    """Return a convolution, without the bias that a norm would take away, its norm and a leaky ReLU."""
    after = map_norm(norm, num_out)
    has_bias = isinstance(after, nn.Identity)
    conv = nn.Conv2d(num_in, num_out, kernel, stride, padding=kernel // 4, bias=has_bias)
    return nn.Sequential(conv, after, nn.LeakyReLU(0.2))


def check_size(shape: Sequence[int], strides: Sequence[int], num_layers: int) -> None:
    """Raise `SettingError` unless images of ``shape`` leave a logit behind so many 4x4 convolutions."""
    sizes = [min(shape[1:])]
    for stride in strides:
        sizes.append((sizes[-1] - 2) // stride + 1)
    if num_layers and sizes[-1] < 2:
        raise SettingError(
            "num_layers",
            num_layers,
            f"less for images of {shape[1]}x{shape[2]}: nothing would be left to judge",
        )
