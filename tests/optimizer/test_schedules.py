"""Schedules against their formulas, and their statelessness."""

import math

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.optimizer import Constant, Cosine, Linear


def adam(lr=2e-4, betas=(0.0, 0.9)):
    return torch.optim.Adam(nn.Linear(2, 1).parameters(), lr=lr, betas=betas)


def settings(optimizer):
    group = optimizer.param_groups[0]
    return group["lr"], group["betas"]


def test_constant_changes_nothing():
    optimizer = adam()
    Constant().apply(optimizer, 0.7)
    assert settings(optimizer) == (2e-4, (0.0, 0.9))


@pytest.mark.parametrize(
    ("progress", "factor"), [(0.0, 1.0), (0.5, 1.0), (0.75, 0.55), (1.0, 0.1), (1.5, 0.1)]
)
def test_linear_is_constant_until_its_start_and_then_falls_to_its_end(progress, factor):
    optimizer = adam()
    Linear(start=0.5, lr_end=0.1).apply(optimizer, progress)
    assert settings(optimizer)[0] == pytest.approx(2e-4 * factor)


@pytest.mark.parametrize("progress", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_cosine_follows_the_r3gan_schedule_of_lr_and_beta2(progress):
    optimizer = adam()
    Cosine(lr_end=0.25, beta2_end=0.99).apply(optimizer, progress)
    left = (1 + math.cos(math.pi * progress)) / 2
    lr, (beta1, beta2) = settings(optimizer)
    assert lr == pytest.approx(5e-5 + (2e-4 - 5e-5) * left)
    assert beta2 == pytest.approx(0.99 - 0.09 * left)
    assert beta1 == 0.0


@pytest.mark.parametrize("schedule", [Constant(), Linear(), Cosine(0.25, 0.99)], ids=str)
def test_a_schedule_has_no_memory_of_earlier_applications(schedule):
    wandering, fresh = adam(), adam()
    for progress in (0.1, 0.9, 0.3):
        schedule.apply(wandering, progress)
    schedule.apply(fresh, 0.3)
    assert settings(wandering) == settings(fresh)


def test_a_resumed_optimizer_continues_from_the_first_values_in_its_state():
    schedule, before, resumed = Cosine(0.25, 0.99), adam(), adam(lr=99.0, betas=(0.5, 0.5))
    schedule.apply(before, 0.4)
    resumed.load_state_dict(before.state_dict())
    schedule.apply(before, 0.6)
    schedule.apply(resumed, 0.6)
    assert settings(resumed) == settings(before)


def test_a_tensor_learning_rate_is_filled_in_place():
    optimizer = torch.optim.Adam(nn.Linear(2, 1).parameters(), lr=torch.tensor(0.1))
    lr = optimizer.param_groups[0]["lr"]
    Linear(lr_end=0.0).apply(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == pytest.approx(0.05)


def test_every_group_keeps_its_own_first_learning_rate():
    groups = [{"params": nn.Linear(2, 1).parameters(), "lr": lr} for lr in (0.1, 0.2)]
    optimizer = torch.optim.SGD(groups)
    Linear(lr_end=0.0).apply(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.1])


def test_beta2_of_an_optimizer_without_betas_is_an_error():
    optimizer = torch.optim.RMSprop(nn.Linear(2, 1).parameters())
    Cosine(0.25).apply(optimizer, 0.5)
    with pytest.raises(SettingError, match=r"beta2_end=0\.99: must be null for RMSprop"):
        Cosine(0.25, 0.99).apply(optimizer, 0.5)


@pytest.mark.parametrize(
    ("build", "setting"),
    [
        (lambda: Linear(start=1.0), "start"),
        (lambda: Linear(start=-0.1), "start"),
        (lambda: Linear(lr_end=-1.0), "lr_end"),
        (lambda: Cosine(lr_end=-1.0), "lr_end"),
        (lambda: Cosine(beta2_end=1.0), "beta2_end"),
    ],
)
def test_wrong_setting_is_named(build, setting):
    with pytest.raises(SettingError) as caught:
        build()
    assert caught.value.setting == setting
