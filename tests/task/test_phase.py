"""Phases of a run: own terms and learning rates for a share of it, exact through a resume, mistakes named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from conftest import Result
from games import fit, make_task
from ganworks.errors import SettingError
from ganworks.logger import read_metrics
from ganworks.regularizer import WeightClip
from ganworks.run.build import build_task
from ganworks.task import AdversarialTask, Phase
from ganworks.task.phase import MAIN, checked_phases, phase_at
from running import QUICK, checkpoint, compose, differences, train, train_apart, train_on

# Ten batches; the first phase is the first four of them.
DATA = ("data.batch_size=32", "num_images=320", "loss=hinge", "trainer.log_every_n_steps=1")
WARM_UP = (
    "+task.phases.warm_up._target_=ganworks.task.Phase",
    "+task.phases.warm_up.share=0.4",
    "+task.phases.warm_up.terms.generator=null",
)
STATE = ("state_dict", "optimizer_states", "time")


def parameters_at_start(*overrides: str) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in build_task(compose(*QUICK, *overrides)).named_parameters()}


def moved(before: dict[str, Tensor], after: dict[str, Tensor], player: str) -> list[bool]:
    return [not torch.equal(before[name], after[name]) for name in before if name.startswith(f"{player}.")]


def assert_equal_runs(first: Path, second: Path) -> None:
    one, other = checkpoint(first), checkpoint(second)
    for part in STATE:
        assert differences(one[part], other[part]) == []


# A player that is left out


@pytest.mark.parametrize(
    "more", [(), ("task.n_critic=2",), ("loss=wgan_gp",), ("model.discriminator.norm=spectral",)]
)
def test_a_phase_without_the_generator_leaves_its_weights_to_the_bit_and_trains_the_discriminator(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    # Up to the end of the phase: the run is stopped by a signal of its own clock.
    stop = "+callback.stop={_target_: running.StopAt, images: 128}"
    train(tmp_path / "run", *DATA, *WARM_UP, *more, stop)
    before, after = parameters_at_start(*DATA, *WARM_UP, *more), checkpoint(tmp_path / "run")["state_dict"]
    assert checkpoint(tmp_path / "run")["time"]["images_seen"] == 128
    for player in ("generator", "ema_generator"):
        assert not any(moved(before, after, player))
    # Losses of the difference of real and fake logits have no gradient for a bias that both share.
    before.pop("discriminator.head.linear.bias")
    assert all(moved(before, after, "discriminator"))
    assert checkpoint(tmp_path / "run")["global_step"] == 0


def test_behind_the_phase_both_players_learn(tmp_path: Path) -> None:
    train(tmp_path / "run", *DATA, *WARM_UP)
    before, after = parameters_at_start(*DATA, *WARM_UP), checkpoint(tmp_path / "run")["state_dict"]
    for player in ("generator", "ema_generator", "discriminator"):
        assert all(moved(before, after, player))
    assert checkpoint(tmp_path / "run")["global_step"] == 6
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    seen = [row["images_seen"] for row in rows if "train/generator/adversarial" in row]
    assert seen == [160, 192, 224, 256, 288, 320]


def test_a_phase_without_the_discriminator_leaves_its_weights_even_where_a_projection_would_move_them() -> (
    None
):
    phases = {"first": Phase(0.5, terms={"discriminator": None})}
    task = make_task(num_steps=6, phases=phases, regularizers={"weight_clip": WeightClip(bound=0.001)})
    before = {name: tensor.clone() for name, tensor in task.named_parameters()}
    halfway: dict[str, Tensor] = {}
    finish = task.finish_step

    def spy(num_images: int) -> None:
        finish(num_images)
        if task.num_steps == 3:
            halfway.update({name: tensor.clone().detach() for name, tensor in task.named_parameters()})

    task.finish_step = spy  # type: ignore[method-assign]
    fit(task)
    assert not any(moved(before, halfway, "discriminator"))
    assert all(moved(before, halfway, "generator"))
    assert max(float(p.detach().abs().max()) for p in task.discriminator.parameters()) <= 0.001


# Rates


def test_rates_of_a_phase_scale_the_schedule_and_end_with_it(tmp_path: Path) -> None:
    phases = (
        "+task.phases.slow={_target_: ganworks.task.Phase, share: 0.2, rates: {discriminator: 0.5}}",
        "+task.phases.fast={_target_: ganworks.task.Phase, share: 0.3, rates: {generator: 3, discriminator: 0}}",
    )
    linear = ("optimizer.schedule._target_=ganworks.optimizer.Linear", "optimizer.generator.lr=1e-3")
    train(tmp_path / "run", *DATA, *phases, *linear, "optimizer.discriminator.lr=1e-3")
    rows = [row for row in read_metrics(tmp_path / "run" / "metrics.csv") if "train/generator/lr" in row]
    assert len(rows) == 10
    factors = {
        "generator": [1, 1, 3, 3, 3, 1, 1, 1, 1, 1],
        "discriminator": [0.5, 0.5, 0, 0, 0, 1, 1, 1, 1, 1],
    }
    for role, each in factors.items():
        expected = [1e-3 * (1 - step / 10) * factor for step, factor in enumerate(each)]
        assert [row[f"train/{role}/lr"] for row in rows] == pytest.approx(expected)


def test_a_phase_that_changes_nothing_is_no_phase(tmp_path: Path) -> None:
    train(tmp_path / "plain", *DATA)
    train(tmp_path / "phase", *DATA, "+task.phases.one={_target_: ganworks.task.Phase, share: 0.5}")
    assert_equal_runs(tmp_path / "plain", tmp_path / "phase")


# Resume


@pytest.mark.parametrize("images", [64, 96, 128, 192])
def test_a_run_resumed_in_a_phase_equals_an_uninterrupted_one(images: int, tmp_path: Path) -> None:
    second = "+task.phases.slow={_target_: ganworks.task.Phase, share: 0.3, rates: {generator: 0.1}}"
    settings = (*DATA, *WARM_UP, second, "optimizer.schedule._target_=ganworks.optimizer.Cosine")
    train(tmp_path / "whole", *settings)
    train(tmp_path / "parts", *settings, f"+callback.stop={{_target_: running.StopAt, images: {images}}}")
    assert checkpoint(tmp_path / "parts")["time"]["images_seen"] == images
    train_on(tmp_path / "parts", "callback.stop.images=1_000_000")
    assert_equal_runs(tmp_path / "whole", tmp_path / "parts")


# Terms of one's own


class LikelihoodTask(AdversarialTask):
    """The generator first learns without its opponent: its samples' brightness is that of the data."""

    def brightness_terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        fake = self.fakes(batch, with_graph=True)
        return {"brightness": (fake.mean() - batch["real"].mean()).square()}

    def scalar_terms(self, batch: dict[str, Tensor]) -> Tensor:
        return batch["real"].mean()

    def broken_terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"brightness": batch["real"]}


