"""Generators of several levels: what their critics see, and what the generator learns."""

import pytest
import torch

from games import make_task
from ganworks.augment import Color, Compose, Cutout
from ganworks.errors import SettingError
from ganworks.loss import RelativisticPairing
from ganworks.model import TransformerDiscriminator, TransformerGenerator
from ganworks.noise import keyed_rng
from ganworks.regularizer import Alignment, LevelConsistency, R2Approx
from ganworks.task import Critic, Levels, LevelsTask
from running import checkpoint, differences, train, train_on

SHAPE = (2, 4, 4)
SIZES = {"depth": 4, "width": 8, "num_heads": 2}
OPTIONS = ["model=transformer_levels", "task=levels", "loss=r3gan", "regularizer=r1_r2_approx"]
SMALL = ["model.depth=4", "model.num_heads=2", "data.batch_size=16", "callback.checkpoint.every_images=32"]
SMALL += ["+model.discriminator.network.head_width=8"]  # 2,048 make 8 million weights
RUN = [*OPTIONS, *SMALL, "augment=diffaugment"]


def task_of_levels(per_level=False, base=0.125, target_dim=0, **settings):
    base_task = make_task()
    network = TransformerDiscriminator(
        SHAPE, **SIZES, num_levels=4, per_level=per_level, head_width=8, target_dim=target_dim
    )
    critic = Critic(network, Levels(2, base=base), fake="levels")
    made = LevelsTask(
        generator=TransformerGenerator(SHAPE, 4, **SIZES),
        discriminator=critic,
        loss=RelativisticPairing(),
        optimizers=base_task.optimizer_factories,
        schedule=base_task.schedule,
        ema=base_task.ema,
        num_images=64,
        **settings,
    )
    made.rng = lambda stream: keyed_rng(0, stream)
    return made


def batch_of(task):
    return {"real": torch.randn(6, *SHAPE, generator=keyed_rng(3)), **task.draw_noise(6)}


def test_noise_of_a_level_has_its_variance_and_is_nested():
    view = Levels(1)
    assert view.times == pytest.approx([0.885, 0.76, 0.51, 0.01])
    image = torch.full((1, 1, 200, 200), 2.0)
    shown = view(image, {}, keyed_rng(0))[0]
    noise = [x - (1 - t) * 2 for x, t in zip(shown, view.times, strict=True)]
    for k, t in enumerate(view.times):
        assert noise[k].std().item() == pytest.approx(t, rel=0.02)
        assert noise[k].mean().item() == pytest.approx(0, abs=0.02 * t)
    for k in range(3):  # e_k is what a cleaner level has, scaled as the image is, and independent noise
        share = (1 - view.times[k]) / (1 - view.times[k + 1])
        top_up = noise[k] - share * noise[k + 1]
        assert (top_up * noise[k + 1]).mean().abs() < 0.02 * top_up.std() * noise[k + 1].std()
        assert top_up.var() < noise[k].var()
    free = torch.cat([t * torch.randn(1, 200, 200) for t in view.times])  # noise of its own for each level
    assert (noise[1] * noise[2]).mean() > 20 * (free[1] * free[2]).mean().abs()


def test_a_real_image_is_every_level_and_a_fake_has_its_own():
    view = Levels(2, base=None)
    real, levels = torch.randn(3, 2, 4, 4), torch.randn(3, 8, 4, 4)
    assert torch.equal(view(real, {}, keyed_rng(0)), real.repeat(1, 4, 1, 1))
    assert torch.equal(view(levels, {}, keyed_rng(0)), levels)


def test_all_levels_are_augmented_alike():
    task = task_of_levels(augment=Compose(color=Color(), cutout=Cutout()))
    image = torch.randn(5, *SHAPE)
    alone = task.augmented(image, "fake")
    assert torch.equal(task.augmented(image.repeat(1, 4, 1, 1), "fake"), alone.repeat(1, 4, 1, 1))
    assert not torch.equal(alone, task.augmented(image, "real"))


