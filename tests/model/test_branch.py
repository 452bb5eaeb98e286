"""Further heads of discriminators: on the features of the logits, whatever the network."""

import copy

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.metric import DigitsExtractor
from ganworks.model import (
    BigGANDiscriminator,
    DCGANDiscriminator,
    FastGANDiscriminator,
    MLPDiscriminator,
    PatchDiscriminator,
    ProjectedDiscriminator,
    R3GANDiscriminator,
    RecurrentCritic,
    SNGANDiscriminator,
    StyleGAN2Discriminator,
    TransformerDiscriminator,
)
from ganworks.model.layer.branch import branch, num_features
from ganworks.regularizer import San
from ganworks.task.critic import logits_of

NETWORKS = {
    "mlp": lambda k: MLPDiscriminator((2,), k, width=4),
    "dcgan": lambda k: DCGANDiscriminator((1, 8, 8), k, width=2, dense_width=4, norm="none"),
    "patch": lambda k: PatchDiscriminator((1, 16, 16), width=2, num_layers=1, num_classes=k),
    "stylegan2": lambda k: StyleGAN2Discriminator(
        (1, 8, 8), k, num_mapping=1, channel_base=128, channel_max=8
    ),
    "r3gan": lambda k: R3GANDiscriminator((1, 8, 8), k, width=4),
    "sngan": lambda k: SNGANDiscriminator((1, 32, 32), k, width=2),
    "biggan": lambda k: BigGANDiscriminator((1, 32, 32), k, width=2),
    "fastgan": lambda k: FastGANDiscriminator((1, 32, 32), k, width=2),
    "transformer": lambda k: TransformerDiscriminator((1, 8, 8), k, width=8, depth=1, num_heads=2),
    "projected": lambda k: ProjectedDiscriminator((1, 8, 8), DigitsExtractor(), k, width=2),
}


@pytest.mark.parametrize("num_classes", [0, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_head_sees_the_last_features_and_the_logits_stay(name, num_classes):
    torch.manual_seed(0)
    network = NETWORKS[name](num_classes).eval()
    x, label = torch.randn(4, *network.shape), torch.tensor([0, 2, 1, 0])
    before = logits_of(network(x, label))
    branch(network, "class_logits", lambda num: nn.Linear(num, 5))
    branch(network, "last_features")
    said = network(x, label)
    assert torch.equal(said["logits"], before)
    assert said["class_logits"].shape == (4, 5)
    assert said["last_features"].shape == (4, num_features(network))
    assert torch.equal(said["class_logits"], network.branches["class_logits"](said["last_features"]))
    said["class_logits"].sum().backward()
    assert network.branches["class_logits"].weight.grad.abs().sum() > 0
    body = [p.grad for p in network.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(body) > 2, "the head teaches the body too"


def test_tokens_of_a_text_are_averaged():
    network = RecurrentCritic((5, 3), width=4)
    branch(network, "last_features")
    assert network(torch.randn(2, 5, 3))["last_features"].shape[0] == 2


@pytest.mark.parametrize("name", ["mlp", "stylegan2"])
def test_branch_works_beside_san_in_either_order_and_in_a_copy(name):
    x = torch.randn(4, *NETWORKS[name](0).shape)
    for first in (True, False):
        network = NETWORKS[name](0)
        if first:
            branch(network, "extra", lambda num: nn.Linear(num, 1))
        San().prepare(network)
        if not first:
            branch(network, "extra", lambda num: nn.Linear(num, 1))
        said = copy.deepcopy(network)(x)
        assert set(said) == {"logits", "direction", "extra"}
        assert torch.equal(said["logits"], network(x)["logits"])


def test_network_without_a_last_layer_is_refused():
    class Sum(nn.Module):
        shape = (2,)

        def forward(self, x):
            return x.sum(1)

    with pytest.raises(SettingError, match=r"model\.discriminator.*Sum.*linear layer"):
        branch(Sum(), "features")


def test_probing_changes_neither_modes_nor_statistics():
    network = DCGANDiscriminator((1, 8, 8), 0, width=2, norm="batch")
    before = copy.deepcopy(network.state_dict())
    branch(network, "extra", lambda num: nn.Linear(num, 1))
    assert network.training
    assert all(module.training for module in network.modules())
    after = network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
