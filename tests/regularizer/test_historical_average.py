"""Historical averaging beside a loop by hand, through a resume, and where it is refused."""

from __future__ import annotations

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from games import digits, fit, largest_difference, make_task
from ganworks.errors import SettingError
from ganworks.regularizer import HistoricalAverage
from ganworks.run.speed import check_sharding
from running import compose


def game(player="discriminator", **settings):
    regularizer = HistoricalAverage(0.5, player)
    return make_task(regularizers={"history": regularizer}, num_steps=4, **settings)


def test_penalty_is_the_distance_from_the_mean_of_all_past_weights():
    torch.manual_seed(0)
    regularizer, layer = HistoricalAverage(1.0, "generator"), nn.Linear(3, 2).double()
    layer.bias.requires_grad_(False)
    past = [layer.weight.detach().clone()]
    for step in range(5):
        term = regularizer.penalty(layer, {}, torch.Generator())
        mean = sum(past) / len(past)
        assert term.item() == pytest.approx((layer.weight - mean).square().sum().item(), rel=1e-12, abs=1e-15)
        (gradient,) = torch.autograd.grad(term, layer.weight)
        assert torch.allclose(gradient, 2 * (layer.weight - mean))
        assert (gradient != 0).any() == (step > 0)
        with torch.no_grad():
            layer.weight += torch.randn(2, 3, dtype=torch.float64)
        before = layer.weight.clone()
        regularizer.project(layer)
        assert torch.equal(layer.weight, before)  # the weights stay
        past.append(layer.weight.detach().clone())


def test_it_ends_the_circles_of_a_game_that_plain_descent_does_not_end():
    """min over x, max over y of x y: descent in turns circles for ever, the mean of its past lies within."""
    radii = []
    for weight in (0.0, 0.1):
        x, y = (nn.Linear(1, 1, bias=False).double() for _ in range(2))
        history = [HistoricalAverage(1.0, "generator").double() for _ in range(2)]
        for each in (x, y):
            nn.init.ones_(each.weight)
        for _ in range(300):
            for me, other, sign, past in ((x, y, 1, history[0]), (y, x, -1, history[1])):
                loss = sign * (me.weight * other.weight.detach()).sum()
                loss = loss + weight * past.penalty(me, {}, torch.Generator())
                (gradient,) = torch.autograd.grad(loss, me.weight)
                with torch.no_grad():
                    me.weight -= 0.1 * gradient
                past.project(me)
        radii.append(float((x.weight.square() + y.weight.square()).sqrt().detach()))
    assert radii[0] > 1
    assert radii[1] < 0.05


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_it_holds_the_player_that_is_named_and_no_other(player):
    plain, held = fit(make_task(num_steps=2)), fit(game(player, num_images=32))
    other = {"generator": "discriminator", "discriminator": "generator"}[player]
    assert largest_difference(plain.players[player], held.players[player]) > 1e-9
    if (
        player == "generator"
    ):  # its first update has no past, and its second is behind the discriminator's last
        assert largest_difference(plain.players[other], held.players[other]) == 0
    mean = held.regularizers["history"].get_extra_state()
    assert mean["num"] == 3  # what it began with, and two updates
    assert set(mean["mean"]) == {name for name, _ in held.players[player].named_parameters()}


def test_check_before_the_training_leaves_no_history():
    task = game()
    task.check({"real": torch.zeros(2, 1, 8, 8, dtype=torch.float64)}, (1, 8, 8))
    assert task.regularizers["history"].get_extra_state() == {"mean": {}, "num": 0}


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_resumed_run_equals_an_uninterrupted_one_and_a_forgotten_history_does_not(player, tmp_path):
    whole, first = fit(game(player)), game(player)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=-1, max_steps=2, enable_model_summary=False, **quiet)
    trainer.fit(first, digits())
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    rest = fit(game(player), resume=tmp_path / "half.ckpt")
    assert largest_difference(whole.players[player], rest.players[player]) == 0
    forgotten = torch.load(tmp_path / "half.ckpt", weights_only=True)
    forgotten["state_dict"]["regularizers.history._extra_state"] = {"mean": {}, "num": 0}
    torch.save(forgotten, tmp_path / "forgotten.ckpt")
    wrong = fit(game(player), resume=tmp_path / "forgotten.ckpt")
    assert largest_difference(whole.players[player], wrong.players[player]) > 0


def test_weight_that_is_trained_later_joins_the_history_and_a_frozen_one_leaves_it():
    regularizer, layer = HistoricalAverage(1.0, "generator"), nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    regularizer.project(layer)
    layer.bias.requires_grad_(True)
    layer.weight.requires_grad_(False)
    assert regularizer.penalty(layer, {}, torch.Generator()) == 0
    regularizer.project(layer)
    assert set(regularizer.get_extra_state()["mean"]) == {"bias"}


def test_each_of_several_critics_has_a_history_of_its_own():
    from games import SHAPE
    from ganworks.model import MLPDiscriminator

    critics = {name: MLPDiscriminator(SHAPE, width=4, depth=1) for name in ("one", "two")}
    task = fit(game(discriminator=critics, num_images=32))
    means = [
        each["history"].get_extra_state()["mean"]["layers.0.weight"]
        for each in task.critic_regularizers.values()
    ]
    assert len(means) == 2
    assert not torch.equal(*means)


def test_sharded_networks_and_unknown_players_are_refused():
    with pytest.raises(SettingError, match=r"trainer\.strategy=adversarial_fsdp.*regularizer\.history"):
        check_sharding(compose("data=ring"), game())
    with pytest.raises(SettingError, match="player=critic"):
        HistoricalAverage(player="critic")
