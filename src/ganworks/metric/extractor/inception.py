"""The Inception network of FID: 2048 features and the logits of the Inception score.

Inception v3 as torch-fidelity ported it from the TensorFlow graph of 2015-12-05, which every published FID
rests on. torch-fidelity loads a file without looking at its hash and resizes in one way only; so its layers are
run here one by one.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from ganworks.metric.extractor.base import Features
from ganworks.metric.extractor.network import ImageExtractor
from ganworks.metric.weights.known import INCEPTION

LAYERS = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
    *("MaxPool_2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d"),
    *("Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
)


class Inception(ImageExtractor):
    """Inception v3 of 2015-12-05 at 299 pixels (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).

    The features (N, 2048) are those of the last pooling layer. The logits (N, 1008) are unbiased, without the
    last layer's bias, as in the code behind the Inception scores that are published.

    Args:
        others: see `ImageExtractor`. ``resize=legacy`` is that of the published figures.
    """

    name = "inception"
    networks = (INCEPTION,)
    mean, std, size = (128.0,) * 3, (128.0,) * 3, 299
    has_logits = True
    num_features = 2048
    image_bytes = 24 * 2**20

    def __init__(
        self,
        weights: str | None = None,
        sha256: str | None = None,
        resize: str = "legacy",
        batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(INCEPTION.network, weights, sha256, resize, batch_size, device)

    def build(self, path: Path) -> nn.Module:
        """Return torch-fidelity's network."""
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path))

    def run(self, model: nn.Module, pixels: Tensor) -> Features:
        """Return the features and the logits."""
        for layer in LAYERS:
            pixels = getattr(model, layer)(pixels)
        features = pixels.flatten(1)
        weight = model.fc.weight  # type: ignore[union-attr]
        return Features(features, features @ weight.T)  # type: ignore[operator]
