"""What the class-conditional residual networks do with classes, latents, ranks, gradients and wrong settings."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganworks.errors import SettingError
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
from ganworks.model.layer.norm import BatchNorm
from ganworks.model.layer.residual import DeepUpBlock
from ganworks.model.layer.spectral import SpectralLayer
from ganworks.regularizer import squared_gradient_norm

GENERATORS = [SNGANGenerator, SAGANGenerator, BigGANGenerator, BigGANDeepGenerator]
DISCRIMINATORS = [SNGANDiscriminator, SAGANDiscriminator, BigGANDiscriminator, BigGANDeepDiscriminator]
every_generator = pytest.mark.parametrize("kind", GENERATORS)
every_discriminator = pytest.mark.parametrize("kind", DISCRIMINATORS)


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
        (SNGANGenerator, {"shape": (3, 45, 45)}, "resolution=45.*nearest is 48"),
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
