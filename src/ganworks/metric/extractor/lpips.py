r"""LPIPS, a distance of two images that agrees with people, for perceptual path length.

.. math:: d(x, y) = \sum_l \frac{1}{H_l W_l} \sum_{h,w} w_l \cdot (\hat{x}^l_{hw} - \hat{y}^l_{hw})^2

with :math:`\hat{x}^l` VGG's activations in layer l, of length one in every place. Zhang et al. 2018, eq. 1
(https://arxiv.org/abs/1801.03924).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.metric.extractor.network import WITHOUT, full_float32, readable
from ganworks.metric.weights import verify_sha256
from ganworks.metric.weights.known import VGG16

TAPS = (3, 8, 15, 22, 29)  # the last ReLU before each pooling layer of torchvision's VGG16
MEAN = (-0.030, -0.088, -0.188)  # of pixels in [-1, 1], the authors' rounding of ImageNet's
STD = (0.458, 0.448, 0.450)
LINEAR_SHA256 = "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"
EPSILON = 1e-10
MIN_SIZE = 16


class Lpips:
    """LPIPS version 0.1 on VGG16: images (B, 1 or 3, H, W) in [-1, 1], from 16 pixels up, to distances (B,).

    VGG's weights are torchvision's; the five linear layers ship with torchmetrics.

    Args:
        weights: VGG's weights file; None is torch.hub's place for it.
        sha256: what the file must be; None is the published file's.
        device: where it runs; None takes a GPU if there is one.
        setting, without: what an error about the weights calls their setting, and the way to do without them.

    Raises:
        GanworksError: (in `check`) the weights are missing or have another hash.
    """

    name = "lpips"

    def __init__(
        self,
        weights: str | None = None,
        sha256: str | None = None,
        device: str | None = None,
        setting: str = "metric.measure.path_length.distance.weights",
        without: str = WITHOUT,
    ) -> None:
        self.setting, self.without = setting, without
        self.path = VGG16.path if weights is None else Path(weights)
        self.sha256 = VGG16.sha256 if sha256 is None else str(sha256)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.layers: nn.Sequential | None = None

    def check(self) -> None:
        """Raise `GanworksError` unless the right weights are where they belong; note their whole hash."""
        self.sha256 = verify_sha256(self.path, self.sha256, VGG16.remedy(self.setting, self.without))

    def check_shape(self, shape: Sequence[int], setting: str = "measure.path_length.distance") -> None:
        """Raise `SettingError` unless images of ``shape`` (C, H, W) are gray or RGB and outlive VGG's poolings."""
        if shape[0] not in (1, 3) or min(shape[1:]) < MIN_SIZE:
            allowed = f"left out for images of {tuple(shape)}: it takes gray or RGB ones of {MIN_SIZE} pixels or more"
            raise SettingError(setting, "Lpips", allowed)

    def load(self) -> None:
        """Read the weights, once."""
        if self.layers is not None:
            return
        from torchvision.models import vgg16

        self.check()
        with torch.device("meta"):
            layers = vgg16().features[: TAPS[-1] + 1]
        with readable(self.path, "VGG16"):
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            own = {name: saved[f"features.{name}"] for name in layers.state_dict()}
            layers.load_state_dict(own, assign=True)
        layers = layers.eval().requires_grad_(False).to(self.device)
        self.layers = layers.to(memory_format=torch.channels_last)
        self.weights = [weight.to(self.device) for weight in _linear_weights()]

    def __call__(self, images: Tensor, others: Tensor) -> Tensor:
        """Return the distance (B,) of each image to the one in the same place, on the CPU."""
        with full_float32():
            return self._distance(images, others).cpu()

    def between(self, images: Tensor, others: Tensor) -> Tensor:
        """Return the same on the device of the images, differentiable in them: a term of a loss."""
        self.load()
        assert self.layers is not None
        if images.device != self.device:
            self.device = images.device
            self.layers = self.layers.to(self.device)
            self.weights = [weight.to(self.device) for weight in self.weights]
        with torch.autocast(self.device.type, enabled=False):
            return self._distance(images, others)

    def _distance(self, images: Tensor, others: Tensor) -> Tensor:
        pairs = zip(self.weights, self._activations(images), self._activations(others), strict=True)
        terms = [((x - y).square() * weight).sum(1).mean((1, 2)) for weight, x, y in pairs]
        return torch.stack(terms).sum(0)

    @property
    def contract(self) -> dict[str, str]:
        """What must agree for two figures to compare."""
        return {"extractor": "lpips-0.1-vgg16", "weights_sha256": self.sha256, "resizer": "none"}

    def _activations(self, images: Tensor) -> list[Tensor]:
        assert self.layers is not None, "load() comes before the first images"
        x = images.to(self.device).float().expand(-1, 3, -1, -1)
        mean, std = (torch.tensor(values, device=self.device).view(1, 3, 1, 1) for values in (MEAN, STD))
        x, kept = (x - mean) / std, []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in TAPS:
                kept.append(x / (x.square().sum(1, keepdim=True).sqrt() + EPSILON))
        return kept


def _linear_weights() -> list[Tensor]:
    """Return the weights (1, C, 1, 1) of the five layers' channels."""
    path = Path(str(files("torchmetrics"))) / "functional" / "image" / "lpips_models" / "vgg.pth"
    verify_sha256(path, LINEAR_SHA256, "install torchmetrics again")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    return [saved[f"lin{layer}.model.1.weight"] for layer in range(len(TAPS))]
