"""SAN's head and term against the formula."""

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.loss import BCE, Hinge, RelativisticPairing
from ganworks.metric import DigitsExtractor
from ganworks.model import (
    DCGANDiscriminator,
    FastGANDiscriminator,
    MLPDiscriminator,
    PatchDiscriminator,
    ProjectedDiscriminator,
    SNGANDiscriminator,
)
from ganworks.model.layer.direction import DirectionHead
from ganworks.regularizer import San, squared_gradient_norm

LOSSES = pytest.mark.parametrize("loss", [Hinge(), BCE(), RelativisticPairing()])


def pair(num_classes=0):
    """Return a discriminator, the same one with SAN's head, and the regularizer."""
    torch.manual_seed(0)
    plain = DCGANDiscriminator((1, 8, 8), num_classes, width=2, dense_width=4, norm="none")
    torch.manual_seed(0)
    other, san = DCGANDiscriminator((1, 8, 8), num_classes, width=2, dense_width=4, norm="none"), San()
    san.prepare(other)
    return plain, other, san


def batch_of(network, real, fake, *label):
    sides = {"real": network(real, *label), "fake": network(fake, *label)}
    return {f"{side}_{name}": value for side, said in sides.items() for name, value in said.items()}


def test_logits_are_those_of_the_layer_that_it_replaces():
    plain, network, _ = pair()
    nn.init.constant_(plain.head.linear.bias, 0.0)
    x = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        network.head.bias.zero_()
    assert torch.allclose(network(x)["logits"], plain(x), atol=1e-6)


@LOSSES
@pytest.mark.parametrize("weighting", ["uniform", "sigmoid"])
def test_gradients_equal_the_formula(loss, weighting):
    _, network, san = pair()
    san.weighting = weighting
    real, fake = torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8)
    batch = batch_of(network, real, fake)
    total = loss.discriminator(batch["real_logits"], batch["fake_logits"])
    total = total + san.penalty(network, batch, torch.Generator())
    found = torch.autograd.grad(total, [network.head.weight, network.head.scale, network.layers[0].weight])
    head = network.head
    h = {"real": network.layers(real) + head.bias, "fake": network.layers(fake) + head.bias}
    w, s = head.weight[0].detach(), head.scale
    logits = {side: s * (each @ w) for side, each in h.items()}
    naive = loss.discriminator(logits["real"], logits["fake"])
    expected = torch.autograd.grad(naive, [s, network.layers[0].weight])
    assert torch.allclose(found[1], expected[0], atol=1e-6)
    assert torch.allclose(found[2], expected[1], atol=1e-6)

    def mean(side):
        weight = torch.ones(4) if weighting == "uniform" else torch.sigmoid(-logits[side])
        return (weight[:, None] * h[side]).sum(0) / weight.sum()

    slope = s.detach() * (mean("fake") - mean("real")).detach()
    slope = slope - (slope @ w) * w  # the direction cannot move along itself
    assert torch.allclose(found[0][0], slope, atol=1e-5)


def test_penalty_on_the_gradient_leaves_the_direction_alone():
    _, network, _ = pair()
    value = squared_gradient_norm(lambda x: network(x)["logits"], torch.randn(2, 1, 8, 8)).sum()
    weight, body = torch.autograd.grad(
        value, [network.head.weight, network.layers[0].weight], allow_unused=True
    )
    assert weight is None or not weight.any()
    assert body.any()


def test_conditional_head_has_a_direction_for_each_class():
    _, network, san = pair(3)
    x, label = torch.randn(1, 1, 8, 8).expand(3, -1, -1, -1), torch.tensor([0, 1, 2])
    logits = network(x, label)["logits"]
    assert len(set(logits.tolist())) == 3
    assert torch.allclose(network(x, torch.eye(3))["logits"], logits, atol=1e-6)
    with torch.no_grad():
        network.head.weight.mul_(3)
    san.project(network)
    assert torch.allclose(network.head.weight.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("kind", [MLPDiscriminator, DCGANDiscriminator])
def test_every_discriminator_with_a_last_layer_takes_it(kind):
    network = kind((1, 8, 8), width=4, norm="spectral")
    San().prepare(network)
    assert any(isinstance(each, DirectionHead) for each in network.modules())
    assert network(torch.randn(2, 1, 8, 8))["logits"].shape == (2,)


def test_patches_have_one_direction():
    network = PatchDiscriminator((1, 32, 32), width=2, num_layers=1, norm="none")
    x = torch.randn(2, 1, 32, 32)
    before = network(x)
    San().prepare(network)
    said = network(x)
    assert said["logits"].shape == said["direction"].shape == before.shape


def test_network_without_such_a_layer_is_refused():
    with pytest.raises(SettingError, match="one output"):
        San().prepare(nn.Sequential(nn.Linear(3, 2)))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (FastGANDiscriminator((1, 32, 32), 3, width=2), "projection head"),
        (SNGANDiscriminator((1, 32, 32), 3, width=2), "projection head"),
        (ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), width=2), "several last layers"),
    ],
)
def test_discriminator_whose_logits_have_other_parts_is_refused(network, said):
    with pytest.raises(SettingError, match=said):
        San().prepare(network)


@pytest.mark.parametrize("kind", [FastGANDiscriminator, SNGANDiscriminator])
def test_direction_says_all_of_an_unconditional_one(kind):
    network = kind((1, 32, 32), width=2)
    San().prepare(network)
    said = network(torch.randn(3, 1, 32, 32))
    assert torch.allclose(said["direction"].view_as(said["logits"]), said["logits"], atol=1e-6)
