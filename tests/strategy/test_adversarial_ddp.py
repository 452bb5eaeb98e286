"""Two processes against one on the concatenated batch, in float64 with plain gradient descent."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import torch

from distributed_games import BOUNDS, DISTRIBUTED, NUMBERS, play
from games import BATCH, conditional, fit, make_task
from ganworks.task import AdversarialTask
from pairs import distance, found_by_ranks

MODES = ("step", "backward")
# Where the ranks exchange running means besides, or have many parameters of few numbers, each with its share.
WITH_MORE = ("batch norm over ranks", "mixed styles", "StyleGAN", "transport", "LeCam", "balance")


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Train every case in both modes on two ranks, and return what rank 0 saved."""
    return found_by_ranks("one_rank.py", tmp_path_factory.mktemp("ranks"))


@cache
def one_process(case: str) -> AdversarialTask:
    return play(case)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", DISTRIBUTED)
def test_two_ranks_equal_one_process_on_the_concatenated_batch(
    case: str, mode: str, two_ranks: dict[str, Any]
) -> None:
    found, task = two_ranks[f"{mode}: {case}"], one_process(case)
    assert distance(found["state"], task.state_dict()) < BOUNDS.get(case, 1e-12)
    assert distance(found["state"], make_task(**DISTRIBUTED[case]()).state_dict()) > 1e-6
    assert found["is_alike"]  # weights, averages and buffers of the two ranks, to the bit


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", ["ADA of a relativistic loss", NUMBERS])
def test_the_probability_of_augmentation_follows_the_logits_of_all_ranks(
    case: str, mode: str, two_ranks: dict[str, Any]
) -> None:
    found, start = two_ranks[f"{mode}: {case}"]["state"], make_task(**DISTRIBUTED[case]()).state_dict()
    for name, value in one_process(case).state_dict().items():
        if name.startswith("augment."):
            assert torch.equal(found[name], value), name
    assert found["augment.level"] != start["augment.level"]  # control: it has moved


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "case", [case for case in DISTRIBUTED if not any(part in case for part in WITH_MORE)]
)
def test_each_step_reduces_the_gradients_of_the_network_that_steps_and_nothing_else(
    case: str, mode: str, two_ranks: dict[str, Any]
) -> None:
    found, task = two_ranks[f"{mode}: {case}"], one_process(case)
    size = {role: sum(p.numel() for p in getattr(task, role).parameters()) for role in task.roles}
    lazy = [each.every for each in task.lazy_regularizers["discriminator"].values()][
        :1
    ]  # in steps of their own
    num_steps = found["steps"] + sum(-(-found["steps"] // every) for every in lazy)
    ideal = num_steps * size["discriminator"] + found["steps"] // task.n_critic * size["generator"]
    assert 1 <= sum(found["reduced"]) / ideal < 1.01


def test_the_backward_mode_sends_several_buckets(two_ranks: dict[str, Any]) -> None:
    num = {mode: len(two_ranks[f"{mode}: bce"]["reduced"]) for mode in MODES}
    assert num["backward"] > 2 * num["step"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", ["dropped rank", "wrong scale"])
def test_a_fault_in_the_reduction_is_noticed(fault: str, mode: str, two_ranks: dict[str, Any]) -> None:
    found = two_ranks[f"{mode}: {fault}"]
    assert distance(found["state"], one_process("bce").state_dict()) > 1e-6
    assert found["is_alike"] == (fault == "wrong scale")


@pytest.mark.parametrize("mode", MODES)
def test_ranks_draw_different_latents_and_disjoint_samples(mode: str, two_ranks: dict[str, Any]) -> None:
    first, second = two_ranks[f"{mode}: draws"]
    assert not set(first["latents"]) & set(second["latents"])
    reals = [set(map(tuple, rank["reals"].tolist())) for rank in (first, second)]
    assert [len(rank) for rank in reals] == [6 * BATCH // 2] * 2
    assert not reals[0] & reals[1]


@pytest.mark.parametrize("mode", MODES)
def test_an_infinity_on_one_rank_skips_the_step_of_all(mode: str, two_ranks: dict[str, Any]) -> None:
    first, second = two_ranks[f"{mode}: overflow"]
    assert first == second
    weights, scales = zip(*first, strict=True)
    assert scales == (1024, 1024, 512, 512, 512, 512)  # the third step, on rank 1
    moved = [before != after for before, after in pairwise(weights)]
    assert moved == [True, False, True, True, True]


@pytest.mark.parametrize("mode", MODES)
def test_a_loss_that_is_no_number_on_one_rank_stops_all_with_the_same_error(
    mode: str, two_ranks: dict[str, Any]
) -> None:
    first, second = two_ranks[f"{mode}: broken"]
    assert first == second
    assert "not finite for 3 updates in a row (task.patience=3)" in first


@pytest.mark.parametrize("mode", MODES)
def test_running_statistics_are_the_same_on_all_ranks(mode: str, two_ranks: dict[str, Any]) -> None:
    first, second = two_ranks[f"{mode}: batch_norm"]
    assert any("running_var" in name for name in first)
    assert distance(first, second) == 0
    # control: not those of one process on the global batch, for each rank normalizes its own
    alone = fit(make_task(**{**conditional(), "n_critic": 2}))
    assert distance(first, alone.state_dict()) > 1e-6