OWN = "task._target_=test_phase_task.LikelihoodTask"


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the tasks of this file importable for `_target_`."""
    import sys
    import types

    module = types.ModuleType("test_phase_task")
    module.LikelihoodTask = LikelihoodTask  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "test_phase_task", module)


@pytest.mark.usefixtures("importable")
def test_a_phase_takes_its_terms_from_a_method_of_the_task(tmp_path: Path) -> None:
    phase = (
        "+task.phases.first={_target_: ganworks.task.Phase, share: 0.4,"
        " terms: {generator: brightness_terms, discriminator: null}}"
    )
    train(tmp_path / "run", *DATA, OWN, phase)
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    named = {
        name: [row["images_seen"] for row in rows if f"train/{name}" in row]
        for name in ("generator/brightness", "generator/adversarial", "discriminator/adversarial")
    }
    assert named["generator/brightness"] == [32, 64, 96, 128]
    assert (
        named["generator/adversarial"] == named["discriminator/adversarial"] == [160, 192, 224, 256, 288, 320]
    )
    values = [row["train/generator/brightness"] for row in rows if "train/generator/brightness" in row]
    assert values[-1] < values[0]


# Mistakes

FIRST = "+task.phases.first={_target_: ganworks.task.Phase, share: 0.4"
MISTAKES = {
    FIRST + ", terms: {generater: null}}": ["task.phases.first.terms=generater", "Did you mean 'generator'?"],
    FIRST + ", rates: {critic: 1}}": ["task.phases.first.rates=critic", "one of the players generator, discriminator"],
    FIRST + ", terms: {generator: generator_term}}": [
        "task.phases.first.terms.generator=generator_term",
        "null or a method of AdversarialTask",
        "Did you mean 'generator_terms'?",
    ],
    FIRST + ", terms: {generator: 3}}": ["task.phases.first.terms.generator=3"],
    FIRST + ", terms: {generator: trainer}}": ["task.phases.first.terms.generator=trainer"],
    FIRST + ", terms: {generator: null, discriminator: null}}": ["task.phases.first.terms", "somebody has to learn"],
    FIRST + ", terms: generator_terms}": ["task.phases.first.terms=generator_terms", "a mapping of names"],
    FIRST + ", rates: {generator: -1}}": ["task.phases.first.rates.generator=-1", "a number from 0 up"],
    FIRST + ", rates: {generator: fast}}": ["task.phases.first.rates.generator=fast", "a finite number"],
    FIRST + ", rate: {generator: 1}}": ["task.phases.first.rate", "Did you mean 'rates'?"],
    "+task.phases.first={_target_: ganworks.task.Phase, share: 0}": ["task.phases.first.share=0", "above 0"],
    "+task.phases.first={_target_: ganworks.task.Phase, share: 1.5}": ["task.phases.first.share=1.5"],
    "+task.phases.first={_target_: ganworks.task.Phase}": ["task.phases.first", "share"],
    "+task.phases.first={share: 0.5}": ["task.phases.first=", "_target_: ganworks.task.Phase"],
    "task.phases.first.share=2": ["task.phases is empty", "+task.phases.first.share=..."],
    "task.phases=[1]": ["task.phases=[1]", "Cannot merge DictConfig with ListConfig"],
    "++task.phases=1": ["task.phases=1: must be a mapping of names to Phase nodes"],
    "+task.phases={a: {_target_: ganworks.task.Phase, share: 0.6}, b: {_target_: ganworks.task.Phase, share: 0.6}}": [
        "task.phases=shares of 1.2 in all",
        "at most 1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_phase_that_cannot_be_is_named_in_one_line(mistake: str, ganworks: Callable[..., Result]) -> None:
    result = ganworks("train", *QUICK, *DATA, mistake)
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in MISTAKES[mistake]:
        assert part in result.err


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("method", ["scalar_terms", "broken_terms"])
def test_terms_of_a_phase_are_tried_before_the_training(method: str, ganworks: Callable[..., Result]) -> None:
    result = ganworks("train", *QUICK, *DATA, OWN, FIRST + f", terms: {{generator: {method}}}}}")
    assert result.code == 1
    assert result.err.startswith("error: the generator's term")
    assert result.err.count("\n") == 1, result.err


def test_a_phase_that_is_null_is_left_out_and_the_end_of_all_is_the_game_itself() -> None:
    phases = checked_phases({"a": Phase(0.5), "b": None}, ("generator", "discriminator"), AdversarialTask)
    assert list(phases) == ["a"]
    # Shares that add up to 1 but for the last bit.
    several = [Phase(0.1), Phase(0.2), Phase(0.7)]
    assert [several.index(phase_at(several, at)) for at in (0, 0.0999, 0.1, 0.3, 0.9999)] == [0, 0, 1, 2, 2]
    assert phase_at(several, 1.0) is MAIN
    checked_phases(dict(zip("abc", several, strict=True)), ("generator",), AdversarialTask)
    with pytest.raises(SettingError, match=r"phases=shares of 1\.01 in all"):
        checked_phases({"a": Phase(1.0), "b": Phase(0.01)}, ("generator",), AdversarialTask)


# The command


def test_the_command_trains_with_a_phase_on_two_ranks_and_the_plan_names_it(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    plan = ganworks("train", *QUICK, *DATA, *WARM_UP, "dry_run=true")
    assert plan.code == 0, plan.err
    text = " ".join(plan.out.replace("│", " ").split())
    assert "phases warm_up (40% of the run): without generator" in text
    assert "10 batches of 32, 6 generator updates" in text
    run = train_apart(tmp_path / "run", *DATA, *WARM_UP, "num_images=640", "trainer.devices=2")
    assert run.returncode == 0, run.stdout + run.stderr
    assert checkpoint(tmp_path / "run")["global_step"] == 6
