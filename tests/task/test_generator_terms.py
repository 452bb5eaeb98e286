"""What regularizers, losses and `top_k` add to the generator's terms."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.loss import BCE, AdversarialLoss, RelativisticPairing
from ganworks.model import MLPDiscriminator, MLPGenerator
from ganworks.optimizer import Constant
from ganworks.regularizer import Regularizer, squared_gradient_norm
from ganworks.schedule import Linear
from ganworks.task import AdversarialTask, ExponentialMovingAverage, View
from ganworks.task.critics import CriticsTask

SHAPE = (3,)


class Lesson(Regularizer):
    """The mean difference of a frozen critic's logits, on either side if it compares."""

    generator_weight = 0.5
    compares: ClassVar[bool] = True

    def generator_term(self, batch):
        assert batch["fake"].requires_grad
        assert torch.equal(batch["fake_label"], batch["label"])
        return batch["real_logits"].mean() - batch["fake_logits"].mean()


class Doubled(Regularizer):
    """Fakes whose gradient comes back twice as large."""

    player: ClassVar[str] = "generator"

    def through(self, fake):
        return 2 * fake - fake.detach()


class Counted(nn.Module, BCE):
    """A loss with state: how often it was asked."""

    def __init__(self):
        nn.Module.__init__(self)
        object.__setattr__(self, "label_smoothing", 0.0)
        self.register_buffer("num_calls", torch.tensor(0))

    __hash__ = nn.Module.__hash__

    def discriminator(self, real_logits, fake_logits):
        self.num_calls += 1
        return super().discriminator(real_logits, fake_logits)


@dataclass(frozen=True)
class OfLabels(AdversarialLoss):
    """A loss that reads more than logits."""

    def discriminator(self, real_logits, fake_logits):
        raise AssertionError

    generator = discriminator

    def discriminator_of(self, real, fake):
        return real["logits"][real["label"] == 0].mean() - fake["logits"].mean()

    def generator_of(self, fake, real=None):
        return (fake["logits"] * fake["label"]).mean()


def make(loss=None, discriminator=None, regularizers=None, **kwargs):
    torch.manual_seed(0)
    return AdversarialTask(
        generator=MLPGenerator(SHAPE, 2, 3, width=4, depth=1),
        discriminator=discriminator or MLPDiscriminator(SHAPE, 0, width=4),
        loss=loss or BCE(),
        ema=ExponentialMovingAverage(0),
        regularizers=regularizers,
        num_images=100,
        optimizers={role: lambda p: torch.optim.SGD(p, lr=0.1) for role in ("generator", "discriminator")},
        schedule=Constant(),
        seed=0,
        **kwargs,
    )


def batch_of(num=6):
    torch.manual_seed(1)
    return {
        "real": torch.randn(num, *SHAPE),
        "label": torch.arange(num) % 3,
        "latent": torch.randn(num, 2),
    }


def test_regularizer_of_the_discriminator_teaches_the_generator_through_the_frozen_critic():
    task, batch = make(regularizers={"lesson": Lesson()}), batch_of()
    terms = task.generator_terms(batch)
    real, fake = task.discriminator(batch["real"]), task.discriminator(batch["fake"])
    assert terms["lesson"].item() == pytest.approx(0.5 * (real.mean() - fake.mean()).item(), rel=1e-5)
    terms["lesson"].backward()
    assert all(p.grad is None for p in task.discriminator.parameters())
    assert any(p.grad is not None for p in task.generator.parameters())


def test_through_changes_the_gradient_and_no_value():
    plain, task = make(), make(regularizers={"doubled": Doubled()})
    grads = []
    for each in (plain, task):
        term = each.generator_terms(batch_of())["adversarial"]
        term.backward()
        grads.append((term.item(), next(each.generator.parameters()).grad))
    assert grads[0][0] == pytest.approx(grads[1][0])
    assert torch.allclose(2 * grads[0][1], grads[1][1])


def test_loss_with_state_is_part_of_the_checkpoint_and_each_of_several_critics_has_its_own():
    task = make(loss=Counted())
    task.discriminator_terms(batch_of())
    assert task.state_dict()["loss.num_calls"] == 1
    critics = {name: MLPDiscriminator(SHAPE, 0, width=4) for name in ("one", "two")}
    task = make(loss=Counted(), discriminator=critics)
    task.discriminator_terms(batch_of())
    assert task.state_dict()["critic_losses.two.num_calls"] == 1
    assert task.state_dict()["loss.num_calls"] == 0


def test_loss_may_read_all_that_a_critic_says():
    task, batch = make(loss=OfLabels()), batch_of()
    real = task.discriminator(batch["real"])
    loss = task.discriminator_terms(batch)["adversarial"]
    fake = task.discriminator(batch["fake"])
    assert torch.allclose(loss, real[batch["label"] == 0].mean() - fake.mean())
    assert torch.allclose(task.generator_terms(batch)["adversarial"], (fake * batch["label"]).mean())


@pytest.mark.parametrize("loss", [BCE(), RelativisticPairing()])
def test_generator_learns_from_the_best_of_its_fakes_alone(loss):
    task, batch = make(loss=loss, top_k=0.5), batch_of()
    term = task.generator_terms(batch)["adversarial"]
    real, fake = task.discriminator(batch["real"]), task.discriminator(batch["fake"])
    best = fake.argsort(descending=True)[:3]
    assert torch.allclose(term, loss.generator(fake[best], real[best]))
    (gradient,) = torch.autograd.grad(term, batch["fake"])
    assert torch.equal(gradient.abs().sum(1) > 0, torch.isin(torch.arange(6), best))


def test_share_of_the_best_follows_its_schedule():
    task = make(top_k=Linear(1.0, 0.5))
    said = {"logits": torch.arange(6.0)}
    assert task.top_rows(said, {})[0] is said
    task.images_seen = 100
    assert task.top_rows(said, {})[0]["logits"].tolist() == [5.0, 4.0, 3.0]


@pytest.mark.parametrize("share", [0, 0.0, 1.5, Linear(1.0, 0.0)])
def test_share_of_none_and_beyond_one_is_refused(share):
    with pytest.raises(SettingError, match="top_k"):
        make(top_k=share)


def test_gradient_norms_of_packs_are_those_of_the_whole_pack():
    x = torch.randn(6, 4, dtype=torch.float64)
    network = nn.Sequential(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    packed = squared_gradient_norm(lambda x: network(x.reshape(3, 8))[:, 0], x)
    plain = squared_gradient_norm(lambda x: network(x)[:, 0], x.reshape(3, 8))
    assert torch.allclose(packed, plain)


def test_regularizer_may_change_the_view_of_its_critic():
    class Half(View):
        def __call__(self, sample, batch, rng):
            return sample / 2

    class Halved(Regularizer):
        def equip(self, critic):
            return replace(critic, view=Half())

    task, batch = make(regularizers={"halved": Halved()}), batch_of()
    assert isinstance(task, CriticsTask)
    said = task.discriminate(task.critics[0], batch["real"], batch, "label", "real")
    assert torch.equal(said["logits"], task.discriminator(batch["real"] / 2))
