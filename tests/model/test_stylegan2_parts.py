"""What StyleGAN2 does beside what is held against its official networks: start, styles, precision, settings."""

from __future__ import annotations

import copy

import pytest
import torch
from hydra.utils import instantiate
from torch.nn.functional import one_hot

from ganworks.errors import SettingError
from ganworks.model import StyleGAN2Discriminator, StyleGAN2Generator
from ganworks.regularizer import squared_gradient_norm
from ganworks.run.compose import compose
from ganworks.run.init_from import portable_names
from golden import deviation

SMALL = {"latent_dim": 8, "w_dim": 10, "num_mapping": 2, "channel_base": 128, "channel_max": 8}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_networks_start_as_published():
    network = StyleGAN2Generator((3, 32, 32), channel_max=64, num_mapping=2)
    layer = network.blocks["b8"].conv0
    assert layer.weight.std().item() == pytest.approx(1, rel=0.02)
    assert layer.affine.bias.eq(1).all()
    assert layer.noise_strength.item() == 0
    assert network.mapping.layers[0].weight.std().item() == pytest.approx(100, rel=0.02)
    assert StyleGAN2Discriminator((3, 16, 16)).blocks["b16"].conv0.weight.std().item() == pytest.approx(
        1, rel=0.02
    )
    # Strengths of 0: the noise changes nothing yet.
    noise = network.draw_noise(2, lambda name: torch.Generator().manual_seed(len(name)))
    assert torch.equal(network.eval()(**noise), network.from_w(network.styles(**noise)))


def drawn(network, num=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return network.draw_noise(num, lambda name: rng)


def test_second_style_is_asked_for_in_training_alone_and_takes_over_at_a_layer_of_each_sample():
    network = StyleGAN2Generator((3, 16, 16), **SMALL)
    assert {"mixed_latent", "mixing"} <= set(network.noise)
    assert not {"mixed_latent", "mixing"} & set(network.eval().noise)
    assert network.noise["noise_b16_conv1"].shape == (1, 16, 16)
    noise = drawn(network.train(), 4000)
    first = network.crossover(noise["mixing"])
    assert (first < network.num_ws).float().mean().item() == pytest.approx(0.9, abs=0.02)
    assert set(first.tolist()) == set(range(1, network.num_ws + 1))
    ws, others = network.to_w(noise["latent"]), network.to_w(noise["mixed_latent"])
    mixed = network.styles(**noise)
    for i in range(20):
        place = int(first[i])
        assert torch.equal(mixed[i], torch.cat([ws[i, :place], others[i, place:]]))


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
def test_every_parameter_of_a_conditional_generator_gets_a_gradient(architecture):
    network = StyleGAN2Generator((1, 16, 16), num_classes=3, architecture=architecture, **SMALL)
    label = torch.tensor([0, 2])
    image = network(**drawn(network), label=label)
    assert image.shape == (2, 1, 16, 16)
    image.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
    same, other = (network.eval().to_w(torch.ones(1, 8), torch.tensor([k])) for k in (0, 1))
    assert not torch.allclose(same, other, atol=1e-4)
    rows = network.to_w(torch.ones(2, 8), one_hot(label, 3).float())
    assert torch.allclose(rows, network.to_w(torch.ones(2, 8), label), atol=1e-6)
    with pytest.raises(ValueError, match="label"):
        network(torch.ones(1, 8))


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_every_discriminator_has_second_order_gradients(architecture, num_classes):
    network = StyleGAN2Discriminator(
        (2, 16, 16), num_classes, 2, 128, 8, architecture=architecture, num_half_res=4, half_type="bfloat16"
    )
    x, label = torch.randn(4, 2, 16, 16), torch.tensor([0, 1, 2, 0]) if num_classes else None
    assert network(x, label).shape == (4,)
    assert network(x, label).dtype == torch.float32
    squared_gradient_norm(lambda x: network(x, label), x).mean().backward()
    weights = [p for name, p in network.named_parameters() if name.endswith("weight")]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in weights)


def test_residual_generator_equals_its_formula():
    network = StyleGAN2Generator((3, 8, 8), noise="none", architecture="resnet", **SMALL).eval()
    ws = torch.randn(2, network.num_ws, 10)
    first, last = network.blocks.values()
    x, _ = first(None, None, ws.unbind(1), {}, torch.float32)
    straight = last.skip(x)
    bent = last.conv1(last.conv0(x, ws[:, 1], None), ws[:, 2], None)
    expected = last.to_image((straight + bent) * 0.5**0.5, ws[:, 3])
    assert torch.allclose(network.from_w(ws), expected, atol=1e-5)
    assert first.to_image is None


