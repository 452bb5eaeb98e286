"""The generator's own batch: reals, latents, images counted once, logs, resume in the middle of a turn."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from games import BATCH, LR, digits, fit, largest_difference, make_task, mixed_styles
from ganworks.callback import Doctor
from ganworks.loss import RelativisticPairing
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1, R2
from ganworks.task import AdversarialTask

PLAIN = {
    "accelerator": "cpu", "max_epochs": -1, "logger": False, "enable_checkpointing": False,
    "enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1,
}  # fmt: skip


def fresh_task(num_turns: int = 4, n_critic: int = 2, **kwargs: object) -> AdversarialTask:
    regularizers = {"r1": R1(0.5), "r2": R2(0.5, every=3)}
    return make_task(
        RelativisticPairing(), num_turns * n_critic, n_critic=n_critic, fresh_batch=True,
        regularizers=regularizers, **kwargs,
    )  # fmt: skip


def descend(network: nn.Module, loss: torch.Tensor) -> None:
    parameters = list(network.parameters())
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter -= LR * gradient


def naive_loop(task: AdversarialTask, num_turns: int, n_critic: int) -> tuple[nn.Module, nn.Module]:
    """Train copies: n_critic batches for D, then new reals and new latents for G."""
    generator, discriminator = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
    batches, loss, position, num_updates = iter(digits().train_dataloader()), task.loss, 0, 0
    for _ in range(num_turns):
        for part in range(n_critic + 1):
            real = next(batches)["real"].double()
            at = position
            latent = task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, at, 0))["latent"]  # noqa: B023
            position += 1
            if part == n_critic:
                descend(generator, loss.generator(discriminator(generator(latent)), discriminator(real)))
                continue
            fake = generator(latent).detach()
            value = loss.discriminator(discriminator(real), discriminator(fake))
            for name, regularizer in task.regularizers.items():
                if num_updates % regularizer.every == 0:
                    penalty = regularizer.penalty(
                        discriminator, {"real": real, "fake": fake}, keyed_rng(0, 0, name, at, 0)
                    )
                    value = value + 0.5 * regularizer.every * penalty
            descend(discriminator, value)
            num_updates += 1
    return generator, discriminator


@pytest.mark.parametrize("n_critic", [1, 2])
def test_the_generators_own_batch_equals_a_hand_written_loop(n_critic: int) -> None:
    task = fresh_task(4, n_critic)
    generator, discriminator = naive_loop(task, 4, n_critic)
    fit(task)
    assert largest_difference(task.generator, generator) < 1e-12
    assert largest_difference(task.discriminator, discriminator) < 1e-12


def test_images_are_counted_once_and_the_run_ends_with_a_generator_update() -> None:
    task = fit(fresh_task(num_turns=4, n_critic=2))
    assert (task.images_seen, task.num_steps, task.trainer.global_step) == (8 * BATCH, 12, 4)


def test_both_players_are_in_one_row_of_the_log() -> None:
    assert {
        "train/discriminator/adversarial", "train/generator/adversarial", "train/discriminator/r1",
        "train/discriminator/gradient_norm", "train/generator/gradient_norm",
    } <= set(fit(fresh_task()).scalars)  # fmt: skip


class StopAfter(pl.Callback):
    def __init__(self, num_batches: int) -> None:
        self.num_batches = num_batches

    def on_train_batch_end(self, trainer: pl.Trainer, task: AdversarialTask, *args: object) -> None:  # type: ignore[override]
        trainer.should_stop = trainer.should_stop or task.num_steps == self.num_batches


@pytest.mark.parametrize("num_batches", [3, 5])
def test_a_run_that_stops_in_the_middle_of_a_turn_goes_on_to_the_bit(
    num_batches: int, tmp_path: Path
) -> None:
    whole = fit(fresh_task())
    trainer = pl.Trainer(callbacks=[StopAfter(num_batches)], **PLAIN)
    first = fresh_task()
    trainer.fit(first, digits())
    assert first.num_steps == num_batches
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    task = fresh_task()
    pl.Trainer(**PLAIN).fit(task, digits(), ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert largest_difference(whole.generator, task.generator) == 0
    assert largest_difference(whole.discriminator, task.discriminator) == 0
    assert (task.images_seen, task.num_steps) == (whole.images_seen, whole.num_steps)


def test_the_doctor_looks_at_a_whole_turn() -> None:
    task = fresh_task(num_turns=3)
    seen: list[dict[str, float]] = []
    task.log_scalars = seen.append  # type: ignore[method-assign]
    fit(task, callbacks=[Doctor()])
    rows = [row for row in seen if "doctor/generator_gradient_norm" in row]
    assert len(rows) == 3
    assert all(row["doctor/generator_gradient_norm"] > 0 for row in rows)
    assert all(row["doctor/discriminator_gradient_norm"] > 0 for row in rows)


def test_the_plan_says_how_a_turn_is_made() -> None:
    assert (
        fresh_task().describe()["turn"] == "batches of the discriminator: 2, then one of the generator's own"
    )


@pytest.mark.parametrize(
    ("settings", "num"),
    [
        ({}, 3),
        ({"fresh_batch": True}, 3),
        ({"lazy_step": True}, 3),
        ({"accumulate": 2}, 6),
        ({"accumulate": 2, "fresh_batch": True}, 6),
    ],
    ids=str,
)
def test_the_mean_of_w_moves_once_an_update_of_the_generator_and_part(
    settings: dict, num: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[int] = []
    monkeypatch.setattr("ganworks.model.style.StyleGenerator.follow", lambda self, w: moves.append(len(w)))
    fit(make_task(num_steps=6, n_critic=2, **mixed_styles(), **settings))
    assert moves == [3 * BATCH // num] * num
