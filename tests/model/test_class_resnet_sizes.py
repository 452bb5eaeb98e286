"""SNGAN, SAGAN, BigGAN and BigGAN-deep have the published sizes and begin with the published weights."""

from __future__ import annotations

import pytest
import torch

from ganworks.model import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    BigGANDiscriminator,
    BigGANGenerator,
    SAGANDiscriminator,
    SAGANGenerator,
    SNGANDiscriminator,
    SNGANGenerator,
)
from ganworks.model.layer.norm import ConditionalBatchNorm
from ganworks.model.layer.residual import UpBlock
from ganworks.official import biggan
from golden import full_size

PUBLISHED = {
    "biggan_cifar": (
        (BigGANGenerator, {"num_classes": 10, "width": 64, "shared_dim": 0, "attention": 0}, 32),
        (BigGANDiscriminator, {"num_classes": 10, "width": 64, "attention": 0}, 32),
    ),
    "sngan_128_script": (
        (BigGANGenerator, {"num_classes": 1000, "width": 64, "shared_dim": 0, "attention": 0}, 128),
        (BigGANDiscriminator, {"num_classes": 1000, "width": 64, "attention": 0, "hidden": "input"}, 128),
    ),
    "sagan_128_script": (
        (BigGANGenerator, {"num_classes": 1000, "width": 64, "shared_dim": 0}, 128),
        (BigGANDiscriminator, {"num_classes": 1000, "width": 64}, 128),
    ),
    **{
        f"biggan_{side}": (
            (BigGANGenerator, {"num_classes": 1000}, side),
            (BigGANDiscriminator, {"num_classes": 1000}, side),
        )
        for side in (128, 256)
    },
    **{
        f"biggan_deep_{side}": (
            (BigGANDeepGenerator, {"num_classes": 1000}, side),
            (BigGANDeepDiscriminator, {"num_classes": 1000}, side),
        )
        for side in (128, 256)
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_shape_at_the_published_size_is_the_official_one(name):
    facts = full_size(name)
    for (kind, settings, side), player in zip(PUBLISHED[name], "GD", strict=True):
        state = {key: torch.empty(shape, device="meta") for key, shape in facts["shapes"][player].items()}
        role = {"G": "generator", "D": "discriminator"}[player]
        config = getattr(biggan, f"{role}_config")(state, {})
        with torch.device("meta"):
            network = kind((3, side, side), **settings)
        assert sum(p.numel() for p in network.parameters()) == facts[player]
        mapped = getattr(biggan, f"{role}_state")(state, network)
        assert {k: t.shape for k, t in mapped.items()} == {
            k: t.shape for k, t in network.state_dict().items()
        }
        assert config["_target_"] == f"ganworks.model.{kind.__name__}"
        assert config["shape"] == [3, side, side]
        assert all(config[key] == value for key, value in settings.items())


@pytest.mark.parametrize(
    ("kind", "side", "settings", "count"),
    [
        (SNGANGenerator, 32, {}, 4_276_739),
        (SNGANGenerator, 32, {"num_classes": 10}, 4_304_387),
        (SNGANDiscriminator, 32, {}, 1_053_824),
        (SNGANDiscriminator, 32, {"num_classes": 10}, 1_055_104),
        (SNGANGenerator, 64, {}, 12_220_675),
        (SNGANDiscriminator, 64, {}, 10_141_441),
        (SNGANGenerator, 128, {}, 32_150_787),
        (SNGANGenerator, 128, {"num_classes": 1000}, 41_996_931),
        (SNGANDiscriminator, 128, {}, 29_017_857),
        (SNGANDiscriminator, 128, {"num_classes": 1000}, 30_041_857),
        (SAGANGenerator, 128, {"num_classes": 1000}, 42_078_852),
        (SAGANGenerator, 128, {"num_classes": 1000, "attention": 64}, 42_017_412),
        (SAGANDiscriminator, 128, {"num_classes": 1000}, 39_463_618),
    ],
)
def test_parameters_at_the_published_sizes_are_as_many(kind, side, settings, count):
    with torch.device("meta"):
        network = kind((3, side, side), **settings)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize(("kind", "side"), [(BigGANGenerator, 512), (BigGANDeepGenerator, 512)])
def test_largest_networks_double_the_side_seven_times(kind, side):
    with torch.device("meta"):
        generator = kind((3, side, side), num_classes=1000)
        twin = (BigGANDiscriminator if kind is BigGANGenerator else BigGANDeepDiscriminator)((3, side, side))
    assert len(generator.stages) == 7
    assert generator.latent_dim == (160 if kind is BigGANGenerator else 128)
    assert len(twin.stages) == (8 if kind is BigGANGenerator else 7)


def test_first_weights_follow_the_published_laws():
    torch.manual_seed(0)
    sngan = SNGANGenerator((3, 32, 32), num_classes=3, width=16)
    block = sngan.stages[0]
    assert isinstance(block, UpBlock)
    fan = 2 * 64 * 9
    assert block.conv1.weight.abs().max().item() == pytest.approx((2 * 6 / fan) ** 0.5, rel=0.01)
    assert block.skip.weight.abs().max().item() == pytest.approx((6 / (2 * 64)) ** 0.5, rel=0.01)
    assert block.conv1.bias.abs().sum() == 0
    assert isinstance(block.norm1, ConditionalBatchNorm)
    assert (block.norm1.gain.weight == 1).all()
    assert (block.norm1.shift.weight == 0).all()
    normal = BigGANGenerator((3, 32, 32), num_classes=50, width=16, shared_dim=0, init="normal")
    for weight in (normal.linear.weight, normal.stages[0].conv1.weight, normal.stages[0].norm1.gain.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert normal.stages[0].conv1.bias.abs().sum() > 0
    weight = BigGANDiscriminator((3, 32, 32), width=16).stages[1].conv1.weight.flatten(1)
    assert torch.allclose(weight @ weight.t(), torch.eye(len(weight)), atol=1e-5)
    assert SAGANGenerator((3, 32, 32), width=2).attention.gamma == 0
