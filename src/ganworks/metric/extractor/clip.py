"""CLIP's image embedding, which CMMD measures in."""

from __future__ import annotations

import warnings
from pathlib import Path

from torch import nn

from ganworks.metric.extractor.network import ImageExtractor
from ganworks.metric.weights.known import CLIP_B_16, CLIP_B_32, CLIP_L_14, CLIP_L_14_336


class Clip(ImageExtractor):
    """The image encoder of CLIP (Radford et al. 2021, https://arxiv.org/abs/2103.00020).

    512 features of ViT-B/32 and B/16, 768 of ViT-L/14 at 224 and 336 pixels; the last is that of CMMD
    (Jayasumana et al. 2024, https://arxiv.org/abs/2401.09603). They are not normalized.

    Args:
        others: see `ImageExtractor`.
    """

    name = "clip"
    networks = (CLIP_B_32, CLIP_B_16, CLIP_L_14, CLIP_L_14_336)
    mean = (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073)
    std = (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711)
    size = 224
    image_bytes = 64 * 2**20

    def build(self, path: Path) -> nn.Module:
        """Return torch-fidelity's network of the image half; the file's text half is dropped."""
        from torch_fidelity.feature_extractor_clip import FeatureExtractorCLIP

        with warnings.catch_warnings():
            for kind in (DeprecationWarning, FutureWarning):  # the published files are TorchScript archives
                warnings.simplefilter("ignore", kind)
            network = FeatureExtractorCLIP(self.file.network, ["clip"], str(path))
        self.size = network.resolution
        return network.model.visual
