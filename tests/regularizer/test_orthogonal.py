"""Orthogonal regularization beside its formula, of either player."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganworks.errors import SettingError
from ganworks.loss import Hinge
from ganworks.model import BigGANDiscriminator, BigGANGenerator
from ganworks.optimizer import Constant
from ganworks.regularizer import Orthogonal
from ganworks.regularizer.orthogonal import off_diagonal
from ganworks.task import AdversarialTask, ExponentialMovingAverage
from ganworks.task.critic import CriticCall


def naive(weights):
    """The formula, pair by pair of rows."""
    total = torch.zeros(())
    for weight in weights:
        rows = weight.flatten(1)
        pairs = [(rows[i] @ rows[j]) ** 2 for i in range(len(rows)) for j in range(len(rows)) if i != j]
        total = total + torch.stack(pairs).sum() if pairs else total
    return total


@pytest.mark.parametrize("shape", [(3, 5), (7, 2), (4, 2, 3, 3), (1, 6)])
def test_term_of_a_weight_equals_the_formula(shape):
    weight = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    assert off_diagonal(weight).item() == pytest.approx(naive([weight]).item(), rel=1e-4, abs=1e-4)


def test_orthogonal_rows_of_any_length_have_no_penalty():
    weight = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    assert off_diagonal(weight) == 0
    assert off_diagonal(weight + 0.1) > 0


def test_penalty_sums_over_weights_and_leaves_embeddings_out():
    network = nn.ModuleList(
        [nn.Conv2d(2, 3, 3), nn.Linear(4, 2), nn.Embedding(3, 4), spectral_norm(nn.Linear(3, 3))]
    )
    stored = network[3].parametrizations.weight.original
    expected = naive([network[0].weight, network[1].weight, stored])
    found = Orthogonal().penalty(network, {}, torch.Generator())
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_it_acts_on_the_player_that_is_named(player):
    networks = {
        "generator": BigGANGenerator((3, 32, 32), width=1, init="normal"),
        "discriminator": BigGANDiscriminator((3, 32, 32), width=1, init="normal"),
    }
    regularizer = Orthogonal(0.5, player)
    task = AdversarialTask(
        **networks,
        loss=Hinge(),
        optimizers={},
        num_images=1,
        schedule=Constant(),
        ema=ExponentialMovingAverage(1),
        regularizers={"orthogonal": regularizer},
    )
    assert list(task.regularizers_of(player)) == ["orthogonal"]
    network = CriticCall(task, task.critics[0], {}, "x") if player == "discriminator" else task.generator
    found = regularizer.penalty(network, {}, torch.Generator())
    assert found.item() == pytest.approx(
        regularizer.penalty(networks[player], {}, torch.Generator()).item(), rel=1e-6
    )
    found.backward()
    assert networks[player].linear.weight.grad is not None


def test_unknown_player_is_an_error():
    with pytest.raises(SettingError, match="player="):
        Orthogonal(player="generater")
