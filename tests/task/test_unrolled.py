"""The generator's loss some updates ahead: against torch's own optimizers, finite differences, and the plain task."""

from __future__ import annotations

import copy
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from games import SHAPE, SharedTask, digits, fit, largest_difference, make_task
from ganworks.augment import InstanceNoise
from ganworks.errors import SettingError
from ganworks.loss import BCE, AdversarialLoss, RelativisticPairing
from ganworks.model import MLPDiscriminator
from ganworks.optimizer.ahead import StepsAhead
from ganworks.regularizer import R1
from ganworks.run.build import build_run
from ganworks.run.speed import check_sharding
from ganworks.task import LatentOptimisationTask, UnrolledTask
from running import compose

RULES: dict[str, Any] = {
    "sgd": partial(SGD, lr=0.3),
    "sgd with momentum and decay": partial(SGD, lr=0.2, momentum=0.8, dampening=0.1, weight_decay=0.1),
    "sgd of nesterov": partial(SGD, lr=0.2, momentum=0.8, nesterov=True),
    "adam": partial(Adam, lr=0.05, betas=(0.5, 0.9)),
    "adam with decay": partial(Adam, lr=0.05, weight_decay=0.1),
    "adamw": partial(AdamW, lr=0.05, betas=(0.0, 0.99), weight_decay=0.1),
}


class Unrolled(SharedTask, UnrolledTask):
    """The task in float64 with draws that do not depend on the rank."""


def unrolled(
    loss: AdversarialLoss | None = None, rule: str = "sgd", norm: str = "spectral", **kwargs: Any
) -> UnrolledTask:
    """A task whose discriminator's optimizer already has a state."""
    task = make_task(loss, discriminator=MLPDiscriminator(SHAPE, width=8, depth=1, norm=norm))
    settings = {
        "generator": task.generator,
        "discriminator": task.discriminator,
        "loss": task.loss,
        "ema": task.ema,
    }
    settings |= {
        "num_images": 96,
        "schedule": task.schedule,
        "optimizers": dict.fromkeys(task.roles, RULES[rule]),
    }
    task = Unrolled(**{**settings, **kwargs}).double()
    optimizer = RULES[rule](task.discriminator.parameters())
    for seed in range(2):
        set_gradients(task.discriminator, seed)
        optimizer.step()
    task.discriminator_optimizer = lambda: optimizer  # type: ignore[method-assign]
    return task


def set_gradients(network: nn.Module, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=rng, dtype=parameter.dtype)


def batch_of(task: UnrolledTask, num: int = 6) -> dict[str, Tensor]:
    real = next(iter(digits().train_dataloader()))["real"][:num].double()
    return {"real": real, **task.draw_noise(num)}


def copied(optimizer: Optimizer, before: nn.Module, rule: str) -> tuple[nn.Module, Optimizer]:
    """A copy of the discriminator with a copy of its optimizer."""
    network = copy.deepcopy(before)
    other = RULES[rule](network.parameters())
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return network, other


def loss_of_the_generator(task: UnrolledTask, batch: dict[str, Tensor], rule: str, fake: Tensor) -> Tensor:
    """The loss after updates that torch's optimizer makes of a copy of the discriminator."""
    network, optimizer = copied(task.discriminator_optimizer(), task.discriminator, rule)
    for _ in range(task.num_unroll):
        optimizer.zero_grad()
        task.loss.discriminator(network(batch["real"]), network(fake.detach())).backward()
        optimizer.step()
    network.requires_grad_(False)
    return task.loss.generator(network(fake), network(batch["real"]))


@pytest.mark.parametrize("rule", RULES)
def test_steps_ahead_equal_those_of_torch(rule: str) -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 2).double()
    optimizer = RULES[rule](network.parameters())
    for seed in range(5):
        ahead = StepsAhead(optimizer, dict(network.named_parameters()))
        values = {name: p.detach().clone() for name, p in network.named_parameters()}
        twin, other = copied(optimizer, network, rule)
        for step in range(3):
            set_gradients(twin, 10 * seed + step)
            other.step()
            values = ahead.step(values, {name: p.grad for name, p in twin.named_parameters()})
        for name, parameter in twin.named_parameters():
            assert torch.allclose(values[name], parameter, atol=1e-14)
        set_gradients(network, seed)
        optimizer.step()


