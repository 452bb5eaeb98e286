"""StyleGAN2 computes what its authors' networks compute, at their sizes, and what its papers say of it."""

from __future__ import annotations

import pytest
import torch
from hydra.utils import instantiate
from torch.nn.functional import softplus

from ganworks.model import StyleGAN2Discriminator, StyleGAN2Generator
from ganworks.model.layer.modulated import demodulation, modulated_conv
from ganworks.model.layer.resample import fir_filter
from ganworks.official import stylegan2 as official
from ganworks.regularizer import squared_gradient_norm
from ganworks.regularizer.path_length import path_lengths
from golden import OUTPUT, close, close_group, deviation, full_size, golden, gradients

NAMES = ("sg2_config_f", "sg2_cifar")
GROUP_SIZE = {"sg2_config_f": 2, "sg2_cifar": 4}
OPS = golden("ops")
both = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def generator_of(name, **settings):
    state = golden(name).group("G")
    config = official.generator_config(state, {})
    network = instantiate({**config, "noise": "const", **settings}, _convert_="all").eval()
    network.load_state_dict(official.generator_state(state, network))
    return network


def discriminator_of(name, **settings):
    state = golden(name).group("D")
    epilogue = {"epilogue_kwargs": {"mbstd_group_size": GROUP_SIZE[name]}}
    config = {**official.discriminator_config(state, epilogue), **settings}
    network = instantiate(config, _convert_="all")
    network.load_state_dict(official.discriminator_state(state, network))
    return network


def named(found, prefix, names=None):
    """Gradients under the official names; those that are held in the file alone."""
    by_official = {
        official.official(name, is_generator=prefix == "G"): tensor for name, tensor in found.items()
    }
    return by_official if names is None else {name: by_official[name] for name in names}


@both
def test_generator_equals_the_official_one(name):
    g, network = golden(name), generator_of(name)
    z, label = g["in.z"], g.tensors.get("in.c")
    ws = network.to_w(z, label)
    close(ws, g["out.ws"])
    close(network(z, label), g["out.G"])
    close(network.from_w(network.truncated(ws, 0.7)), g["out.G_psi07"])
    close(network.from_w(network.truncated(ws, 0.5, cutoff=2)), g["out.G_psi05_cutoff2"])
    other = network.to_w(z.flip(0), label)
    close(network.from_w(torch.cat([ws[:, :2], other[:, 2:]], 1)), g["out.G_style_mixed"])
    close(generator_of(name, noise="none")(z, label), g["out.G_no_noise"])
    constants = {
        f"noise_{block}_{layer}": network.blocks[block].layers[layer].noise_const
        for block in network.blocks
        for layer in network.blocks[block].layers
    }
    close(generator_of(name, noise="random").from_w(ws, **constants), g["out.G"])


@both
def test_discriminator_equals_the_official_one(name):
    g, network = golden(name), discriminator_of(name)
    label = g.tensors.get("in.c")
    close(network(g["in.x"], label), g["out.D_real"].flatten())
    close(network(g["out.G"], label), g["out.D_fake"].flatten())
    if label is not None:
        assert torch.allclose(network(g["in.x"], label.argmax(1)), network(g["in.x"], label), atol=1e-5)


@both
def test_first_gradients_equal_the_official_ones(name):
    g, generator, discriminator = golden(name), generator_of(name), discriminator_of(name)
    label, z = g.tensors.get("in.c"), g["in.z"].requires_grad_()
    loss = (generator(z, label) * g["in.v_G"]).sum()
    (grad_z,) = torch.autograd.grad(loss, z, retain_graph=True)
    close(grad_z, g["grad.z"], 1e-4)
    close_group(named(gradients(loss, generator), "G"), g.group("gradG"))
    x = g["in.x"].requires_grad_()
    logits = discriminator(x, label)
    close(torch.autograd.grad(logits.sum(), x, retain_graph=True)[0], g["grad.x"], 1e-4)
    close_group(named(gradients((logits * g["in.v_D"][:, 0]).sum(), discriminator), "D"), g.group("gradD"))
    loss = softplus(-discriminator(generator(z, label), label)).mean()
    close(loss[None], g["loss.G"])
    expected = g.group("gradLossG")
    close_group(named(gradients(loss, generator), "G", expected), expected)


@both
def test_second_order_gradients_equal_the_official_ones(name):
    g, generator, discriminator = golden(name), generator_of(name), discriminator_of(name)
    label = g.tensors.get("in.c")
    r1 = squared_gradient_norm(lambda x: discriminator(x, label), g["in.x"]).mean() / 2
    close(r1[None], g["r1"])
    expected = g.group("gradR1")  # without the bias of the last layer, on which it does not depend
    close_group(named(gradients(r1, discriminator), "D", expected), expected)
    ws = generator.to_w(g["in.z"], label)
    image = generator.from_w(ws)
    lengths = path_lengths(image, ws, g["in.pl_noise"] * 16)  # theirs is divided by the root of the pixels
    close(lengths, g["out.pl_lengths"], 1e-4)
    expected = g.group("gradPL")
    found = gradients((lengths - 0.1).square().mean(), generator)
    close_group(named(found, "G", expected), expected)