@pytest.mark.parametrize("half_type", ["float16", "bfloat16"])
def test_half_precision_is_near_float32_and_does_not_overflow(half_type):
    settings = {**SMALL, "noise": "const", "num_half_res": 2}
    full = StyleGAN2Generator((3, 16, 16), half_type="auto", **settings).eval()
    half = StyleGAN2Generator((3, 16, 16), half_type=half_type, **settings).eval()
    half.load_state_dict(full.state_dict())
    latent = torch.randn(4, 8)
    expected, found = full(latent), half(latent)
    assert found.dtype == torch.float32
    assert 1e-5 < deviation(found, expected) < (0.02 if half_type == "float16" else 0.1)
    huge = copy.deepcopy(half)
    with torch.no_grad():
        for block in huge.blocks.values():
            block.conv1.weight *= 1e6
            block.conv1.affine.bias *= 1e4
    assert huge(latent).isfinite().all()


def test_penalties_of_a_network_in_half_precision_are_taken_in_float32():
    half = StyleGAN2Discriminator((2, 16, 16), 0, 2, 128, 8, num_half_res=4, half_type="bfloat16")
    full = StyleGAN2Discriminator((2, 16, 16), 0, 2, 128, 8)
    full.load_state_dict(half.state_dict())
    x = torch.randn(4, 2, 16, 16)
    assert not torch.equal(half(x), full(x))
    assert torch.equal(squared_gradient_norm(half, x), squared_gradient_norm(full, x))


def test_autocast_reaches_all_maps_but_those_of_4x4_and_trains():
    network = StyleGAN2Generator((3, 16, 16), **SMALL)
    noise = drawn(network)
    with torch.autocast("cpu", torch.bfloat16):
        image = network(**noise)
    assert image.dtype == torch.float32
    assert 1e-4 < deviation(image, network(**noise)) < 0.1
    image.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_clamp_bounds_the_maps_and_their_gain():
    layer = StyleGAN2Generator((3, 16, 16), **SMALL, clamp=0.5).blocks["b8"].conv1
    x = 100 * torch.randn(2, 8, 8, 8)
    assert layer(x, torch.randn(2, 10), None).abs().max().item() == 0.5
    assert layer(x, torch.randn(2, 10), None, gain=0.5).abs().max().item() == 0.25


@pytest.mark.parametrize("kind", [StyleGAN2Generator, StyleGAN2Discriminator])
def test_channels_last_and_one_traced_graph_give_the_same_values(kind):
    sizes = SMALL if kind is StyleGAN2Generator else {"channel_base": 128, "channel_max": 8}
    network = kind((3, 16, 16), num_classes=3, **sizes).eval()
    x = drawn(network) if kind is StyleGAN2Generator else {"x": torch.randn(2, 3, 16, 16)}
    x["label"] = torch.tensor([0, 2])
    expected = network(**x)
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    assert torch.allclose(last(**x), expected, atol=1e-5)
    network.compile(backend="eager", fullgraph=True)
    assert torch.allclose(network(**x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"noise": "rand"}, "noise=rand.*random"),
        ({"architecture": "orig"}, "architecture"),
        ({"half_type": "fp16"}, "half_type=fp16.*float16"),
        ({"style_mixing": 2}, "style_mixing"),
        ({"channel_base": 8}, "channel_base"),
        ({"shape": (3, 25, 25)}, "resolution"),
    ],
)
def test_wrong_setting_is_named(settings, match):
    with pytest.raises(SettingError, match=match):
        StyleGAN2Generator(**{"shape": (3, 16, 16), **settings})


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2_cifar"])
def test_config_builds_a_conditional_pair_that_is_sized_by_the_channels(name):
    overrides = [f"model={name}", "data.resolution=8", "model.conditional=true", "model.width=4"]
    config = compose(overrides, "train")
    pair = [instantiate(config.model[player], _convert_="all") for player in ("generator", "discriminator")]
    generator, discriminator = pair
    assert generator.num_classes == discriminator.num_classes == config.data.num_classes > 0
    assert generator.blocks["b8"].conv1.weight.shape == (4, 4, 3, 3)
    assert len(generator.mapping.layers) == (2 if name.endswith("cifar") else 8)
    assert ("mixing" in generator.noise) == (name == "stylegan2")
    assert (discriminator.blocks["b8"].skip is None) == name.endswith("cifar")
    label = torch.tensor([0, 3])
    assert discriminator(generator(**drawn(generator), label=label), label).shape == (2,)


def test_names_of_tensors_hold_at_every_resolution():
    small, large = (StyleGAN2Discriminator((3, side, side), 0, 2, 128, 8) for side in (8, 16))
    shared = set(portable_names(small, small.state_dict()).values())
    missing = shared - set(portable_names(large, large.state_dict()).values())
    assert missing == {"blocks.b8.from_image.weight", "blocks.b8.from_image.bias"}
