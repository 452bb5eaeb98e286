"""Weight clipping."""

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.regularizer import WeightClip


def test_projection_equals_a_naive_clamp_of_every_parameter():
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    before = [parameter.detach().clone() for parameter in critic.parameters()]
    WeightClip(0.1).project(critic)
    for old, new in zip(before, critic.parameters(), strict=True):
        assert new.flatten().tolist() == [
            min(max(value, -torch.tensor(0.1)), torch.tensor(0.1)) for value in old.flatten()
        ]
        assert new.requires_grad
    assert max(old.abs().max() for old in before) > 0.1


def test_clipping_has_no_penalty_and_allows_batch_norm():
    assert WeightClip(0.01).penalty(None, None, None) is None
    assert not WeightClip(0.01).per_sample


@pytest.mark.parametrize("bound", [0.0, -0.01])
def test_bound_must_be_above_zero(bound):
    with pytest.raises(SettingError, match="bound="):
        WeightClip(bound)
