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
from ganworks.regularizer import R1, R2, R1Approx, R2Approx
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


def approximate(**settings: Any) -> dict[str, Any]:
    return {"r1": R1Approx(0.7, sigma=0.1, **settings), "r2": R2Approx(0.4, sigma=0.1, **settings)}


@pytest.mark.parametrize(
    ("settings", "num_own", "num_shared"),
    [({}, 8, 6), ({"share": 0.5}, 8, 6), ({"central": True}, 8, 8)],
)
def test_finite_differences_take_the_losss_logits_for_one_side(
    settings: dict[str, Any], num_own: int, num_shared: int
) -> None:
    tasks = [fit(task_of(share, regularizers=approximate(**settings))) for share in (False, True)]
    assert largest_difference(tasks[0].discriminator, tasks[1].discriminator) < 1e-12
    assert [task.discriminator.num_passes for task in tasks] == [5 * num_own, 5 * num_shared]


def test_finite_differences_see_the_samples_as_the_loss_saw_them() -> None:
    # Other draws of the augmentation on the second side would be penalised as if they were the critic's slope.
    found, exact = (
        fit(task_of(True, 1, regularizers={"r1": r1}, augment=Scaled())).scalars["train/discriminator/r1"]
        for r1 in (R1Approx(0.7, sigma=1e-4), R1(0.7))
    )
    assert exact / 4 < found < exact * 4  # one draw of 16 samples
    critic, x = lambda x: x.flatten(1).sum(1), torch.randn(16, 1, 4, 4)
    others = critic(x * scales(16, keyed_rng(0)))
    assert R1Approx(0.7, sigma=1e-4).penalty_of_pass(critic, x, others, keyed_rng(0)) > 1e4 * 16 / 2


def test_finite_differences_of_a_conditional_critic_are_told_the_labels_of_their_side() -> None:
    labels = []

    class Told(MLPDiscriminator):
        def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
            labels.append(label)
            return super().forward(x, label)

    networks = {"discriminator": Told(SHAPE, 10, width=16, depth=2)}
    fit(task_of(True, 1, regularizers=approximate(), **networks))
    of_real, of_fake, real_again, fake_again = labels[:4]
    assert torch.equal(of_real, real_again)
    assert torch.equal(of_fake, fake_again)


@pytest.mark.parametrize("full", [True, False])
def test_beside_half_precision_both_sides_are_taken_anew_in_float32_unless_told_otherwise(full: bool) -> None:
    calls = []
    network = lambda x: calls.append(len(x)) or x.flatten(1).sum(1)  # noqa: E731
    penalty, x = R1Approx(1.0, full_precision=full), torch.randn(8, 1, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        penalty.penalty_of_pass(network, x, x.flatten(1).sum(1), torch.Generator().manual_seed(0))
    assert len(calls) == (2 if full else 1)


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
        check_shared_forward(config(**settings), task_of(True))
    check_shared_forward(config(**settings), task_of(True, regularizers={"r1": R1Approx(1.0)}))


def test_half_precision_is_taken_as_it_is_by_those_who_say_so() -> None:
    check_shared_forward(config(), task_of(True))
    check_shared_forward(config(trainer={"precision": "bf16-mixed"}, share_precision="as_is"), task_of(True))


def test_a_wrong_precision_is_named() -> None:
    with pytest.raises(SettingError, match=r"share_precision=bf16: must be one of float32, as_is"):
        task_of(True, share_precision="bf16")
