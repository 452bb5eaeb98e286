"""The Inception network of FID: its weights file, and images turned into 2048 features.

Inception v3 as torch-fidelity ported it from the TensorFlow graph of 2015-12-05, which every published FID
rests on. torch-fidelity loads a file without looking at its hash; here a wrong file is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_count
from ganworks.metric.extractor import Extractor, Features
from ganworks.metric.weights import verify_sha256

WEIGHTS_NAME = "weights-inception-2015-12-05-6726825d.pth"
WEIGHTS_ADDRESS = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS_NAME}"
NUM_FEATURES = 2048


def default_weights_path() -> Path:
    """Return where torch.hub, and so torch-fidelity, keeps the weights: ``$TORCH_HOME/hub/checkpoints``."""
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_NAME


def check_inception_weights(path: Path, sha256: str) -> None:
    """Raise `GanworksError`, which says what to do, unless the right weights lie at ``path``."""
    remedy = (
        f"download {WEIGHTS_ADDRESS} (95.6 MB) to that path, or say where the file is with "
        "metric.extractor.inception.weights=PATH; metric=none trains without FID, and metric=digits measures 8x8 digits"
    )
    verify_sha256(path, sha256, remedy)


class Inception(Extractor):
    """Images (B, 1 or 3, H, W) in [-1, 1] to the features (B, 2048) of the pooling layer.

    Args:
        weights: the weights file; None is torch.hub's place for it.
        sha256: what the file must be.
        antialias: resize to 299 with antialiasing, torchmetrics' default; False is the TensorFlow 1 resize
            behind the published figures (torch-fidelity, pytorch-fid, StyleGAN).
        batch_size: images in one pass.
        device: where the network runs; None takes a GPU if there is one.
    """

    def __init__(
        self, weights: str | None, sha256: str, antialias: bool, batch_size: int, device: str | None = None
    ) -> None:
        self.weights = Path(weights) if weights is not None else default_weights_path()
        self.sha256, self.antialias, self.device = sha256, antialias, device
        self.batch_size = check_count("batch_size", batch_size)

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {
            "extractor": f"inception-v3-2015-12-05, {NUM_FEATURES} features",
            "weights_sha256": self.sha256,
            "resizer": "bilinear, antialias" if self.antialias else "bilinear, TensorFlow 1 (legacy)",
        }

    def check(self) -> None:
        """Raise `GanworksError` unless the right weights are where they belong."""
        check_inception_weights(self.weights, self.sha256)

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the samples are gray or RGB images."""
        if len(shape) != 3 or shape[0] not in (1, 3):
            allowed = (
                f"mixture (ring, grid) or none for samples of {tuple(shape)}; fid measures gray or RGB images"
            )
            raise SettingError("metric", "fid", allowed)

    def load(self) -> None:
        # Imported here: half a second that only this extractor should cost.
        from torchmetrics.image.fid import NoTrainInceptionV3

        self.check()
        self.where = torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        network = NoTrainInceptionV3(
            "inception-v3-compat", [str(NUM_FEATURES)], str(self.weights), self.antialias
        )
        self.network = network.to(self.where, memory_format=torch.channels_last)

    def __call__(self, samples: Tensor) -> Features:
        parts = to_uint8_rgb(samples).split(self.batch_size)
        return Features(torch.cat([self.network(part.to(self.where)).cpu() for part in parts]))


def to_uint8_rgb(images: Tensor) -> Tensor:
    """Return images (B, 1 or 3, H, W) in [-1, 1] as uint8 (B, 3, H, W): rounded, clamped, gray repeated.

    >>> to_uint8_rgb(torch.tensor([-1.2, -1.0, 0.0, 1.0, 1.1]).view(5, 1, 1, 1))[:, 0].flatten().tolist()
    [0, 0, 128, 255, 255]
    """
    images = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return images.expand(-1, 3, -1, -1)
