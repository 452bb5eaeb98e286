"""Penalties in optimizer steps of their own, against a loop written by hand; the correction; resume to the bit."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from games import BATCH, LR, digits, fit, largest_difference, make_task, mixed_styles
from ganworks.augment import Ada
from ganworks.errors import SettingError
from ganworks.loss import BCE
from ganworks.noise import keyed_rng
from ganworks.optimizer import Cosine
from ganworks.regularizer import R1, R2, Regularizer
from ganworks.task import AdversarialTask, Phase
from ganworks.task.rates import correction_of, set_rates
from running import differences

STEPS = 6
ADAM = partial(torch.optim.Adam, lr=LR / 10, betas=(0.5, 0.99))


class Reach(Regularizer):
    """The mean square of what the generator makes of latents of its own: a stand-in for the path length."""

    player = "generator"
    reads_fakes = False

    def penalty(self, network: Callable[..., Any], batch: dict[str, Tensor], rng: torch.Generator) -> Tensor:
        latent = torch.randn(4, 4, generator=rng).double()
        return network(latent).square().mean()


class Brightness(Regularizer):
    """The mean of the batch's own fakes, which need their graph."""

    player = "generator"

    def penalty(self, network: Callable[..., Any], batch: dict[str, Tensor], rng: torch.Generator) -> Tensor:
        assert batch["fake"].requires_grad
        return batch["fake"].mean()


def penalties(**more: Regularizer) -> dict[str, Regularizer]:
    return {"r1": R1(weight=2.0, every=3), "r2": R2(weight=1.0, every=3), **more}


def lazy_task(**kwargs: Any) -> AdversarialTask:
    optimizers = dict.fromkeys(("generator", "discriminator"), ADAM)
    settings = {"regularizers": penalties(reach=Reach(0.5, every=2)), "optimizers": optimizers}
    return make_task(num_steps=STEPS, lazy_step=True, **{**settings, **kwargs})


def naive_loop(task: AdversarialTask) -> tuple[nn.Module, nn.Module]:
    """Train copies as StyleGAN2's appendix B says, in this order: D, its R1 and R2, G, its own penalty."""
    generator, discriminator = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
    adams = {}
    for network, c in ((generator, 2 / 3), (discriminator, 3 / 4)):
        adams[network] = torch.optim.Adam(network.parameters(), lr=LR / 10 * c, betas=(0.5**c, 0.99**c))
    loss, regularizers = BCE(), task.regularizers
    batches = iter(digits().train_dataloader())

    def descend(network: nn.Module, value: Tensor) -> None:
        adams[network].zero_grad()
        value.backward()
        adams[network].step()

    for step in range(STEPS):
        real = next(batches)["real"].double()
        latent = task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, step, 0))["latent"]  # noqa: B023
        fake = generator(latent).detach()
        descend(discriminator, loss.discriminator(discriminator(real), discriminator(fake)))
        if step % 3 == 0:
            batch = {"real": real, "fake": fake}
            r1, r2 = (regularizers[name].penalty(discriminator, batch, None) for name in ("r1", "r2"))
            descend(discriminator, 3 * (2.0 * r1 + 1.0 * r2))
        descend(generator, loss.generator(discriminator(generator(latent))))
        if step % 2 == 0:
            reach = regularizers["reach"].penalty(generator, {}, keyed_rng(0, 0, "reach", step, 0))
            descend(generator, 2 * 0.5 * reach)
    return generator, discriminator


def test_lazy_steps_equal_a_hand_written_loop() -> None:
    task = lazy_task()
    generator, discriminator = naive_loop(task)
    fit(task)
    assert largest_difference(task.generator, generator) < 1e-12
    assert largest_difference(task.discriminator, discriminator) < 1e-12
    assert task.trainer.global_step == STEPS  # lazy steps are not counted


def test_without_the_correction_the_weights_are_other_ones() -> None:
    task = lazy_task()
    generator, _ = naive_loop(task)
    task.corrections = {}
    assert largest_difference(fit(task).generator, generator) > 1e-6


def test_a_generators_lazy_penalty_may_read_fakes_with_their_graph() -> None:
    task = fit(lazy_task(regularizers={"brightness": Brightness(1.0, every=2)}))
    assert task.corrections == {"generator": pytest.approx(2 / 3)}


def test_accumulated_parts_give_the_lazy_gradient_of_the_whole_batch() -> None:
    whole, parts = (fit(lazy_task(regularizers=penalties(), accumulate=num)) for num in (1, 4))
    assert largest_difference(whole.discriminator, parts.discriminator) < 1e-12


