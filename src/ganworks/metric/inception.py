"""The Inception network of FID: its weights file, and images turned into 2048 features.

Inception v3 as torch-fidelity ported it from the TensorFlow graph of 2015-12-05, which every published FID
rests on. torch-fidelity loads a file without looking at its hash; here a wrong file is an error.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

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
        "metric.weights=PATH; metric=none trains without FID, and metric=digits measures 8x8 digits"
    )
    verify_sha256(path, sha256, remedy)


class InceptionFeatures:
    """Images (B, 1 or 3, H, W) in [-1, 1] to the features (B, 2048) of the pooling layer, on the CPU.

    Args:
        path: the weights file; check it first.
        antialias: resize to 299 with antialiasing; False is the TensorFlow 1 resize of torch-fidelity,
            pytorch-fid and StyleGAN.
        batch_size: images in one pass.
        device: where the network runs; None takes a GPU if there is one.
    """

    def __init__(self, path: Path, antialias: bool, batch_size: int, device: str | None) -> None:
        # Imported here: half a second that only this suite should cost.
        from torchmetrics.image.fid import NoTrainInceptionV3

        network = NoTrainInceptionV3("inception-v3-compat", [str(NUM_FEATURES)], str(path), antialias)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.batch_size = batch_size

    def __call__(self, images: Tensor) -> Tensor:
        """Return the features (B, 2048), float32."""
        parts = to_uint8_rgb(images).split(self.batch_size)
        return torch.cat([self.network(part.to(self.device)).cpu() for part in parts])


def to_uint8_rgb(images: Tensor) -> Tensor:
    """Return images (B, 1 or 3, H, W) in [-1, 1] as uint8 (B, 3, H, W): rounded, clamped, gray repeated.

    >>> to_uint8_rgb(torch.tensor([-1.2, -1.0, 0.0, 1.0, 1.1]).view(5, 1, 1, 1))[:, 0].flatten().tolist()
    [0, 0, 128, 255, 255]
    """
    images = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return images.expand(-1, 3, -1, -1)