@pytest.mark.parametrize(("per_level", "shape"), [(False, (6,)), (True, (6, 4))])
def test_losses_are_the_pairing_of_what_the_critic_says_of_the_levels(per_level, shape):
    task = task_of_levels(per_level, base=None)
    batch = batch_of(task)
    terms = task.discriminator_terms(batch)
    levels = task.generator(batch["latent"], levels=True)
    network = task.critics[0].network
    fake, real = network(levels), network(batch["real"].repeat(1, 4, 1, 1))
    assert fake.shape == shape
    expected = torch.nn.functional.softplus(fake - real).mean()
    assert terms["adversarial"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.equal(batch["fake"], levels[:, -2:])


def test_consistency_pulls_the_earlier_levels_and_not_the_last():
    task = task_of_levels(consistency=3.0)
    batch = batch_of(task)
    levels = task.fakes(batch, with_graph=True) is not None and batch["levels"]
    term = task.generator_terms(batch)["consistency"]
    parts = [levels[:, 2 * k : 2 * k + 2] for k in range(4)]
    expected = 3 * sum((part - parts[3]).square().mean() for part in parts[:3])
    assert term.item() == pytest.approx(expected.item(), rel=1e-5)
    (slope,) = torch.autograd.grad(term, levels)
    assert (slope[:, 6:] == 0).all()
    assert (slope[:, :6] != 0).any()


def test_consistency_is_the_regularizer_of_the_same_name():
    setting, named = (
        task_of_levels(consistency=3.0),
        task_of_levels(regularizers={"c": LevelConsistency(3.0)}),
    )
    terms = [task.generator_terms(batch_of(task)) for task in (setting, named)]
    assert torch.equal(terms[0]["consistency"], terms[1]["c"])
    with pytest.raises(SettingError, match="task=levels"):
        LevelConsistency().penalty(None, {"fake": torch.zeros(2, *SHAPE)}, keyed_rng(0))


def test_approximate_r2_moves_each_level_by_its_own_noise():
    task, seen = task_of_levels(), []
    batch = {"real": torch.zeros(2, *SHAPE), "fake": torch.zeros(2, 8, 4, 4)}
    R2Approx(1.0).penalty(lambda x: seen.append(x) or x.sum((1, 2, 3)), batch, keyed_rng(0))
    first, second = seen[0][:, :2], seen[0][:, 2:4]
    assert not torch.equal(first, second)
    assert task.critics[0].fake == "levels"


@pytest.mark.parametrize("is_aligned", [True, False])
def test_alignment_is_the_distance_of_cosines_to_a_frozen_network(is_aligned):
    task = task_of_levels(target_dim=3, base=None)
    (critic,) = task.critics
    real = batch_of(task)["real"]
    tokens = critic.network(real.repeat(1, 4, 1, 1))["tokens"].detach()
    target = 2 * tokens if is_aligned else torch.randn(tokens.shape, generator=keyed_rng(5))
    term = Alignment(lambda x: target)
    found = task.penalties({"align": term}, 0, {"real": real, "fake": real}, critic)["align"]
    cosines = (tokens * target).sum(-1) / tokens.norm(dim=-1) / target.norm(dim=-1)
    expected = (1 - cosines[:, 0]).mean() + (1 - cosines[:, 1:]).mean()
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)
    assert (found.item() < 1e-5) == is_aligned
    assert not list(term.parameters())


def test_alignment_sees_the_draws_of_the_discriminator_and_its_network_stays_frozen():
    task = task_of_levels(target_dim=3, base=None, augment=Compose(color=Color()))
    (critic,) = task.critics
    frozen, seen, real = torch.nn.Conv2d(2, 3, 2, 2), [], batch_of(task)["real"]

    class Features(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = frozen

        def forward(self, x):
            seen.append(x)
            tokens = self.layer(x).flatten(2).mT
            return torch.cat([tokens.mean(1, keepdim=True), tokens], 1)

    term = Alignment(Features())
    task.penalties({"align": term}, 0, {"real": real, "fake": real}, critic)["align"].backward()
    assert torch.equal(seen[0], task.augmented(real, "align"))
    assert frozen.weight.grad is None
    assert critic.network.align[0].weight.grad.abs().max() > 0
    assert not term.state_dict()


def test_alignment_names_a_discriminator_without_tokens():
    task = task_of_levels()
    (critic,) = task.critics
    real = batch_of(task)["real"]
    with pytest.raises(SettingError, match="target_dim"):
        task.penalties({"align": Alignment(torch.nn.Identity())}, 0, {"real": real, "fake": real}, critic)


def test_a_generator_without_levels_is_refused_by_name():
    make = make_task()
    parts = {
        "generator": make.generator,
        "discriminator": make.discriminator,
        "loss": make.loss,
        "ema": make.ema,
    }
    rest = {"optimizers": make.optimizer_factories, "schedule": make.schedule, "num_images": 1}
    with pytest.raises(SettingError, match=r"model=transformer"):
        LevelsTask(**parts, **rest)


@pytest.mark.parametrize(
    "supervision", [[], ["model.per_level=true", "model.noise=null", "task.consistency=1"]]
)
def test_a_resumed_run_of_levels_ends_as_one_that_went_on(supervision, tmp_path):
    conditional = ["model.conditional=true", *supervision]
    train(tmp_path / "whole", *RUN, *conditional, "num_images=64")
    train(tmp_path / "parts", *RUN, *conditional, "num_images=64", "trainer.max_steps=2")
    train_on(tmp_path / "parts", "trainer.max_steps=-1")
    assert not differences(
        checkpoint(tmp_path / "whole")["state_dict"], checkpoint(tmp_path / "parts")["state_dict"]
    )