def resumed(make: Callable[[], AdversarialTask], folder: Path, at: int, **changed: Any) -> AdversarialTask:
    """Return a task that stopped after ``at`` generator updates and went on from its checkpoint."""
    plain = {
        "accelerator": "cpu", "max_epochs": -1, "logger": False, "enable_checkpointing": False,
        "enable_progress_bar": False, "enable_model_summary": False, "log_every_n_steps": 1,
    }  # fmt: skip
    trainer = pl.Trainer(max_steps=at, **plain)
    trainer.fit(make(), digits())
    trainer.save_checkpoint(folder / "last.ckpt")
    task = make()
    pl.Trainer(**plain).fit(task, digits(), ckpt_path=folder / "last.ckpt", weights_only=True)
    return task


def test_a_resumed_run_with_lazy_steps_schedule_and_phase_equals_the_uninterrupted_one(
    tmp_path: Path,
) -> None:
    def make() -> AdversarialTask:
        phases = {"slow": Phase(share=0.5, rates={"discriminator": 0.5})}
        return lazy_task(schedule=Cosine(lr_end=0.25, beta2_end=0.999, num_images=3 * BATCH), phases=phases)

    whole, task = fit(make()), resumed(make, tmp_path, at=3)
    assert largest_difference(whole.generator, task.generator) == 0
    assert largest_difference(whole.discriminator, task.discriminator) == 0


def test_a_resumed_run_with_ada_path_length_mixed_styles_and_lazy_steps_equals_the_uninterrupted_one(
    tmp_path: Path,
) -> None:
    def make() -> AdversarialTask:
        styles = mixed_styles()
        styles["regularizers"] |= {"r1": R1(1.0, every=2)}
        ada = Ada(target=-1.0, adjust_images=4 * BATCH, every=1)
        return lazy_task(augment=ada, **styles)

    whole, task = fit(make()), resumed(make, tmp_path, at=3)
    state = whole.state_dict()
    assert whole.augment.p > 0
    assert state["regularizers.path_length.mean_length"] > 0
    assert state["generator.w_mean"].any()
    assert differences(state, task.state_dict()) == []
    assert differences(*([o.state_dict() for o in each.trainer.optimizers] for each in (whole, task))) == []


def settings(optimizer: torch.optim.Optimizer) -> list[float]:
    return [optimizer.param_groups[0]["lr"], *optimizer.param_groups[0]["betas"]]


def test_the_correction_comes_on_top_of_schedule_and_phase_and_leaves_no_trace() -> None:
    optimizer = torch.optim.Adam(nn.Linear(2, 1).parameters(), lr=2e-3, betas=(0.0, 0.99))
    c, schedule = correction_of(16), Cosine(lr_end=0.5, beta2_end=0.999)
    for progress in (0.3, 0.0):
        set_rates(optimizer, schedule, progress, factor=0.5, correction=c)
    assert settings(optimizer) == pytest.approx([2e-3 * 0.5 * 16 / 17, 0.0, 0.99 ** (16 / 17)])
    set_rates(optimizer, schedule, 1.0, correction=c)
    assert settings(optimizer) == pytest.approx([1e-3 * c, 0.0, 0.999**c])
    set_rates(optimizer, schedule, 0.0)
    assert settings(optimizer) == [2e-3, 0.0, 0.99]


def test_the_plan_says_what_takes_steps_of_its_own_and_the_correction() -> None:
    lines = lazy_task().describe()
    assert lines["discriminator's lazy step"] == (
        "r1, r2 in every 3 updates; learning rate x 0.75, betas to the power of it"
    )
    assert lines["generator's lazy step"].startswith("reach in every 2 updates; learning rate x 0.6667")
    assert not any("lazy" in name for name in make_task(regularizers=penalties()).describe())


def test_penalties_of_a_player_with_different_intervals_are_refused() -> None:
    regularizers = {"r1": R1(1.0, every=4), "r2": R2(1.0, every=8)}
    with pytest.raises(
        SettingError, match=r"lazy_step=true: must be false, or one `every` .*r1 every 4, r2 every 8"
    ):
        lazy_task(regularizers=regularizers)
    # Those of every update stay in the player's own step, and each player has its own interval.
    lazy_task(regularizers={"r1": R1(1.0, every=4), "r2": R2(1.0), "reach": Reach(1.0, every=8)})


def test_nothing_lazy_changes_nothing_to_the_bit() -> None:
    regularizers = {"r1": R1(1.0), "r2": R2(1.0)}
    lazy, plain = (fit(make_task(regularizers=regularizers, lazy_step=each)) for each in (True, False))
    assert largest_difference(lazy.discriminator, plain.discriminator) == 0
    assert largest_difference(lazy.generator, plain.generator) == 0


def test_terms_of_lazy_steps_are_logged_under_their_names() -> None:
    task = fit(make_task(num_steps=1, lazy_step=True, regularizers=penalties()))
    assert {
        "train/discriminator/r1",
        "train/discriminator/r2",
        "train/discriminator/lazy_gradient_norm",
    } < set(task.scalars)
