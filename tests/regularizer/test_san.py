"""SAN's head and term against the formula."""

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError, setting_path
from ganworks.loss import BCE, Hinge, RelativisticAverage, RelativisticPairing
from ganworks.metric import DigitsExtractor
from ganworks.model import (
    BigGANDiscriminator,
    DCGANDiscriminator,
    FastGANDiscriminator,
    MLPDiscriminator,
    MLPGenerator,
    PatchDiscriminator,
    ProjectedDiscriminator,
    R3GANDiscriminator,
    RecurrentCritic,
    SAGANDiscriminator,
    SNGANDiscriminator,
    StyleGAN2Discriminator,
    TransformerDiscriminator,
)
from ganworks.model.layer.direction import DirectionHead, DirectionLogit
from ganworks.model.layer.head import Logit, class_term, conv_term
from ganworks.optimizer import Constant
from ganworks.regularizer import San, squared_gradient_norm
from ganworks.task import AdversarialTask, ExponentialMovingAverage
from ganworks.task.critic import logits_of

LOSSES = pytest.mark.parametrize("loss", [Hinge(), BCE(), RelativisticPairing(), RelativisticAverage()])


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


def conditional_networks():
    """Return a conditional discriminator of each kind whose classes do not enter in a projection head."""
    image, classes = (1, 32, 32), 3
    return {
        "patch": PatchDiscriminator(image, num_classes=classes, width=2, num_layers=1, norm="none"),
        "fastgan": FastGANDiscriminator(image, classes, width=2),
        "sngan": SNGANDiscriminator(image, classes, width=2),
        "sagan": SAGANDiscriminator(image, classes, width=2),
        "biggan": BigGANDiscriminator(image, classes, width=2),
        "r3gan": R3GANDiscriminator(image, classes, width=8, group_size=8, num_blocks=1),
        "stylegan2": StyleGAN2Discriminator(image, classes, num_mapping=2, channel_base=128, channel_max=8),
        "transformer": transformer(classes),
        "levels": transformer(classes, num_levels=2, per_level=True),
        "projected": ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), classes, width=2),
    }


def transformer(num_classes, **settings):
    return TransformerDiscriminator(
        (1, 32, 32), num_classes, depth=1, width=24, num_heads=2, patch_size=16, head_width=8, **settings
    )


def separated_networks():
    """Return those, and unconditional ones whose logits have several parts or another layer than PyTorch's."""
    plain = {
        "stylegan2_plain": StyleGAN2Discriminator((1, 32, 32), channel_base=128, channel_max=8),
        "transformer_plain": transformer(0),
        "projected_plain": ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), width=2),
        "recurrent": RecurrentCritic((5, 4), width=6, end=0),
        "recurrent_of_classes": RecurrentCritic((5, 4), 3, width=6),
    }
    return conditional_networks() | plain


def seen_by(network, num=4):
    """Return samples for a network, and labels for one that takes them."""
    torch.manual_seed(1)
    shape = (network.shape[0] * getattr(network, "num_levels", 1), *network.shape[1:])
    x = torch.randn(num, *shape)
    x = x.softmax(-1) if isinstance(network, RecurrentCritic) else x
    return (x, torch.arange(num) % 3) if network.num_classes else (x,)


@pytest.mark.parametrize("name", separated_networks())
def test_every_published_discriminator_keeps_its_logits_under_it(name):
    network = separated_networks()[name].eval()
    seen = seen_by(network)
    before = logits_of(network(*seen))
    San().prepare(network)
    said = network(*seen)
    assert said["direction"].shape == before.shape
    bound = 1e-5 * before.abs().max()
    assert (said["logits"] - before).abs().max() <= bound
    bias = (said["logits"] - said["direction"]).flatten()  # one number, which is no part of a direction
    assert (bias - bias.mean()).abs().max() <= bound


