"""Inner maps of the networks that metrics measure with, differentiable in the images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.metric.extractor.base import Extractor
from ganworks.metric.extractor.clip import Clip
from ganworks.metric.extractor.inception import Inception
from ganworks.metric.extractor.lpips import MEAN, STD, Lpips
from ganworks.metric.extractor.network import ImageExtractor
from ganworks.metric.extractor.small_classifier import SmallClassifier
from ganworks.metric.weights import verify_sha256
from ganworks.metric.weights.known import VGG16
from ganworks.model.layer.capture import captured, check_layers, spread_blocks
from ganworks.sample.visible import visible

SETTING = "model.discriminator.features.weights"
WITHOUT = "features of ganworks.metric.DigitsExtractor or FashionExtractor ship, and model=dcgan needs none"
INCEPTION_LAYERS = ("MaxPool_1", "MaxPool_2", "Mixed_6e", "Mixed_7c")  # 73, 35, 17 and 8 places a side
VGG_LAYERS = ("8", "15", "22", "29")  # the last ReLU at 1/2, 1/4, 1/8 and 1/16 of the side


class FeatureMaps:
    """Images (B, C, H, W) in [-1, 1] to maps (B, D, h, w) of a frozen network, from shallow to deep.

    It is no module: the network is not in checkpoints, has no optimizer, and is not shared between ranks. Gradients
    flow through it to the images. Its weights are looked for, and read, when it is made.

    Args:
        extractor: that of a metric: `ImageExtractor` (Inception, DINOv2, CLIP), `Lpips` (VGG16) or one with a
            `SmallClassifier`. Of a vision transformer the maps are the grids of its tokens but the first, the class's.
        layers: names of the network's modules; None takes four that span its depth.
        shape: (C, H, W) of the images.

    Raises:
        SettingError: an extractor without maps, images that it cannot read, or an unknown layer.
        GanworksError: the weights are missing or have another hash.
    """

    def __init__(
        self, extractor: Extractor | Lpips, layers: Sequence[str] | None, shape: Sequence[int]
    ) -> None:
        self.extractor, self.is_sequence_first = extractor, isinstance(extractor, Clip)
        check_weights(extractor)
        extractor.check_shape(shape)
        extractor.load()
        found = getattr(extractor, "model", None) or getattr(extractor, "classifier", None)
        self.network: nn.Module = found or getattr(extractor, "layers", None)  # type: ignore[assignment]
        if not isinstance(self.network, nn.Module):
            allowed = "Inception, DinoV2, Clip, Lpips (VGG16), DigitsExtractor or FashionExtractor"
            raise SettingError("features", type(extractor).__name__, allowed)
        self.network = self.network.requires_grad_(False).eval()
        self.layers = check_layers(self.network, layers or default_layers(extractor, self.network))
        self.device: torch.device | None = None
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            maps = self(torch.zeros(1, *shape))
        self.channels, self.sides = [m.shape[1] for m in maps], [min(m.shape[2:]) for m in maps]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Return the maps, one for each layer."""
        if images.device != self.device:
            self.device, self.network = images.device, self.network.to(images.device)
        with captured(self.network, self.layers) as seen:
            run(self.extractor, self.network, images)
        return [self._as_map(seen[name]) for name in self.layers]

    def _as_map(self, x: Tensor) -> Tensor:
        """Return a map of the tokens (B, 1 + N, D) of a transformer; others are maps already."""
        if x.dim() == 4:
            return x
        tokens = (x.transpose(0, 1) if self.is_sequence_first else x)[:, 1:]
        side = round(tokens.shape[1] ** 0.5)
        return tokens.transpose(1, 2).unflatten(2, (side, side))


def check_weights(extractor: Extractor | Lpips) -> None:
    """Raise `GanworksError`, naming the discriminator's setting, unless the weights are there."""
    if isinstance(extractor, ImageExtractor):
        remedy = extractor.file.remedy(SETTING, WITHOUT)
        extractor.sha256 = verify_sha256(extractor.path, extractor.sha256, remedy)
    elif isinstance(extractor, Lpips):
        verify_sha256(extractor.path, extractor.sha256, VGG16.remedy(SETTING, WITHOUT))
    else:
        extractor.check()


def default_layers(extractor: Extractor | Lpips, network: nn.Module) -> Sequence[str]:
    """Return the names of up to four layers that span a network."""
    if isinstance(extractor, Lpips):
        return VGG_LAYERS
    if isinstance(extractor, Inception):
        return INCEPTION_LAYERS
    if isinstance(network, SmallClassifier):
        return ("stem", *(f"body.{place}" for place in range(len(network.body))))[-4:]
    return spread_blocks(network)


def run(extractor: Extractor | Lpips, network: nn.Module, images: Tensor) -> None:
    """Let a network read images in [-1, 1], brought to its size and its scale of pixels."""
    images = visible(images)
    if isinstance(extractor, ImageExtractor):
        size = extractor.size
        pixels = F.interpolate(
            images, size=(size, size), mode="bilinear", antialias=min(images.shape[2:]) > size
        )
        pixels = (127.5 * (pixels + 1)).expand(-1, 3, -1, -1)
        extractor.run(network, (pixels - column(extractor.mean, pixels)) / column(extractor.std, pixels))
    elif isinstance(extractor, Lpips):
        pixels = images.expand(-1, 3, -1, -1)
        network((pixels - column(MEAN, pixels)) / column(STD, pixels))
    else:
        network(images)


def column(values: Sequence[float], like: Tensor) -> Tensor:
    """Return one value for each channel, (1, C, 1, 1)."""
    return torch.tensor(values, device=like.device, dtype=like.dtype).view(1, -1, 1, 1)
