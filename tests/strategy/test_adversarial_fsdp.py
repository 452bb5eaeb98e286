"""Two processes that share one state against one process that has all of it, in float64 with plain gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn

from distributed_games import BOUNDS, DISTRIBUTED, MOMENTUM, NUMBERS, play
from games import make_task
from ganworks.errors import SettingError
from ganworks.model import DCGANDiscriminator, ResnetGenerator
from ganworks.strategy import AdversarialFSDPStrategy
from ganworks.strategy.adversarial_fsdp import parts_of
from ganworks.task import AdversarialTask
from one_shard import CASES, FREED, PIECES
from pairs import distance, found_by_ranks
from running import compose, differences


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Train every case sharded on two ranks, and return what rank 0 saved."""
    folder = tmp_path_factory.mktemp("ranks")
    half = play(NUMBERS, changes={**MOMENTUM, "num_steps": 3})
    half.trainer.save_checkpoint(folder / "alone.ckpt")
    return {"folder": folder, **found_by_ranks("one_shard.py", folder)}


@cache
def one_process(case: str) -> AdversarialTask:
    return play(case)


@pytest.mark.parametrize("case", CASES)
def test_two_shards_equal_one_process_on_the_concatenated_batch(case: str, two_ranks: dict[str, Any]) -> None:
    found, task = two_ranks[case], one_process(case)
    assert found["state"].keys() == task.state_dict().keys()
    assert distance(found["state"], task.state_dict()) < BOUNDS.get(case, 1e-12)
    assert distance(found["state"], make_task(**DISTRIBUTED[case]()).state_dict()) > 1e-6
    assert found["is_alike"]


@pytest.mark.parametrize("case", FREED)
def test_weights_that_are_freed_after_each_forward_lead_to_the_same(
    case: str, two_ranks: dict[str, Any]
) -> None:
    assert distance(two_ranks[f"freed: {case}"]["state"], one_process(case).state_dict()) < 1e-12


@pytest.mark.parametrize("case", PIECES)
def test_networks_that_are_gathered_in_one_piece_lead_to_the_same(
    case: str, two_ranks: dict[str, Any]
) -> None:
    assert distance(two_ranks[f"in one piece: {case}"]["state"], one_process(case).state_dict()) < 1e-12


@pytest.mark.parametrize("case", [case for case in CASES if "parts" not in case])
def test_a_rank_that_contributes_nothing_is_noticed(case: str, two_ranks: dict[str, Any]) -> None:
    assert distance(two_ranks[f"dropped rank: {case}"]["state"], one_process(case).state_dict()) > 1e-6


def test_a_sum_in_the_place_of_an_average_is_noticed(two_ranks: dict[str, Any]) -> None:
    assert distance(two_ranks["wrong scale"]["state"], one_process("bce").state_dict()) > 1e-6


@pytest.mark.parametrize("case", CASES)
def test_each_rank_holds_half_of_generator_discriminator_and_average(
    case: str, two_ranks: dict[str, Any]
) -> None:
    sizes = [
        parameter.numel() for parameter in make_task(**DISTRIBUTED[case]()).parameters() if parameter.dim()
    ]
    numbers = [
        parameter for parameter in make_task(**DISTRIBUTED[case]()).parameters() if not parameter.dim()
    ]
    held = two_ranks[case]["held"]
    assert sum(held) == sum(sizes) + 2 * len(numbers)
    assert max(held) < 0.51 * sum(sizes) + len(numbers)


@pytest.mark.parametrize("case", CASES)
def test_the_gathered_average_is_that_of_one_process(case: str, two_ranks: dict[str, Any]) -> None:
    averaged, task = two_ranks[case]["averaged"], one_process(case)
    assert distance(averaged, task.ema_generator.state_dict()) < BOUNDS.get(case, 1e-12)
    assert distance(averaged, task.generator.state_dict()) > 1e-6  # control


def test_a_penalty_needs_the_weights_after_its_first_backward(two_ranks: dict[str, Any]) -> None:
    assert "out of bounds for storage of size 0" in two_ranks["error"]


def test_gradients_of_single_numbers_that_are_not_averaged_are_noticed(two_ranks: dict[str, Any]) -> None:
    found = two_ranks["numbers apart"]
    assert not found["is_alike"]
    assert distance(found["state"], one_process(NUMBERS).state_dict()) > 1e-6


