"""Critics: what their views show, their weights, losses and penalties, and state that moves with the training."""

from __future__ import annotations

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from games import BATCH, SHAPE, fit, largest_difference, make_task
from ganworks.augment import Augment
from ganworks.errors import SettingError
from ganworks.loss import Hinge
from ganworks.model import MLPDiscriminator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1, Regularizer
from ganworks.task import Beside, Critic, Frames, Smaller


def network() -> MLPDiscriminator:
    torch.manual_seed(3)
    return MLPDiscriminator(SHAPE, width=16, depth=2)


def test_frames_are_those_of_each_clip_without_repeats() -> None:
    clips = torch.arange(2 * 5.0).view(2, 1, 5, 1, 1).expand(2, 1, 5, 4, 4)
    frames = Frames(3)(clips, {}, keyed_rng(0))
    assert frames.shape == (6, 1, 4, 4)
    numbers = frames[:, 0, 0, 0].view(2, 3)
    assert all(len(set(row)) == 3 for row in numbers.tolist())
    assert set(numbers[0].tolist()) <= set(range(5))
    assert set(numbers[1].tolist()) <= set(range(5, 10))


def test_a_view_beside_the_source_and_a_smaller_one() -> None:
    sample, source = torch.rand(2, 3, 8, 8), torch.rand(2, 1, 8, 8)
    both = Beside()(sample, {"source": source}, keyed_rng(0))
    assert torch.equal(both, torch.cat([source, sample], 1))
    half = Smaller(2)(sample, {}, keyed_rng(0))
    assert torch.allclose(half[:, :, 0, 0], sample[:, :, :2, :2].mean((2, 3)))


def test_one_critic_by_name_trains_as_the_network_alone() -> None:
    alone = fit(make_task(discriminator=network(), regularizers={"r1": R1(weight=1.0)}))
    named = fit(make_task(discriminator=Critic(network()), regularizers={"r1": R1(weight=1.0)}))
    assert largest_difference(alone.generator, named.generator) == 0.0


def test_weights_of_two_equal_critics_add_up() -> None:
    still = {
        "generator": partial(torch.optim.SGD, lr=0.05),
        "discriminator": partial(torch.optim.SGD, lr=0.0),
    }
    halves = {name: Critic(network(), weight=0.5) for name in ("one", "other")}
    both = fit(make_task(discriminator=halves, optimizers=still))
    alone = fit(make_task(discriminator=network(), optimizers=still))
    assert largest_difference(both.generator, alone.generator) < 1e-12
    assert set(both.discriminator) == {"one", "other"}


def test_a_critic_has_its_own_loss_and_penalties() -> None:
    critics = {
        "plain": Critic(network()),
        "hinge": Critic(network(), loss=Hinge(), regularizers={"own": R1(weight=3.0)}),
    }
    task = fit(make_task(discriminator=critics, regularizers={"r1": R1(weight=1.0)}))
    terms = {name for name in task.scalars if name.startswith("train/discriminator/") and "/lr" not in name}
    assert {f"train/discriminator/{name}" for name in ("plain/adversarial", "plain/r1", "hinge/own")} <= terms
    assert "train/discriminator/hinge/r1" not in terms


def test_a_penalty_of_several_critics_has_a_state_for_each() -> None:
    critics = {"one": network(), "other": MLPDiscriminator(SHAPE, width=8, depth=1)}
    task = fit(make_task(discriminator=critics, regularizers={"mean": RunningMean()}))
    means = [task.state_dict()[f"critic_regularizers.{name}.mean.mean"] for name in critics]
    assert means[0] != means[1]


class RunningMean(Regularizer):
    """Keeps the logits of reals near their running mean."""

    def __init__(self) -> None:
        super().__init__(weight=1.0)
        self.register_buffer("mean", torch.zeros(()))

    def penalty(self, network: nn.Module, batch: dict[str, Tensor], rng: torch.Generator) -> Tensor:
        logits = batch["real_logits"].mean()
        self.mean.lerp_(logits.detach().to(self.mean), 0.5)
        return (logits - self.mean).square()


class Counting(Augment):
    """An augmentation whose state follows what it observes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("images", torch.zeros((), dtype=torch.long))

    def observe(self, real_logits: Tensor, num_images: int) -> None:
        self.images += num_images
        self.p.lerp_((real_logits > 0).float().mean().to(self.p), 0.1)


def test_an_augmentation_observes_every_discriminator_update_and_its_state_is_saved() -> None:
    task = fit(make_task(augment=Counting(), num_steps=4, n_critic=2))
    state = task.state_dict()
    assert state["augment.images"] == 4 * BATCH
    assert state["augment.p"] > 0


def test_an_augmentation_observes_once_an_update_however_many_critics_there_are() -> None:
    critics = {"one": network(), "other": network()}
    state = fit(make_task(discriminator=critics, augment=Counting(), num_steps=3)).state_dict()
    assert state["augment.images"] == 3 * BATCH


class Listener(pl.Callback):
    """Counts the backward passes that Lightning tells it of."""

    def __init__(self) -> None:
        self.num = 0

    def on_after_backward(self, *args: object) -> None:
        self.num += 1


def test_a_callback_that_listens_to_backward_is_told_in_a_second_fit_of_the_same_task_too() -> None:
    task = fit(make_task(num_steps=2))
    assert task.is_plain
    task.num_images += 2 * BATCH
    listener = Listener()
    fit(task, callbacks=[listener])
    assert not task.is_plain
    assert listener.num == 4  # two players, two batches


@pytest.mark.parametrize("weight", [-1.0, "much"])
def test_a_wrong_weight_is_named(weight: object) -> None:
    with pytest.raises(SettingError, match="weight="):
        Critic(network(), weight=weight)  # type: ignore[arg-type]


def test_a_critic_of_what_is_not_there_is_named() -> None:
    task = make_task(discriminator={"other": Critic(network(), fake="fake_source")})
    with pytest.raises(SettingError, match=r"model.discriminator.other.fake=fake_source: must be one of"):
        task.check({"real": torch.zeros(2, *SHAPE, dtype=torch.float64)}, SHAPE)


def test_the_check_leaves_weights_state_and_random_numbers_alone() -> None:
    task = make_task(regularizers={"mean": RunningMean()}, augment=Counting())
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    torch.manual_seed(0)
    task.check({"real": torch.zeros(2, *SHAPE, dtype=torch.float64)}, SHAPE)
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(before[name], tensor) for name, tensor in task.state_dict().items())


def test_a_generator_of_another_shape_and_a_critic_without_logits_are_named() -> None:
    with pytest.raises(SettingError, match=r"model\.generator"):
        make_task().check({"real": torch.zeros(2, 1, 4, 4, dtype=torch.float64)}, (1, 4, 4))

    class Silent(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"features": x}

    task = make_task(discriminator=nn.ModuleDict({"x": Silent()})["x"])
    with pytest.raises(SettingError, match="logits"):
        task.check({"real": torch.zeros(2, *SHAPE, dtype=torch.float64)}, SHAPE)
