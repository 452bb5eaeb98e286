"""Gradients that are not finite under a finite loss: counted, said once and at the end, cleaned where asked."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from games import fit, largest_difference, make_task
from ganworks.errors import SettingError
from ganworks.regularizer import Regularizer
from ganworks.task.guard import GradientGuard


class Overflowing(Regularizer):
    """0 for any weights, with the gradient NaN in the last layer's bias: the root of 0 has none."""

    player = "generator"

    def penalty(self, network: Callable[..., Any], batch: dict[str, Tensor], rng: torch.Generator) -> Tensor:
        bias = last_bias(network)
        return (bias - bias.detach()).square().sum().sqrt()


def last_bias(network: Any) -> Tensor:
    return list(network.parameters())[-1]


def test_a_run_whose_gradients_overflow_says_so_with_the_count(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task(num_steps=3, regularizers={"overflow": Overflowing()}, nan_gradients="zero")
    before = copy.deepcopy(task.generator)
    with caplog.at_level(logging.WARNING):
        fit(task)
    said = [message for message in caplog.messages if "gradient was NaN" in message]
    assert len(said) == 2  # the first, and at the end how many there were
    assert said[0].startswith("The generator's gradient was NaN or infinite in 1 update(s) by 16 images.")
    assert said[1].startswith("The generator's gradient was NaN or infinite in 3 update(s) by 48 images.")
    assert task.scalars["train/generator/bad_gradients"] == 3
    assert "train/discriminator/bad_gradients" not in task.scalars
    assert math.isfinite(task.scalars["train/generator/gradient_norm"])
    # NaN became 0: that layer stands still, the others learn.
    assert torch.equal(last_bias(task.generator), last_bias(before))
    assert largest_difference(task.generator, before) > 1e-6


def test_kept_gradients_are_counted_where_their_norm_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        task = fit(make_task(num_steps=1, regularizers={"overflow": Overflowing()}))
    assert any("task.nan_gradients=zero cleans them" in message for message in caplog.messages)
    assert last_bias(task.generator).isnan().all()


def test_cleaning_finite_gradients_changes_nothing_to_the_bit(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        kept, cleaned = (fit(make_task(nan_gradients=each)) for each in ("keep", "zero"))
    assert largest_difference(kept.generator, cleaned.generator) == 0
    assert largest_difference(kept.discriminator, cleaned.discriminator) == 0
    assert not any("gradient was" in message for message in caplog.messages)


def test_every_number_is_within_the_bound_afterwards() -> None:
    gradient = torch.tensor([math.nan, math.inf, -math.inf, 1e7, -1e7, 3.0])
    GradientGuard().clean([gradient])
    assert gradient.tolist() == [0.0, 1e5, -1e5, 1e5, -1e5, 3.0]


def test_a_wrong_choice_is_named() -> None:
    with pytest.raises(SettingError, match=r"nan_gradients=zeros: must be one of keep, zero.*'zero'"):
        make_task(nan_gradients="zeros")
