"""Weights files of the real networks with values drawn anew: the whole loading path without a download."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_clip import CLIPVisual
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganworks.metric.extractor.vision_transformer import VisionTransformer


class _Initialized(FeatureExtractorInceptionV3):
    def load_state_dict(self, state_dict: dict) -> None:
        """Keep what the constructor drew."""


def save_inception(path: Path) -> Path:
    """Write Inception's weights; the features are of order 1, as those of the true ones."""
    torch.save({}, path)
    network = _Initialized("inception-v3-compat", ["2048"], str(path))
    _draw(network)
    torch.save(network.state_dict(), path)
    return path


def save_dinov2(path: Path, dim: int = 384, depth: int = 12) -> Path:
    """Write weights of DINOv2, ViT-S/14 by default, with the tensor that only its training needs."""
    network = VisionTransformer(dim, depth, patch=14, num_positions=37**2)
    _draw(network)
    torch.save({**network.state_dict(), "mask_token": torch.zeros(1, dim)}, path)
    return path


def save_clip(path: Path) -> Path:
    """Write a small CLIP as the TorchScript archive in half precision that the published files are."""

    class Archive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.visual = CLIPVisual(32, 64, 2, 64, 16).visual
            self.text_projection = nn.Parameter(torch.zeros(16, 32))
            self.logit_scale = nn.Parameter(torch.zeros(()))

        def forward(self, images: Tensor) -> Tensor:
            return self.visual(images)

    archive = Archive().eval()
    _draw(archive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(archive, torch.zeros(1, 3, 64, 64)).half(), str(path))
    return path


def save_vgg16(path: Path) -> Path:
    """Write VGG16's convolutions; the three large layers behind them are nobody's concern."""
    from torchvision.models import vgg16

    with torch.device("meta"):
        network = vgg16().features
    network.to_empty(device="cpu")
    _draw(network)
    torch.save({f"features.{name}": tensor for name, tensor in network.state_dict().items()}, path)
    return path


@torch.no_grad()
def _draw(network: nn.Module) -> None:
    rng = torch.Generator().manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
            if layer.bias is not None:
                layer.bias.normal_(0, 0.1, generator=rng)
    for name, parameter in network.named_parameters():
        if name.endswith(("pos_embed", "cls_token", "gamma")):
            parameter.normal_(0, 0.5, generator=rng)
