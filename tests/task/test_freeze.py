"""Frozen parameters keep their weights to the bit, whatever trains around them; patterns that cannot be are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from conftest import Result
from ganworks.errors import SettingError
from ganworks.run.build import build_task
from ganworks.task.freeze import freeze_players, num_frozen
from running import QUICK, checkpoint, compose, differences, train, train_apart, train_on

# FreezeD: the discriminator's first block. 16 pixels, for which it has two convolutions.
DATA = ("data.resolution=16", "data.batch_size=32", "num_images=192", "callback.checkpoint.every_images=96")
FREEZE = ("task.freeze.discriminator=[layers.0.*,layers.2.*]",)
FROZEN = ("discriminator.layers.0.", "discriminator.layers.2.")
GAMES = {
    "one update each": ("loss=hinge",),
    "three critic updates": ("loss=hinge", "task.n_critic=3"),
    "a penalty": ("loss=bce", "regularizer=r1"),
    "a gradient penalty and five critic updates": ("loss=wgan_gp", "num_images=320"),
    "clipped weights": ("loss=wgan", "regularizer.weight_clip.bound=0.001", "num_images=320"),
    "spectral norm": ("loss=hinge", "model.discriminator.norm=spectral"),
    "batch norm and two parts": ("loss=bce", "task.accumulate=2"),
    "decay of the weights": (
        "loss=bce",
        "optimizer.discriminator._target_=torch.optim.AdamW",
        "+optimizer.discriminator.weight_decay=0.1",
    ),
}


def parameters_at_start(*overrides: str) -> dict[str, Tensor]:
    """The parameters of a run before its first step."""
    return {name: p.detach() for name, p in build_task(compose(*QUICK, *DATA, *overrides)).named_parameters()}


def assert_frozen_alone_stay(before: dict[str, Tensor], run_dir: Path) -> None:
    """Compare the players' weights with those that the run began with: frozen ones are equal, all others moved."""
    after = checkpoint(run_dir)["state_dict"]
    players = [name for name in before if name.startswith(("generator.", "discriminator."))]
    stayed = {name for name in players if torch.equal(before[name], after[name])}
    frozen = {name for name in players if name.startswith(FROZEN)}
    # Losses of the difference of real and fake logits have no gradient for a bias that both share.
    assert frozen
    assert stayed - {"discriminator.head.linear.bias"} == frozen


@pytest.mark.parametrize("game", GAMES)
def test_frozen_blocks_of_the_discriminator_stay_to_the_bit_while_all_others_move(
    game: str, tmp_path: Path
) -> None:
    settings = (*DATA, *FREEZE, *GAMES[game])
    train(tmp_path / "run", *settings)
    assert_frozen_alone_stay(parameters_at_start(*FREEZE, *GAMES[game]), tmp_path / "run")


def test_without_the_setting_the_same_blocks_move(tmp_path: Path) -> None:
    train(tmp_path / "run", *DATA, "loss=hinge")
    before, after = parameters_at_start("loss=hinge"), checkpoint(tmp_path / "run")["state_dict"]
    assert not any(torch.equal(before[name], after[name]) for name in before if name.startswith(FROZEN))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("source") / "run"
    train(run_dir, *DATA, "loss=wgan_gp", "seed=1")
    return run_dir


def test_frozen_blocks_keep_the_weights_that_a_run_started_from(source: Path, tmp_path: Path) -> None:
    train(tmp_path / "run", *DATA, *FREEZE, "loss=wgan_gp", "num_images=320", f"init_from={source}")
    assert_frozen_alone_stay(checkpoint(source)["state_dict"], tmp_path / "run")


def test_a_resumed_run_with_frozen_blocks_equals_an_uninterrupted_one(source: Path, tmp_path: Path) -> None:
    settings = (*DATA, *FREEZE, "loss=hinge", "model.discriminator.norm=none", "task.n_critic=2")
    settings = (*settings, f"init_from={source}", "num_images=384")
    train(tmp_path / "whole", *settings)
    train(tmp_path / "parts", *settings, "trainer.max_steps=3")
    train_on(tmp_path / "parts", "trainer.max_steps=-1")
    whole, parts = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "parts")
    for part in ("state_dict", "optimizer_states", "time"):
        assert differences(whole[part], parts[part]) == []
    assert_frozen_alone_stay(checkpoint(source)["state_dict"], tmp_path / "parts")


