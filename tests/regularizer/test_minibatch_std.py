"""The minibatch deviation of any discriminator: a feature more of its linear head, against that head by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from games import SHAPE, fit, make_task
from ganworks.errors import SettingError
from ganworks.loss import RelativisticPairing
from ganworks.model import (
    DCGANDiscriminator,
    MLPDiscriminator,
    PatchDiscriminator,
    R3GANDiscriminator,
    SNGANDiscriminator,
    StyleGAN2Discriminator,
)
from ganworks.model.layer.minibatch_std import MinibatchStd
from ganworks.regularizer import R1, MinibatchDeviation, Packing
from ganworks.run.build import build_run
from running import compose


def deviation(features: Tensor, size: int) -> Tensor:
    """The mean deviation of each sample's group, by loops: sample i is in group i mod (N / G)."""
    num_groups = len(features) // size
    found = torch.zeros(len(features), dtype=features.dtype)
    for group in range(num_groups):
        rows = features[group::num_groups]
        found[group::num_groups] = (rows.var(0, correction=0) + 1e-8).sqrt().mean()
    return found


def equipped(network: nn.Module, size: int = 2) -> nn.Module:
    MinibatchDeviation(size).prepare(network)
    return network


def test_logits_equal_those_of_a_linear_head_with_one_feature_more() -> None:
    network = equipped(MLPDiscriminator((3,), width=5, depth=1), 2).double()
    x = torch.randn(6, 3).double()
    features = network.layers(x)
    head, w = network.head.linear, network.branches["minibatch_std"].weight
    wider = torch.cat([features, deviation(features, 2)[:, None]], 1)
    expected = wider @ torch.cat([head.weight[0], w]) + head.bias
    assert torch.allclose(network(x)["logits"], expected, atol=1e-12)
    assert set(network(x)) == {"logits"}


def test_a_collapsed_batch_is_told_from_a_varied_one() -> None:
    network = equipped(MLPDiscriminator((3,), width=8, depth=1), 4)
    nn.init.zeros_(network.head.linear.weight)
    nn.init.ones_(network.branches["minibatch_std"].weight)
    x = torch.randn(8, 3)
    varied, alike = network(x)["logits"], network(x[:1].expand(8, -1))["logits"]
    assert (varied > alike + 0.1).all()


@pytest.mark.parametrize(
    "network",
    [
        DCGANDiscriminator((1, 8, 8), 3, width=4),
        PatchDiscriminator((1, 16, 16), width=4, num_layers=1, norm="none"),
        R3GANDiscriminator((1, 8, 8), width=16),
        SNGANDiscriminator((3, 32, 32), width=4),
    ],
    ids=lambda network: type(network).__name__,
)
def test_every_discriminator_takes_it_and_begins_with_a_small_weight(network: nn.Module) -> None:
    network.eval()
    x, label = torch.randn(4, *network.shape), [torch.arange(4) % 3] if network.num_classes else []
    before = network(x, *label)
    after = equipped(network, 4)(x, *label)["logits"]
    step = (after - (before["logits"] if isinstance(before, dict) else before)).flatten()
    assert after.shape == (before["logits"] if isinstance(before, dict) else before).shape
    assert torch.allclose(step, step[:1].expand_as(step), atol=1e-5)  # the same for all of a group
    assert step.abs().max() > 0
    assert "branches.minibatch_std.weight" in copy.deepcopy(network).state_dict()


def test_its_weight_learns_and_penalties_and_packs_go_with_it() -> None:
    critic = MLPDiscriminator((2, 8, 8), width=8, depth=1)
    parts = {"r1": R1(1.0), "minibatch_std": MinibatchDeviation(4), "packing": Packing(2)}
    task = make_task(RelativisticPairing(), discriminator=critic, regularizers=parts)
    weight = critic.branches["minibatch_std"].weight
    before = weight.detach().clone()
    fit(task)
    assert not torch.equal(weight, before)
    assert task.critics[0].unit == 8


def test_gradient_of_a_penalty_goes_through_the_whole_group() -> None:
    network = equipped(MLPDiscriminator(SHAPE, width=8, depth=1), 2).double()
    x = torch.randn(2, *SHAPE).double().requires_grad_()
    (first,) = torch.autograd.grad(network(x)["logits"][0], x)
    assert first[1].abs().sum() > 0
    assert torch.autograd.gradcheck(lambda x: network(x)["logits"], x)


def test_a_network_that_has_one_and_a_batch_without_whole_groups_are_refused() -> None:
    network = StyleGAN2Discriminator((1, 8, 8), channel_base=32, channel_max=4, num_mapping=1)
    assert any(isinstance(layer, MinibatchStd) for layer in network.modules())
    with pytest.raises(SettingError, match="group_size=4: must be left out: StyleGAN2Discriminator has"):
        equipped(network, 4)
    with pytest.raises(SettingError, match="group_size=1: must be an integer from 2 up"):
        MinibatchDeviation(1)
    chosen = ["data=digits", "metric=none", "regularizer=[r1,minibatch_std]"]
    with pytest.raises(SettingError, match=r"data.batch_size=30: must be a multiple of 4: groups of 4"):
        build_run(compose(*chosen, "data.batch_size=30"))
    assert list(build_run(compose(*chosen)).task.all_regularizers) == ["r1", "minibatch_std"]