@both
def test_mean_of_w_moves_once_in_a_pass_that_is_learned_from(name):
    g, network = golden(name), generator_of(name)
    network.train()
    with torch.no_grad():
        network(g["in.z"], g.tensors.get("in.c"))
    assert torch.equal(network.w_mean, g["G.mapping.w_avg"])
    network(g["in.z"], g.tensors.get("in.c"))
    close(network.w_mean, g["after.G.mapping.w_avg"], 1e-6)


def test_parity_fails_with_one_constant_wrong():
    g = golden("sg2_config_f")
    network = generator_of("sg2_config_f")
    network.blocks["b8"].conv0.weight.data = network.blocks["b8"].conv0.weight.flip(2, 3)
    assert deviation(network(g["in.z"]), g["out.G"]) > 0.1
    network = generator_of("sg2_config_f")
    network.blocks["b16"].to_image.weight_gain *= 1.001
    assert deviation(network(g["in.z"]), g["out.G"]) > OUTPUT
    wrong = discriminator_of("sg2_config_f", group_size=4)
    assert deviation(wrong(g["in.x"]), g["out.D_real"].flatten()) > OUTPUT


def test_modulated_convolution_equals_the_official_one_where_its_epsilon_shows():
    x, w, s = OPS["modconv.x"], OPS["modconv.w"], OPS["modconv.s"]
    close(modulated_conv(x, w, s), OPS["modconv.sg2"], 1e-6)
    close(modulated_conv(x, w, s, demodulate=False), OPS["modconv.sg2_plain"], 1e-6)
    close(modulated_conv(x, w, s, fir_filter([1, 3, 3, 1])), OPS["modconv.sg2_up"], 1e-6)
    d = ((w * s[:, None, :, None, None]).square().sum((2, 3, 4)) + 1e-5).rsqrt()
    wrong = modulated_conv(x, w, s, demodulate=False) * d[:, :, None, None]
    assert deviation(wrong, OPS["modconv.sg2"]) > 0.1


def test_demodulation_equals_the_paper_s_formula_and_ignores_the_scale_of_styles_and_weights():
    w, s = torch.randn(5, 4, 3, 3), torch.randn(2, 4)
    scaled = w * s[:, None, :, None, None]  # equation 1
    assert torch.allclose(demodulation(w, s), (scaled.square().sum((2, 3, 4)) + 1e-8).rsqrt(), rtol=1e-5)
    x = torch.randn(2, 4, 6, 6)
    assert torch.allclose(modulated_conv(x, 3 * w, 7 * s), modulated_conv(x, w, s), atol=1e-5)
    assert modulated_conv(torch.randn(8, 64, 16, 16), torch.randn(64, 64, 3, 3), torch.randn(8, 64))[
        :, :, 1:-1, 1:-1
    ].std().item() == pytest.approx(1, abs=0.02)


SIZES = {  # by name in the file: side, settings of both networks, of the generator, of the discriminator
    "sg2_config_f_1024": (1024, {}, {}, {}),
    "sg2_config_f_512": (512, {}, {}, {}),
    "sg2_config_f_256": (256, {}, {}, {}),
    "sg2_paper256": (256, {"channel_base": 16384}, {}, {}),
    "sg2_auto_256": (256, {"channel_base": None}, {"num_mapping": 2}, {}),
    "sg2_ffhq64_auto": (64, {"channel_base": None}, {"num_mapping": 2}, {}),
    "sg2_cifar_uncond": (32, {}, {"num_mapping": 2}, {"architecture": "orig"}),
    "sg2_cifar_cond": (32, {"num_classes": 10}, {"num_mapping": 2}, {"architecture": "orig"}),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes_have_the_official_tensors(name):
    side, shared, of_generator, of_discriminator = SIZES[name]
    with torch.device("meta"):
        pair = {
            "G": StyleGAN2Generator((3, side, side), **shared, **of_generator),
            "D": StyleGAN2Discriminator((3, side, side), **shared, **of_discriminator),
        }
    facts = full_size(name)
    for player, network in pair.items():
        assert sum(p.numel() for p in network.parameters()) == facts[player]
        found = {official.official(n, player == "G"): list(t.shape) for n, t in network.state_dict().items()}
        shapes = facts["shapes"][player].items()
        assert found == {n: shape for n, shape in shapes if not n.endswith("resample_filter")}
