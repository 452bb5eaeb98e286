"""Maps of the published networks with random weights: shapes, and gradients to the images."""

import pytest
import torch

from ganworks.metric.extractor import DinoV2, Lpips
from ganworks.metric.extractor.maps import FeatureMaps
from ganworks.metric.extractor.vision_transformer import VisionTransformer
from ganworks.metric.weights import file_sha256
from ganworks.model import ProjectedDiscriminator


@pytest.fixture
def tokens(tmp_path):
    """DINOv2's extractor on a file with a tiny transformer of eight blocks and patches of 56 pixels."""
    torch.manual_seed(0)
    path = tmp_path / "tiny.pth"
    torch.save(VisionTransformer(64, 8, 56, 16).state_dict(), path)
    return DinoV2("dinov2-vit-s-14", str(path), file_sha256(path), device="cpu")


def test_tokens_of_a_transformer_are_maps_at_quarters_of_its_depth(tokens):
    maps = FeatureMaps(tokens, None, (3, 32, 32))
    assert maps.layers == ("blocks.1", "blocks.3", "blocks.5", "blocks.7")
    assert maps.channels == [64] * 4
    assert maps.sides == [4] * 4


def test_gradient_reaches_images_of_any_size_through_a_transformer(tokens):
    discriminator = ProjectedDiscriminator((1, 32, 32), tokens, width=2)
    x = torch.rand(2, 1, 32, 32, requires_grad=True)
    discriminator(x).sum().backward()
    assert x.grad.abs().amax((1, 2, 3)).min() > 0


def test_maps_of_vgg_halve(monkeypatch):
    features = Lpips(device="cpu")
    monkeypatch.setattr("ganworks.metric.extractor.maps.check_weights", lambda extractor: None)
    torch.manual_seed(0)
    from torchvision.models import vgg16

    features.layers = vgg16().features[:30].eval()
    maps = FeatureMaps(features, None, (3, 32, 32))
    assert maps.sides == [16, 8, 4, 2]
    assert maps.channels == [128, 256, 512, 512]