@pytest.mark.parametrize("name", separated_networks())
def test_logits_move_all_but_the_direction_and_the_direction_nothing_else(name):
    network = separated_networks()[name].eval()
    San().prepare(network)
    said = network(*seen_by(network))
    learning = {name: each for name, each in network.named_parameters() if each.requires_grad}

    def slopes(said):
        found = torch.autograd.grad(said.sum(), learning.values(), allow_unused=True, retain_graph=True)
        return dict(zip(learning, found, strict=True))

    of_logits, of_direction = slopes(said["logits"]), slopes(said["direction"])
    told = {name for name, each in of_direction.items() if each is not None and each.any()}
    assert told  # the last layer's own, or those that make it of the condition
    assert len(told) <= (12 if name == "projected" else 7)
    moved = {name for name, each in of_logits.items() if each is not None and each.any()}
    assert moved - told


def test_directions_of_classes_turn_and_their_sizes_stay():
    network = R3GANDiscriminator((1, 32, 32), 3, width=8, group_size=8, num_blocks=1)
    San().prepare(network)
    said, weight = network(*seen_by(network, 3)), network.embedding.weight
    turn, grow = (
        torch.autograd.grad(said[k].sum(), weight, retain_graph=True)[0] for k in ("direction", "logits")
    )
    assert (turn * weight).sum(1).abs().max() < 1e-5 * turn.norm()  # at right angles to the weights
    along = (grow * weight).sum(1, keepdim=True) / weight.square().sum(1, keepdim=True) * weight
    assert torch.allclose(grow, along, atol=1e-5 * grow.abs().max().item())  # in their direction alone
    unit = weight / weight.norm(dim=1, keepdim=True)
    # The slope of a size is <u, h>.
    assert torch.allclose((grow * unit).sum(1), said["logits"] / weight.norm(dim=1), atol=1e-5)


def test_parts_of_a_weight_share_one_size():
    h, mean = torch.randn(2, 3, 4, 4), torch.randn(2, 3)
    conv, embedded = nn.Conv2d(3, 1, 2), torch.randn(2, 3, requires_grad=True)
    said = DirectionLogit()
    logits = said(conv_term(conv, h), class_term(mean, embedded))
    assert torch.allclose(logits, Logit()(conv_term(conv, h), class_term(mean, embedded)), atol=1e-5)
    of_conv, of_class = torch.autograd.grad(said.direction.sum(), [conv.weight, embedded])
    radial = (of_conv * conv.weight).sum() + (of_class * embedded).sum()
    assert radial.abs() < 1e-4 * of_class.norm()
    other = nn.Conv2d(3, 1, 2)  # control: a part alone is not at right angles
    assert (of_conv * other.weight).sum().abs() > 1e-4


def test_foreign_discriminators_whose_logits_have_other_parts_are_refused():
    class Several(nn.Module):
        def __init__(self):
            super().__init__()
            self.heads = nn.ModuleList([nn.Linear(3, 1), nn.Linear(3, 1)])

    class OfClasses(nn.Module):
        num_classes = 3

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 1)

    for network, said in ((Several(), "last_layers"), (OfClasses(), "ProjectionHead")):
        with pytest.raises(SettingError, match=said):
            San().prepare(network)


@pytest.mark.parametrize("kind", [FastGANDiscriminator, SNGANDiscriminator])
def test_direction_says_all_of_an_unconditional_one(kind):
    network = kind((1, 32, 32), width=2)
    San().prepare(network)
    said = network(torch.randn(3, 1, 32, 32))
    assert torch.allclose(said["direction"].view_as(said["logits"]), said["logits"], atol=1e-6)


@pytest.mark.parametrize(("layer", "nearest"), [("hed.logit", "head.logit"), ("head.out", "head.logit")])
def test_layer_that_does_not_fit_is_refused_by_its_setting_with_those_that_do(layer, nearest):
    network = StyleGAN2Discriminator((1, 32, 32), channel_base=128, channel_max=8)
    with pytest.raises(SettingError, match="Did you mean") as raised, setting_path("task"):
        AdversarialTask(
            generator=MLPGenerator((1, 32, 32)),
            discriminator=network,
            loss=BCE(),
            regularizers={"san": San(layer=layer)},
            ema=ExponentialMovingAverage(half_life=50.0),
            optimizers=dict.fromkeys(("generator", "discriminator"), torch.optim.Adam),
            schedule=Constant(),
            num_images=100,
        )
    assert (
        raised.value.setting == "regularizer.san.layer"
    )  # not task.layer: the task is only what was being built
    assert raised.value.nearest == nearest
