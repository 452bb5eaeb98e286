"""Losses that are not finite: skipped, counted, and the end of the run."""

from __future__ import annotations

import pytest
import torch

from ganworks.task import NonFiniteGuard, NonFiniteLossError

GOOD, BAD = torch.tensor(1.0), torch.tensor(float("nan"))


def test_a_bad_loss_is_not_admitted_and_a_good_one_resets_the_count() -> None:
    guard = NonFiniteGuard(patience=3)
    assert [guard.admits(loss, "generator") for loss in (GOOD, BAD, BAD, GOOD)] == [True, False, False, True]
    assert guard.num_bad_steps == 0
    guard.check("the loss")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_patience_bad_losses_in_a_row_end_the_run_with_the_cause(bad: float) -> None:
    guard = NonFiniteGuard(patience=3)
    for _ in range(2):
        guard.admits(torch.tensor(bad), "generator")
    guard.check("generator")
    guard.admits(torch.tensor(bad), "generator")
    with pytest.raises(NonFiniteLossError, match="generator: adversarial=nan was not finite for 3 updates"):
        guard.check("generator: adversarial=nan")


def test_the_networks_are_counted_apart() -> None:
    guard = NonFiniteGuard(patience=3)
    for _ in range(3):
        guard.admits(BAD, "discriminator")
        guard.admits(GOOD, "generator")
    assert guard.num_bad_steps == 3
    with pytest.raises(NonFiniteLossError):
        guard.check("the loss")
