"""DINOv2's embedding, in which Frechet distances agree better with people (Stein et al. 2023).

torch-fidelity fetches the network's code from a repository when it runs; here the network is our own, and only its
weights come from outside.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ganworks.metric.extractor.network import ImageExtractor, full_float32
from ganworks.metric.extractor.vision_transformer import VisionTransformer
from ganworks.metric.weights.known import DINOV2_BASE, DINOV2_LARGE, DINOV2_SMALL


class DinoV2(ImageExtractor):
    """The class token of DINOv2 (Oquab et al. 2023, https://arxiv.org/abs/2304.07193) at 224 pixels.

    384 features of ViT-S/14, 768 of ViT-B/14, 1024 of ViT-L/14, which Stein et al. 2023
    (https://arxiv.org/abs/2306.04675) measure with.

    Args:
        others: see `ImageExtractor`.
    """

    name = "dinov2"
    networks = (DINOV2_SMALL, DINOV2_BASE, DINOV2_LARGE)
    mean = (255 * 0.485, 255 * 0.456, 255 * 0.406)
    std = (255 * 0.229, 255 * 0.224, 255 * 0.225)
    size = 224
    image_bytes = 16 * 2**20

    def build(self, path: Path) -> nn.Module:
        """Return the network that the file holds."""
        return VisionTransformer.of(torch.load(path, map_location="cpu", weights_only=True))

    def tokens(self, images: Tensor) -> Tensor:
        """Return the normalized tokens of images (B, 1 or 3, H, W) in [-1, 1], that of the class first."""
        assert isinstance(self.model, VisionTransformer), "load() comes before the first images"
        with full_float32():
            return self.model.norm(self.model.encode(self.normalized(self.prepared(images))))