def test_a_run_goes_on_in_shards_and_from_shards_as_in_one_process(two_ranks: dict[str, Any]) -> None:
    alone, shards = (
        torch.load(two_ranks["folder"] / f"{name}.ckpt", weights_only=True) for name in ("alone", "shards")
    )
    assert shapes_of(alone) == shapes_of(shards)
    assert any(shape == () for name, shape in shapes_of(shards).items() if name.endswith("noise_strength"))
    whole = play(NUMBERS, changes=MOMENTUM).state_dict()
    back = play(NUMBERS, changes=MOMENTUM, resume=two_ranks["folder"] / "shards.ckpt")
    assert distance(two_ranks["resumed"], whole) < 1e-12
    assert distance(back.state_dict(), whole) < 1e-12
    assert distance(alone["state_dict"], whole) > 1e-6  # control


def shapes_of(checkpoint: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight, buffer and momentum in a checkpoint, by name."""
    states = enumerate(checkpoint["optimizer_states"])
    momenta = {
        f"{number}.{index}.{name}": value
        for number, state in states
        for index, values in state["state"].items()
        for name, value in values.items()
    }
    return {name: tuple(value.shape) for name, value in (checkpoint["state_dict"] | momenta).items()}


@pytest.mark.parametrize("case", ["bce", NUMBERS])
def test_the_state_of_the_optimizers_is_saved_whole_and_loaded_in_shards(
    case: str, two_ranks: dict[str, Any]
) -> None:
    found = two_ranks[f"momenta: {case}"]
    assert found["is_fused"] == [True, True]
    assert differences(found["saved"], found["loaded"]) == []
    for saved, role in zip(found["saved"], ("generator", "discriminator"), strict=True):
        task = make_task(**DISTRIBUTED[case]())
        shapes = [tuple(parameter.shape) for parameter in getattr(task, role).parameters()]
        assert [tuple(state["exp_avg"].shape) for state in saved["state"].values()] == shapes
        assert all(state["exp_avg"].any() for state in saved["state"].values())


def test_layers_are_found_in_containers_and_small_ones_stay_with_their_network() -> None:
    generator = ResnetGenerator((3, 32, 32), width=8)
    kinds = [type(part).__name__ for part in parts_of(generator, 1)]
    assert kinds.count("ResidualBlock") == 3  # a part each, not their convolutions
    assert "ModuleList" not in kinds
    assert "Sequential" not in kinds
    discriminator = DCGANDiscriminator((3, 32, 32), width=8, norm="spectral")
    large = parts_of(discriminator, 2000)
    assert [part.out_channels for part in large if isinstance(part, nn.Conv2d)] == [16, 32]
    assert parts_of(discriminator, 10**9) == []


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("compile=true", "compile=True: must be false for sharded networks"),
        ("channels_last=true", "channels_last=True: must be false or null for sharded networks"),
        ("trainer.precision=16-mixed", "trainer.precision=16-mixed: must be 32-true or bf16-mixed"),
        ("trainer.precision=64-true", "trainer.precision=64-true: must be 32-true or bf16-mixed"),
    ],
)
def test_what_does_not_go_with_shards_is_refused_before_the_start(
    setting: str, words: str, ganworks: Callable
) -> None:
    settings = ("trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2", "dry_run=true")
    wrong = ganworks("train", *settings, setting)
    assert wrong.code == 1
    assert wrong.err.splitlines()[-1].startswith(f"error: {words}")


STYLEGAN2 = ("trainer=fsdp", "trainer.accelerator=cpu", "trainer.devices=2", "dry_run=true",
             "model=stylegan2", "model.width=8", "regularizer=r1")  # fmt: skip


def test_networks_with_parameters_of_one_number_may_be_sharded(ganworks: Callable) -> None:
    assert ganworks("train", *STYLEGAN2).code == 0


def test_a_torch_that_leaves_no_parameter_out_refuses_those_of_one_number(
    ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganworks.run.speed.leaves_numbers_whole", lambda: False)
    wrong = ganworks("train", *STYLEGAN2)
    assert wrong.code == 1
    assert "trainer.strategy=adversarial_fsdp: must be adversarial_ddp with this model" in wrong.err
    assert "noise_strength" in wrong.err


def test_a_size_that_is_no_count_is_refused() -> None:
    with pytest.raises(SettingError, match="min_parameters=0: must be"):
        AdversarialFSDPStrategy(min_parameters=0)


def test_the_trainer_of_that_name_takes_the_strategy(ganworks: Callable) -> None:
    assert compose("trainer=fsdp").trainer.strategy == AdversarialFSDPStrategy.strategy_name
    settings = (
        "trainer=fsdp",
        "trainer.accelerator=cpu",
        "trainer.devices=2",
        "trainer.precision=bf16-mixed",
    )
    assert ganworks("train", *settings, "dry_run=true").code == 0
