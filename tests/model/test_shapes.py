"""Which shapes and settings the networks take, and what they say about others."""

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResnetDiscriminator,
    ResnetGenerator,
)

CONVOLUTIONAL = [(DCGANGenerator, DCGANDiscriminator), (ResnetGenerator, ResnetDiscriminator)]
PAIRS = [(MLPGenerator, MLPDiscriminator), *CONVOLUTIONAL]
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=["mlp", "dcgan", "resnet"])
every_convolutional_pair = pytest.mark.parametrize("pair", CONVOLUTIONAL, ids=["dcgan", "resnet"])
every_class = pytest.mark.parametrize("network", [network for pair in PAIRS for network in pair])


def check_pair(pair, shape, num_classes=0, batch=2, **kwargs):
    generator, discriminator = (
        pair[0](shape, 5, num_classes, width=4),
        pair[1](shape, num_classes, width=4, **kwargs),
    )
    label = torch.arange(batch) % num_classes if num_classes else None
    fake = generator(torch.randn(batch, 5), label)
    logits = discriminator(fake, label)
    assert fake.shape == (batch, *shape)
    assert logits.shape == (batch,)
    assert logits.isfinite().all()
    return fake


@every_convolutional_pair
@pytest.mark.parametrize("resolution", [8, 16, 32, 64, 128, 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_power_of_two_from_8_up_and_any_channels(pair, resolution, channels):
    fake = check_pair(pair, (channels, resolution, resolution))
    assert fake.abs().max() <= 1


@every_convolutional_pair
def test_many_channels(pair):
    check_pair(pair, (7, 16, 16))


@pytest.mark.parametrize("shape", [(1,), (2,), (10,), (1, 28, 28), (3, 5, 7)])
def test_mlp_takes_vectors_and_images_of_any_shape(shape):
    check_pair(PAIRS[0], shape)


def test_mlp_keeps_images_in_range_and_vectors_free():
    torch.manual_seed(0)
    latent = 1000 * torch.randn(64, 5)
    assert MLPGenerator((1, 4, 4), 5)(latent).abs().max() <= 1
    assert MLPGenerator((2,), 5)(latent).abs().max() > 1


@every_pair
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "spectral"])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_every_discriminator_norm_with_and_without_classes(pair, norm, num_classes):
    check_pair(pair, (3, 16, 16), num_classes, norm=norm)


@every_pair
def test_shape_may_be_a_list_as_configs_have_it(pair):
    assert pair[0]([1, 8, 8], 5, width=4).shape == (1, 8, 8)
    assert pair[1]([1, 8, 8], width=4).shape == (1, 8, 8)


@every_convolutional_pair
@pytest.mark.parametrize(
    ("shape", "nearest"),
    [
        ((1, 28, 28), 32),
        ((1, 4, 4), 8),
        ((3, 100, 100), 128),
        ((3, 33, 33), 32),
        ((3, 33, 64), "32x64"),
        ((3, 180, 240), "192x256"),
        ((3, 1, 1), 8),
    ],
)
def test_impossible_resolution_is_named_with_the_nearest_possible_one(pair, shape, nearest):
    for network in pair:
        with pytest.raises(SettingError, match=f"the nearest is {nearest}") as caught:
            network(shape)
        assert caught.value.setting == "resolution"


@every_convolutional_pair
def test_vectors_are_an_error_that_points_to_the_mlp(pair):
    for network in pair:
        with pytest.raises(SettingError, match=r"shape=\(2,\).*model=mlp"):
            network((2,))


@every_class
@pytest.mark.parametrize("wrong", [{"width": 0}, {"width": -8}, {"width": 1.5}, {"num_classes": -1}])
def test_wrong_count_is_named(network, wrong):
    with pytest.raises(SettingError) as caught:
        network((1, 8, 8), **wrong)
    assert caught.value.setting == next(iter(wrong))


@pytest.mark.parametrize(
    ("network", "wrong"),
    [
        (MLPGenerator, {"depth": 0}),
        (MLPDiscriminator, {"depth": -1}),
        (MLPGenerator, {"latent_dim": 0}),
        (DCGANGenerator, {"dense_width": -1}),
        (DCGANDiscriminator, {"dense_width": -1}),
        (ResnetGenerator, {"num_blocks": 0}),
        (ResnetDiscriminator, {"num_blocks": 0}),
        (ResnetGenerator, {"dense_width": 0}),
        (ResnetDiscriminator, {"dense_width": 0}),
        (ResnetGenerator, {"patch_size": 4}),
        (ResnetDiscriminator, {"patch_size": 3}),
        (MLPGenerator, {"norm": "spectral"}),
    ],
)
def test_wrong_setting_of_one_network_is_named(network, wrong):
    with pytest.raises(SettingError) as caught:
        network((1, 8, 8), **wrong)
    assert caught.value.setting == next(iter(wrong))


@pytest.mark.parametrize("network", [pair[1] for pair in PAIRS])
def test_unknown_norm_offers_the_nearest(network):
    with pytest.raises(
        SettingError, match=r"norm=spectra: .*none, batch, layer, spectral.*Did you mean 'spectral'"
    ):
        network((1, 8, 8), norm="spectra")


@pytest.mark.parametrize("patch_size", [1, 2, 4, 8])
def test_resnet_takes_patches_of_every_size_down_to_a_4x4_map(patch_size):
    generator = ResnetGenerator((3, 32, 32), 5, width=4, patch_size=patch_size)
    discriminator = ResnetDiscriminator((3, 32, 32), width=4, patch_size=patch_size)
    assert len(generator.stages) == len(discriminator.stages) == {1: 4, 2: 3, 4: 2, 8: 1}[patch_size]
    assert discriminator(generator(torch.randn(2, 5))).shape == (2,)


def test_width_grows_by_halving_sides_and_stops_at_eight_times():
    generator = DCGANGenerator((3, 256, 256), width=4)
    assert [norm.num_features for norm in generator.norms] == [32, 32, 32, 16, 8, 4]
    discriminator = ResnetDiscriminator((3, 32, 32), width=4)
    assert [blocks[0].first.in_channels for blocks in discriminator.stages] == [4, 8, 16]


def test_dcgan_64_is_the_published_network():
    generator, discriminator = (
        DCGANGenerator((3, 64, 64), width=128),
        DCGANDiscriminator((3, 64, 64), width=128),
    )
    assert generator.project.out_features == 1024 * 4 * 4
    assert [conv.out_channels for conv in [*generator.convs, generator.to_image]] == [512, 256, 128, 3]
    convs = [layer for layer in discriminator.layers if isinstance(layer, torch.nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [128, 256, 512, 1024]