def test_a_resume_that_freezes_others_is_refused(tmp_path: Path) -> None:
    train(tmp_path / "run", *DATA, *FREEZE, "loss=hinge")
    with pytest.raises(SettingError, match=r"task.freeze.discriminator=None: must be as it was: \d tensors"):
        train_on(tmp_path / "run", "num_images=384", "task.freeze.discriminator=null")


@pytest.mark.parametrize("game", ["loss=wgan_gp", "loss=wgan_gp trainer.strategy=adversarial_ddp_backward"])
def test_frozen_blocks_stay_on_two_ranks_with_a_penalty_and_several_critic_updates(
    game: str, source: Path, tmp_path: Path
) -> None:
    settings = (*DATA, *FREEZE, *game.split(), "num_images=640", f"init_from={source}", "trainer.devices=2")
    run = train_apart(tmp_path / "run", *settings)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "discriminator: takes all" in run.stdout
    assert_frozen_alone_stay(checkpoint(source)["state_dict"], tmp_path / "run")


def test_the_frozen_generators_average_stays_too(tmp_path: Path) -> None:
    freeze = "task.freeze.generator=project.*"
    train(tmp_path / "run", *DATA, "loss=hinge", freeze)
    before, after = parameters_at_start("loss=hinge", freeze), checkpoint(tmp_path / "run")["state_dict"]
    for network in ("generator", "ema_generator"):
        assert torch.equal(before[f"{network}.project.weight"], after[f"{network}.project.weight"])
        assert not torch.equal(before[f"{network}.to_image.weight"], after[f"{network}.to_image.weight"])


# What the plan and the errors say


def test_the_plan_says_how_many_parameters_are_frozen(ganworks: Callable[..., Result]) -> None:
    settings = (*QUICK, *DATA, *FREEZE, "loss=hinge")
    result = ganworks("train", *settings, "dry_run=true")
    assert result.code == 0, result.err
    task = build_task(compose(*settings))
    num = sum(p.numel() for name, p in task.named_parameters() if name.startswith(FROZEN))
    assert num == num_frozen(task.discriminator)
    text = " ".join(result.out.replace("│", " ").split())
    assert f"({num:,} of them frozen)" in text
    assert text.count("frozen") == 1


MISTAKES = {
    "task.freeze.discriminator=[layer.0.weight]": [
        "task.freeze.discriminator=layer.0.weight: must be a pattern that fits a parameter",
        "layers.0.weight",
    ],
    "task.freeze.discriminator=[layers.0.*,stages.*]": [
        "task.freeze.discriminator=stages.*:",
        "layers.0.weight",
    ],
    "+task.freeze.critic=[layers.0.*]": ["task.freeze=critic", "generator, discriminator"],
    "+task.freeze.discriminater=[x]": ["Did you mean 'discriminator'?"],
    "task.freeze.discriminator=['*']": [
        "task.freeze.discriminator=*:",
        "leave a parameter to train",
        "task.phases",
    ],
    "task.freeze.discriminator=3": ["task.freeze.discriminator=3:", "a text, a list of texts"],
    "task.freeze.discriminator=[3]": ["task.freeze.discriminator=[3]:", "a text, a list of texts"],
    "task.freeze=[layers.0.*]": ["task.freeze=[layers.0.*]", "Cannot merge DictConfig with ListConfig"],
    "++task.freeze=3": ["task.freeze=3: must be a mapping of names to texts or lists of texts or null"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_cannot_be_frozen_is_named_in_one_line(mistake: str, ganworks: Callable[..., Result]) -> None:
    result = ganworks("train", *QUICK, *DATA, mistake)
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in MISTAKES[mistake]:
        assert part in result.err


@pytest.mark.parametrize("nothing", ["task.freeze=null", "task.freeze.discriminator=null"])
def test_nothing_is_frozen_where_nothing_is_named(nothing: str) -> None:
    task = build_task(compose(*QUICK, *DATA, nothing))
    assert num_frozen(task.discriminator) == num_frozen(task.generator) == 0


def test_patterns_reach_one_network_of_several_and_a_name_with_brackets_is_taken_as_it_is() -> None:
    player = nn.ModuleDict({"clip": nn.Linear(2, 3), "frame": nn.Linear(2, 3), "odd[0]": nn.Linear(2, 3)})
    freeze_players({"discriminator": player}, {"discriminator": ["clip.*", "odd[0].weight"]})
    frozen = {name for name, parameter in player.named_parameters() if not parameter.requires_grad}
    assert frozen == {"clip.weight", "clip.bias", "odd[0].weight"}
    assert num_frozen(player) == 9 + 6