@pytest.mark.parametrize("loss", [BCE(), RelativisticPairing()])
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_loss_and_gradient_without_the_updates_are_those_of_an_updated_copy(
    loss: AdversarialLoss, rule: str
) -> None:
    task = unrolled(loss, rule, num_unroll=3, through_updates=False)
    batch = batch_of(task)
    term = task.generator_terms(batch)["adversarial"]
    found = torch.autograd.grad(term, list(task.generator.parameters()))
    fake = task.generator(batch["latent"])
    expected = loss_of_the_generator(task, batch, rule, fake)
    assert term.item() == pytest.approx(expected.item(), abs=1e-12)
    for one, other in zip(
        found, torch.autograd.grad(expected, list(task.generator.parameters())), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_gradient_through_the_updates_equals_finite_differences(rule: str) -> None:
    """And the control: the gradient without the updates does not."""
    # Spectral norm takes its vectors for constants, which finite differences do not.
    task, slopes = unrolled(rule=rule, norm="none", num_unroll=2), []
    batch, weight = batch_of(task), task.generator.layers[0].weight
    along = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0), dtype=weight.dtype)
    for task.through_updates in (True, False):
        (gradient,) = torch.autograd.grad(task.generator_terms(dict(batch))["adversarial"], weight)
        slopes.append((gradient * along).sum().item())
    values = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            weight.add_(step * along)
            fake = task.generator(batch["latent"])
            weight.sub_(step * along)
        values.append(loss_of_the_generator(task, batch, rule, fake).item())
    expected = (values[0] - values[1]) / 2e-6
    assert slopes[0] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert slopes[1] != pytest.approx(expected, rel=1e-3)


def test_discriminator_its_buffers_and_its_optimizer_stay_as_they_are() -> None:
    task = unrolled(rule="adam", num_unroll=3, augment=InstanceNoise(0.1))
    state = copy.deepcopy(task.discriminator.state_dict())
    moments = copy.deepcopy(task.discriminator_optimizer().state_dict()["state"])
    task.discriminator.zero_grad()
    torch.stack(list(task.generator_terms(batch_of(task)).values())).sum().backward()
    assert len(state) > len(list(task.discriminator.parameters()))  # it has buffers
    assert all(torch.equal(value, state[name]) for name, value in task.discriminator.state_dict().items())
    for index, each in task.discriminator_optimizer().state_dict()["state"].items():
        assert all(torch.equal(value, moments[index][name]) for name, value in each.items())
    assert all(p.grad is None and p.requires_grad for p in task.discriminator.parameters())


def test_without_updates_ahead_training_equals_the_plain_task_to_the_bit() -> None:
    settings = {"regularizers": {"r1": R1(1.0)}, "augment": InstanceNoise(0.1)}
    plain = fit(make_task(**settings))
    same, other = (fit(as_unrolled(make_task(**settings), num)) for num in (0, 2))
    assert largest_difference(plain.generator, same.generator) == 0
    assert largest_difference(plain.discriminator, same.discriminator) == 0
    assert largest_difference(plain.generator, other.generator) > 1e-9


def as_unrolled(task: Any, num_unroll: int) -> UnrolledTask:
    """The same task, unrolled; its networks begin with the same weights."""
    names = ("generator", "loss", "ema", "num_images", "schedule", "augment")
    settings = {name: getattr(task, name) for name in names} | {"optimizers": task.optimizer_factories}
    critics = task.discriminator
    settings["discriminator"] = dict(critics.items()) if isinstance(critics, nn.ModuleDict) else critics
    settings["regularizers"] = dict(task.regularizers.items())
    return Unrolled(num_unroll=num_unroll, **settings).double()


def test_several_critics_are_unrolled_together() -> None:
    critics = {name: MLPDiscriminator(SHAPE, width=4, depth=1) for name in ("one", "two")}
    task = fit(as_unrolled(make_task(num_steps=2, discriminator=critics), 2))
    assert all(torch.isfinite(p).all() for p in task.parameters())


def test_optimizer_without_a_rule_is_refused_before_training() -> None:
    overrides = ["data=ring", "metric=none", "task=unrolled", "optimizer=rmsprop"]
    with pytest.raises(
        SettingError, match=r"optimizer.discriminator=RMSprop: must be torch.optim.SGD, Adam or AdamW"
    ):
        build_run(compose(*overrides))
    assert isinstance(build_run(compose(*overrides[:3])).task, UnrolledTask)
    with pytest.raises(SettingError, match="without amsgrad"):
        StepsAhead(Adam([nn.Parameter(torch.zeros(1))], amsgrad=True), {})
    with pytest.raises(SettingError):
        StepsAhead(RMSprop([nn.Parameter(torch.zeros(1))]), {})


@pytest.mark.parametrize("kind", [UnrolledTask, LatentOptimisationTask])
def test_sharded_networks_are_refused(kind):
    task = SimpleNamespace(can_be_sharded=kind.can_be_sharded, players={})
    with pytest.raises(SettingError, match=r"^trainer\.strategy=adversarial_fsdp.*needs whole networks"):
        check_sharding(compose("data=ring"), task)
