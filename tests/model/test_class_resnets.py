"""SNGAN, SAGAN, BigGAN and BigGAN-deep compute what their authors' code computes."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from class_resnets import LAYOUTS, built
from ganworks.errors import GanworksError, SettingError
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
from ganworks.model.layer.norm import BatchNorm, ConditionalBatchNorm
from ganworks.model.layer.residual import DeepUpBlock, UpBlock
from ganworks.model.layer.spectral import SpectralLayer
from ganworks.official import biggan
from ganworks.regularizer import squared_gradient_norm
from golden import close, close_group, deviation, full_size, golden, gradients

GENERATORS = [SNGANGenerator, SAGANGenerator, BigGANGenerator, BigGANDeepGenerator]
DISCRIMINATORS = [SNGANDiscriminator, SAGANDiscriminator, BigGANDiscriminator, BigGANDeepDiscriminator]
every_network = pytest.mark.parametrize("name", LAYOUTS)
every_generator = pytest.mark.parametrize("kind", GENERATORS)
every_discriminator = pytest.mark.parametrize("kind", DISCRIMINATORS)
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


def small(kind: type, num_classes: int = 3, **settings):
    """A tiny network of a kind, its parameters off their special values."""
    torch.manual_seed(0)
    side = 64 if "Deep" in kind.__name__ else 32
    network = kind((3, side, side), num_classes=num_classes, width=2, **settings)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


def entry(network, num: int = 3) -> Tensor:
    latent = getattr(network, "latent_dim", 0)
    return torch.randn(num, latent) if latent else torch.randn(num, *network.shape)


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


@pytest.mark.parametrize("kind", GENERATORS + DISCRIMINATORS)
def test_class_matters_to_a_conditional_network_only(kind):
    labels = torch.tensor([0, 1, 2])
    network, plain = small(kind).eval(), small(kind, 0).eval()
    x = entry(network, 1)
    x = x.expand(3, *x.shape[1:])
    first, second, _ = network(x, labels)
    assert not torch.equal(first, second)
    assert torch.equal(plain(x[:, : getattr(plain, "latent_dim", None)], labels)[0], plain(x)[1])
    with pytest.raises(ValueError, match="label"):
        network(x)


@pytest.mark.parametrize("kind", GENERATORS + DISCRIMINATORS)
def test_one_hot_label_is_the_class(kind):
    network, labels = small(kind).eval(), torch.tensor([0, 1, 2])
    x = entry(network)
    one_hot = nn.functional.one_hot(labels, 3).float()
    assert torch.allclose(network(x, one_hot), network(x, labels), atol=1e-5)


@pytest.mark.parametrize("kind", GENERATORS + DISCRIMINATORS)
def test_every_parameter_gets_a_gradient(kind):
    network = small(kind)
    network(entry(network), torch.tensor([0, 1, 2])).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(p.grad.abs().sum() > 0 for n, p in network.named_parameters() if not n.endswith("bias"))


@pytest.mark.parametrize("kind", [SAGANGenerator, BigGANDiscriminator])  # the others have the same layers
def test_networks_trace_without_a_graph_break(kind):
    network, label = small(kind).eval(), torch.tensor([0, 1, 2])
    x = entry(network)
    expected = network(x, label)
    if kind in DISCRIMINATORS:
        again = copy.deepcopy(network).train()
        expected = again(x, label)
        network.train()
    network.compile(backend="eager", fullgraph=True)
    assert torch.allclose(network(x, label), expected, atol=1e-6)
    if kind in DISCRIMINATORS:
        assert torch.equal(network.linear.u, again.linear.u)
        assert torch.allclose(network.embedding.u, again.embedding.u, atol=1e-6)


@every_discriminator
@pytest.mark.parametrize("is_bf16", [False, True])
def test_gradients_of_second_order_are_finite(kind, is_bf16):
    discriminator, label = small(kind), torch.tensor([0, 1, 2])
    x = entry(discriminator)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
        penalty = squared_gradient_norm(lambda x: discriminator(x, label), x).mean()
    penalty.backward()
    found = [p.grad for p in discriminator.parameters() if p.grad is not None]
    assert found
    assert all(gradient.isfinite().all() for gradient in found)
    assert any(gradient.abs().sum() > 0 for gradient in found)


@every_generator
def test_generator_has_gradients_of_second_order_in_its_latent(kind):
    generator, label = small(kind), torch.tensor([0, 1, 2])
    z = entry(generator).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = generator(z, label).float().square().sum()
    slope = torch.autograd.grad(value, z, create_graph=True)[0]
    slope.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in generator.parameters() if p.grad is not None)


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


def maps_of(generator: nn.Module, latent: Tensor, label: Tensor) -> list[Tensor]:
    """What comes out of each stage."""
    maps: list[Tensor] = []
    hooks = [stage.register_forward_hook(lambda *args: maps.append(args[-1])) for stage in generator.stages]
    generator(latent, label)
    for hook in hooks:
        hook.remove()
    return maps


def test_parts_of_the_latent_reach_their_blocks_alone():
    generator = small(BigGANGenerator, latent_dim=8).eval()
    latent, label = torch.randn(1, 8), torch.tensor([1])
    before = maps_of(generator, latent, label)
    for block in range(3):
        moved = latent.clone()
        moved[:, 2 * block + 2 : 2 * block + 4] += 1
        after = maps_of(generator, moved, label)
        equal = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
        assert equal == [place < block for place in range(3)]


def test_deep_block_keeps_the_first_channels_of_its_input():
    generator = small(BigGANDeepGenerator)
    block = generator.stages[2][-1]
    assert isinstance(block, DeepUpBlock)
    nn.init.zeros_(block.conv4.weight)
    nn.init.zeros_(block.conv4.bias)
    block.conv4.u.fill_(1.0)
    x = torch.randn(2, block.conv1.in_channels, 4, 4)
    condition = torch.randn(2, generator.latent_dim + 128)
    with torch.no_grad():
        block.conv4.normed_weight = lambda: block.conv4.weight  # zero has no largest singular value
        found = block(x, condition)
    assert torch.equal(found[:, :, ::2, ::2], x[:, : found.shape[1]])


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (SNGANGenerator, {"shape": (3, 48, 48)}, "resolution=48.*nearest is"),
        (SNGANDiscriminator, {"shape": (3, 256, 256)}, "resolution=256.*nearest is 128"),
        (SAGANGenerator, {"attention": 5}, "attention=5.*8, 16, 32"),
        (BigGANDiscriminator, {"attention": 32}, "attention=32.*8, 16"),
        (BigGANGenerator, {"latent_dim": 21}, "latent_dim=21.*multiple of 4.*nearest is 20"),
        (BigGANGenerator, {"init": "ortho"}, "init=.*orthogonal"),
        (BigGANDeepGenerator, {}, "resolution=32.*nearest is 64"),
    ],
)
def test_wrong_setting_is_named_with_what_is_allowed(kind, settings, said):
    with pytest.raises(SettingError, match=said):
        kind(**{"shape": (3, 32, 32), **settings})


@every_generator
def test_two_halves_of_a_batch_on_two_ranks_are_normalised_as_one(kind, monkeypatch):
    generator, label = small(kind), torch.tensor([0, 1, 2, 0])
    norm = generator.stages[0][0].norm1 if kind is BigGANDeepGenerator else generator.stages[0].norm1
    condition = generator.split(entry(generator, 4), label)[1][0]
    assert isinstance(norm, BatchNorm)
    alone, x = copy.deepcopy(norm), torch.randn(4, norm.num_features, 4, 4)
    expected = alone(x, condition)
    moments = [torch.stack([h.mean((0, 2, 3)), h.var((0, 2, 3), correction=0)]) for h in x.split(2)]
    monkeypatch.setattr("ganworks.model.layer.norm.is_shared", lambda: True)
    monkeypatch.setattr("ganworks.model.layer.norm.gather", lambda tensor: torch.stack(moments))
    norm.over_ranks = True
    assert torch.allclose(norm(x[:2], condition[:2]), expected[:2], atol=1e-5)
    assert torch.allclose(norm.running_mean, alone.running_mean, atol=1e-6)
    assert torch.allclose(norm.running_var, alone.running_var, atol=1e-6)


def test_copies_keep_the_function_and_the_vectors():
    discriminator = small(BigGANDiscriminator).eval()
    x, label = entry(discriminator), torch.tensor([0, 1, 2])
    assert torch.equal(copy.deepcopy(discriminator)(x, label), discriminator(x, label))
    assert any(isinstance(module, SpectralLayer) for module in discriminator.modules())


@every_discriminator
def test_names_across_resolutions_are_one_to_one(kind):
    names = list(small(kind).state_dict())
    portable = kind.names_by_resolution(names)
    assert set(portable) == set(names)
    assert len(set(portable.values())) == len(names)
