"""SNGAN, SAGAN, BigGAN and BigGAN-deep compute what their authors' code computes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from class_resnets import LAYOUTS, built
from ganworks.errors import GanworksError
from ganworks.model.layer.spectral import SpectralLayer
from ganworks.official import biggan
from golden import close, close_group, deviation, golden, gradients

every_network = pytest.mark.parametrize("name", LAYOUTS)
# A ReLU of this network stands so near to 0 in training that rounding decides its side: in float64 it does not.
DOUBLE = ("biggan_deep",)


def ours(name: str, tensor: Tensor) -> Tensor:
    """Images (B, C, H, W) of a file; those of SAGAN are NHWC."""
    return tensor.permute(0, 3, 1, 2).contiguous() if name == "sagan" else tensor


def inputs(name: str) -> dict[str, Tensor | None]:
    """Latents, labels, images and the weights of the outputs."""
    file, tiled = golden(name), name == "sagan"
    real = ours(name, file["in.x_tile"].repeat(1, 4, 4, 1) if tiled else file["in.x"])
    weights = ours(name, file["in.v_G_tile"].repeat(1, 8, 8, 1) if tiled else file["in.v_G"])
    label = file["in.y"] if "in.y" in file.tensors else None
    return {"z": file["in.z"], "y": label, "x": real, "v_G": weights, "v_D": file["in.v_D"]}


def converted(name: str, *parts: nn.Module | Tensor):
    """The networks and tensors in the precision of this file's test."""
    return [part.double() if name in DOUBLE else part for part in parts]


@every_network
def test_outputs_equal_the_official_ones(name):
    given, file = inputs(name), golden(name)
    (generator, _), (discriminator, _) = built(name, "G"), built(name, "D")
    generator.eval(), discriminator.eval()
    fake = generator(given["z"], given["y"])
    close(fake, ours(name, file["out.G"]))
    close(discriminator(given["x"], given["y"])[:, None], file["out.D_real"])
    if name != "sagan":
        close(discriminator(fake, given["y"])[:, None], file["out.D_fake"])


@every_network
def test_training_pass_gradients_and_buffers_of_the_generator_equal_the_official_ones(name):
    given, file = inputs(name), golden(name)
    generator, convert = built(name, "G")
    generator, z, v = converted(name, generator.train(), given["z"], given["v_G"])
    fake = generator(z.requires_grad_(), given["y"])
    close(fake, ours(name, file["out.train.G"]))
    value = (fake * v).sum()
    close(torch.autograd.grad(value, z, retain_graph=True)[0], file["grad.z"])
    close_group(gradients(value, generator), convert(file.group("gradG")))
    after = {k: v for k, v in file.group("after.G").items() if not k.endswith("sv0")}
    state = generator.state_dict()
    for key, tensor in convert(after).items() if after else ():
        close(state[key], tensor)


@every_network
def test_gradients_of_both_orders_and_buffers_of_the_discriminator_equal_the_official_ones(name):
    given, file = inputs(name), golden(name)
    discriminator, convert = built(name, "D")
    discriminator.train(name != "sagan")  # its file keeps no u
    x = given["x"].requires_grad_()
    logits = discriminator(x, given["y"])[:, None]
    value = (logits * given["v_D"]).sum()
    close_group(gradients(value, discriminator, create_graph=True), convert(file.group("gradD")))
    if "r1" in file.tensors:
        slope = torch.autograd.grad(logits.sum(), x, create_graph=True)[0]
        penalty = 0.5 * slope.square().sum((1, 2, 3)).mean()
        expected = convert(file.group("gradR1"))
        close(slope, file["grad.x"])
        close(penalty[None], file["r1"])
        close_group(gradients(penalty, discriminator), expected, names=expected)
    else:
        close(torch.autograd.grad(value, x)[0], ours(name, file["grad.x_v"]))
    after = {k: v for k, v in file.group("after.D").items() if not k.endswith("sv0")}
    state = discriminator.state_dict()
    for key, tensor in convert(after).items() if after else ():
        close(state[key], tensor)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("biggan_cifar", {"norm_eps": 2e-3}),
        ("sngan", {"norm_eps": 1e-3}),
        ("biggan_deep", {"norm_eps": 1e-3}),
    ],
)
def test_one_wrong_constant_is_seen(name, change):
    given, file = inputs(name), golden(name)
    generator, _ = built(name, "G", **change)
    assert deviation(generator.eval()(given["z"], given["y"]), file["out.G"]) > 1e-4


def test_constant_vectors_in_the_gradient_of_sagan_are_seen():
    given, file = inputs("sagan"), golden("sagan")
    discriminator, convert = built("sagan", "D")
    for module in discriminator.eval().modules():
        if isinstance(module, SpectralLayer):
            module.power = replace(module.power, through_vectors=False)
    value = (discriminator(given["x"], given["y"])[:, None] * given["v_D"]).sum()
    with pytest.raises(AssertionError, match="of the group's largest value"):
        close_group(gradients(value, discriminator), convert(file.group("gradD")))


def test_tensor_that_nobody_takes_is_an_error():
    state = golden("biggan_cifar").group("G")
    network, _ = built("biggan_cifar", "G")
    with pytest.raises(GanworksError, match="another layout: unknown extra"):
        biggan.generator_state({**state, "extra.weight": torch.zeros(1)}, network)


def test_prefix_of_training_on_several_gpus_is_taken_off():
    state = golden("biggan_cifar").group("D")
    network, _ = built("biggan_cifar", "D")
    prefixed = {f"module.{name}": tensor for name, tensor in state.items()}
    assert biggan.discriminator_config(prefixed, {}) == biggan.discriminator_config(state, {})
    assert all(
        torch.equal(t, network.state_dict()[k])
        for k, t in biggan.discriminator_state(prefixed, network).items()
    )
