"""R1 and R2 of the loss's own pass: equal to passes of their own, with the same augmentation, and fewer of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from games import BATCH, LR, SHAPE, digits, fit, largest_difference, make_task
from ganworks.augment import Augment
from ganworks.errors import SettingError
from ganworks.loss import RelativisticPairing
from ganworks.model import MLPDiscriminator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1, R2
from ganworks.run.speed import check_shared_forward
from ganworks.task import AdversarialTask


class Counting(MLPDiscriminator):
    """Count the passes."""

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        self.num_passes = getattr(self, "num_passes", 0) + 1
        return super().forward(x, label)


class Scaled(Augment):
    """Scale every sample by a number of its own, so that the gradient with respect to the sample is scaled too."""

    def forward(self, x: Tensor, rng: torch.Generator) -> Tensor:
        return x * scales(len(x), rng)


def scales(num: int, rng: torch.Generator) -> Tensor:
    return 1 + torch.rand(num, 1, 1, 1, generator=rng, dtype=torch.float64)


def task_of(share: bool, num_steps: int = 5, **kwargs: Any) -> AdversarialTask:
    torch.manual_seed(3)
    settings = {
        "discriminator": Counting(SHAPE, width=16, depth=2),
        "regularizers": {"r1": R1(0.7), "r2": R2(0.4)},
    }
    return make_task(RelativisticPairing(), num_steps, share_forward=share, **{**settings, **kwargs})


def test_penalties_of_the_losss_own_pass_equal_those_of_their_own() -> None:
    own, shared = fit(task_of(False)), fit(task_of(True))
    assert largest_difference(own.discriminator, shared.discriminator) < 1e-12
    assert largest_difference(own.generator, shared.generator) < 1e-12
    assert shared.scalars["train/discriminator/r1"] == pytest.approx(own.scalars["train/discriminator/r1"])
    assert (own.discriminator.num_passes, shared.discriminator.num_passes) == (5 * 6, 5 * 4)


def test_lazy_and_accumulated_penalties_share_the_pass_of_the_updates_that_they_are_due_in() -> None:
    lazy = {"regularizers": {"r1": R1(0.7, every=2), "r2": R2(0.4)}, "accumulate": 2}
    own, shared = fit(task_of(False, **lazy)), fit(task_of(True, **lazy))
    assert largest_difference(own.discriminator, shared.discriminator) < 1e-12


def test_the_gradient_goes_through_the_augmentation_that_the_loss_was_taken_with() -> None:
    task = task_of(True, num_steps=1, augment=Scaled())
    discriminator, generator = copy.deepcopy(task.discriminator), task.generator
    real = next(iter(digits().train_dataloader()))["real"].double()
    latent = task.draw_noise(BATCH, lambda name: keyed_rng(0, 0, name, 0, 0))["latent"]
    fake = generator(latent).detach()
    loss, logits = torch.zeros((), dtype=torch.float64), {}
    for name, x, gamma in (("real", real, 0.7), ("fake", fake, 0.4)):
        x = x.clone().requires_grad_()
        logits[name] = discriminator(x * scales(BATCH, keyed_rng(0, 0, f"augment/{name}", 0, 0)))
        (gradient,) = torch.autograd.grad(logits[name].sum(), x, create_graph=True)
        loss = loss + gamma / 2 * gradient.square().sum((1, 2, 3)).mean()
    loss = loss + task.loss.discriminator(logits["real"], logits["fake"])
    parameters = list(discriminator.parameters())
    with torch.no_grad():
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter -= LR * gradient
    own = fit(task_of(False, num_steps=1, augment=Scaled()))
    fit(task)
    assert largest_difference(task.discriminator, discriminator) < 1e-12
    assert (
        largest_difference(own.discriminator, discriminator) > 1e-6
    )  # a pass of its own has draws of its own


@pytest.mark.parametrize("penalty", [R1(1.0), R2(1.0)])
def test_the_penalty_has_gradients_under_bf16_as_it_is(penalty: R1) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(), nn.Flatten(), nn.Linear(4 * 36, 1))
    x = torch.randn(8, 1, 8, 8).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = penalty.shared_penalty(x, network(x).squeeze(1))
    value.backward()
    exact = penalty.penalty(network, {"real": x, "fake": x}, torch.Generator())
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(exact.item(), rel=0.03)
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def config(**kwargs: Any) -> Any:
    task = {"share_forward": True, "share_precision": kwargs.pop("share_precision", "float32")}
    return OmegaConf.create({"task": task, "compile": False, "trainer": {"precision": "32-true"}, **kwargs})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"compile": True}, r"task.share_forward=True: must be false under compile=true"),
        (
            {"trainer": {"precision": "bf16-mixed"}},
            r"false under trainer.precision=bf16-mixed, or with task.share",
        ),
    ],
)
def test_what_a_shared_pass_cannot_go_with_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        check_shared_forward(config(**settings))


def test_half_precision_is_taken_as_it_is_by_those_who_say_so() -> None:
    check_shared_forward(config())
    check_shared_forward(config(trainer={"precision": "bf16-mixed"}, share_precision="as_is"))


def test_a_wrong_precision_is_named() -> None:
    with pytest.raises(SettingError, match=r"share_precision=bf16: must be one of float32, as_is"):
        task_of(True, share_precision="bf16")
