"""A flow, and the one-step generators that are distilled from it: what they begin with, learn, resume and refuse."""

import shutil

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from ganworks import load_generator
from ganworks.errors import GanworksError, SettingError
from ganworks.loss import RelativisticPairing
from ganworks.model import FlowGenerator, MLPDiscriminator, ScorePair, TeacherHeads, VelocityMLP
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.regularizer import R1, R1Approx
from ganworks.run.teacher import network_of, newest, read_teacher, teach
from ganworks.task import (
    Chain,
    Critic,
    DistilTask,
    ExponentialMovingAverage,
    FlowTask,
    MatchingTask,
    Noised,
    Smaller,
)
from running import checkpoint, differences, train, train_on

SHAPE, SIZES = (1, 8, 8), {"width": 8, "depth": 2}
TINY = [
    "model.depth=2",
    "num_images=192",
    "callback.checkpoint.every_images=64",
    "trainer.log_every_n_steps=1",
    "callback=basic",
]
FLOW = ["model=flow", "task=flow", *TINY]
PENALTIES = ["loss=relativistic", "regularizer=r1_r2_approx"]
DISTIL = ["model=distil", "task=distil", *PENALTIES, *TINY]
MATCHING = ["model=distil", "task=distil_matching", *PENALTIES, *TINY]
SCORE = "score.fake.head.weight"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A run directory of a tiny flow."""
    run = tmp_path_factory.mktemp("flows") / "2026-01-01_00-00-00"
    train(run, *FLOW)
    return run


def velocity(seed=0):
    torch.manual_seed(seed)
    network = VelocityMLP(SHAPE, **SIZES)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    return network


def task_of(cls=DistilTask, view=None, **settings):
    critic = Critic(TeacherHeads(SHAPE, velocity(), width=8), view or Noised())
    given = {
        "generator": FlowGenerator(SHAPE, velocity(1), 1),
        "discriminator": critic,
        "loss": RelativisticPairing(),
        "optimizers": dict.fromkeys(cls.roles, torch.optim.SGD),
        "schedule": Constant(),
        "ema": ExponentialMovingAverage(100),
        "num_images": 64,
    }
    made = cls(**{**given, **settings})
    made.rng = lambda stream: keyed_rng(0, stream)
    return made


def batch_of(task, num=4):
    return {"real": torch.randn(num, *SHAPE, generator=keyed_rng(3)), **task.draw_noise(num)}


# The flow


def test_flow_is_trained_sampled_and_resumed_to_the_bit(tmp_path, teacher):
    train(tmp_path / "whole", *FLOW, "num_images=320")
    shutil.copytree(teacher, tmp_path / "broken")
    train_on(tmp_path / "broken", "num_images=320")
    # The average's half-life spans the run's length, which was another one at the start.
    first, second = (checkpoint(tmp_path / name) for name in ("whole", "broken"))
    trained = [
        {k: v for k, v in each["state_dict"].items() if k.startswith("generator")} for each in (first, second)
    ]
    assert not differences(*trained)
    sampler = load_generator(teacher)
    assert sampler.generator.num_steps == 50
    assert torch.equal(sampler.sample(3, seed=1), load_generator(teacher / "generator").sample(3, seed=1))
    assert torch.isfinite(sampler.sample(3)).all()


def test_flow_refuses_what_needs_a_discriminator(tmp_path):
    for option, words in (("regularizer=r1", "regularizer=r1"), ("augment=diffaugment", "augment=")):
        with pytest.raises(SettingError, match=f"^{words}.*none under task=flow"):
            train(tmp_path / "run", *FLOW, option)
    with pytest.raises(SettingError, match=r"^model.generator=MLPGenerator.*FlowGenerator"):
        train(tmp_path / "run", "model=mlp", "task=flow")
    with pytest.raises(GanworksError, match=r"model.discriminator"):
        train(tmp_path / "run", "model=flow")


def test_flow_learns_the_velocity_of_its_batch():
    task = FlowTask(
        generator=FlowGenerator(SHAPE, velocity(), 4),
        ema=ExponentialMovingAverage(100),
        optimizers={"generator": torch.optim.SGD},
        schedule=Constant(),
        num_images=64,
    )
    assert task.roles == ("generator",)
    assert set(task.generator_terms({"real": torch.zeros(4, *SHAPE)})) == {"velocity"}


# What a distillation begins with


def test_networks_of_a_new_run_begin_with_the_average_of_the_teachers_run(tmp_path, teacher):
    train(
        tmp_path / "run", *MATCHING, f"task.teacher={teacher.parent}", "optimizer.score.lr=0", "num_images=64"
    )
    state, flow = checkpoint(tmp_path / "run")["state_dict"], checkpoint(teacher)["state_dict"]
    weights = {k.removeprefix("ema_generator.network."): v for k, v in flow.items() if k.startswith("ema_")}
    assert any(weights[name].abs().max() > 0 for name in weights if name.startswith("head"))
    for place in ("discriminator.teacher", "score.teacher", "score.fake"):
        assert all(torch.equal(state[f"{place}.{name}"], tensor) for name, tensor in weights.items()), place
    assert not all(
        torch.equal(state[f"generator.network.{name}"], tensor) for name, tensor in weights.items()
    )


@pytest.mark.parametrize("form", ["run", "generator", "safetensors", "pt", "nested.pt", "ckpt"])
def test_teacher_may_be_any_form_of_weights(tmp_path, teacher, form):
    state = load_generator(teacher).generator.network.state_dict()
    path = {
        "run": teacher,
        "generator": teacher / "generator",
        "ckpt": teacher / "checkpoints" / "last.ckpt",
    }.get(form)
    if path is None:
        path = tmp_path / f"weights.{form}"
        save_file(state, path) if form == "safetensors" else torch.save(
            {"state_dict": state} if "nested" in form else state, path
        )
    assert not differences(dict(network_of(read_teacher(path))), dict(state))


def test_newest_run_of_a_folder_is_the_teacher(tmp_path, teacher):
    for name in ("2026-01-02_00-00-00", "2026-01-03_00-00-00"):
        shutil.copytree(teacher, tmp_path / name)
    (tmp_path / "2026-01-04_00-00-00").mkdir()  # ended before its first checkpoint
    (tmp_path / "2026-01-04_00-00-00" / "config.yaml").touch()
    assert newest(tmp_path).name == "2026-01-03_00-00-00"
    assert newest(teacher) == teacher


def test_untrained_one_step_generator_of_a_run_is_the_noise_less_the_teachers_velocity(tmp_path, teacher):
    train(tmp_path / "run", *DISTIL, f"task.teacher={teacher}", "optimizer.generator.lr=0", "num_images=64")
    z, network = torch.randn(3, 64, generator=keyed_rng(0)), load_generator(teacher).generator.network
    made = load_generator(tmp_path / "run").make({"latent": z})
    with torch.no_grad():
        assert torch.equal(made, z.view(3, *SHAPE) - network(z.view(3, *SHAPE), torch.ones(3)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere", "task.teacher=.*nowhere: must be there"),
        ("empty", "task.teacher=.*empty"),
        ("damaged.pt", "damaged.pt is no complete file of weights"),
        ("damaged.safetensors", "no complete .safetensors file"),
        ("list.pt", "list.pt holds no state dict"),
        ("narrow.pt", "narrow.pt is from another model"),
    ],
)
def test_wrong_weights_are_told_with_their_file(tmp_path, given, words):
    (tmp_path / "empty").mkdir()
    for name in ("damaged.pt", "damaged.safetensors"):
        (tmp_path / name).write_bytes(b"no weights")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save(VelocityMLP(SHAPE, width=4, depth=2).state_dict(), tmp_path / "narrow.pt")
    config = OmegaConf.create({"task": {"teacher": str(tmp_path / given)}})
    with pytest.raises(GanworksError, match=words):
        teach(task_of(), config)


def test_run_without_a_teacher_ends_before_the_training(tmp_path):
    with pytest.raises(SettingError, match=r"task\.teacher=null: must be a trained teacher"):
        train(tmp_path / "run", *DISTIL)
    assert not (tmp_path / "run").exists()


def test_a_model_that_knows_no_teacher_is_refused(tmp_path, teacher):
    with pytest.raises(SettingError, match=r"^model=MLPGenerator.*model=distil"):
        train(tmp_path / "run", "model=mlp", "task=distil", f"task.teacher={teacher}")


def test_generator_and_critic_may_begin_with_other_weights_than_the_teachers():
    generator = FlowGenerator(SHAPE, velocity(1), 1, from_teacher=False)
    assert list(task_of(generator=generator).taught) == ["discriminator.teacher"]
    fresh = task_of(discriminator=MLPDiscriminator(SHAPE, **SIZES))
    assert list(fresh.taught) == ["generator.network", "ema_generator.network"]


def test_resume_goes_on_to_the_bit_with_three_players_and_without_the_teachers_file(tmp_path, teacher):
    shutil.copytree(teacher, tmp_path / "teacher")
    options = [*MATCHING, f"task.teacher={tmp_path / 'teacher'}", "optimizer=adam", "task.n_critic=2"]
    broken = "+callback.breaks={_target_: running.RaiseAt, images: 128, rank: 0}"
    train(tmp_path / "whole", *options)
    with pytest.raises(ArithmeticError):
        train(tmp_path / "broken", *options, broken)
    shutil.rmtree(tmp_path / "teacher")
    train_on(tmp_path / "broken", "callback.breaks.images=1000000")
    first, second = (checkpoint(tmp_path / name) for name in ("whole", "broken"))
    assert len(first["optimizer_states"]) == 3
    for part in ("state_dict", "optimizer_states", "time"):
        assert not differences(first[part], second[part])


# What the players learn


def test_reals_and_fakes_are_shown_under_the_same_noise_and_penalties_under_their_own():
    seen = []

    class Watching(TeacherHeads):
        def forward(self, x, label=None, t=None):
            seen.append((x.detach(), t))
            return super().forward(x, label, t)

    for shared in (True, False):
        seen.clear()
        critic = Critic(Watching(SHAPE, velocity(), width=8), Noised(shared=shared))
        task = task_of(discriminator=critic, regularizers={"r1": R1Approx(1.0, sigma=1e-3)})
        task.discriminator_terms(batch_of(task))
        real, fake, moved, plain = seen
        assert torch.equal(real[1], fake[1]) == shared
        # Both calls of a penalty have one draw: the inputs differ by sigma, not by the noise.
        assert torch.equal(moved[1], plain[1])
        assert (moved[0] - plain[0]).abs().max() < 1e-2
        assert not torch.equal(plain[1], real[1])


def test_exact_r1_is_taken_through_the_teacher_and_reaches_the_heads():
    task = task_of(regularizers={"r1": R1(1.0)})
    penalty = task.discriminator_terms(batch_of(task))["r1"]
    assert penalty > 0
    penalty.backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in task.discriminator.heads.parameters())
    assert all(p.grad is None for p in task.discriminator.teacher.parameters())


def test_a_view_that_tells_more_than_the_sample_comes_last_in_a_chain():
    x, rng = torch.zeros(2, 1, 4, 4), keyed_rng(0)
    assert Chain(half=Smaller(2), noised=Noised())(x, {}, rng)["x"].shape == (2, 1, 2, 2)
    with pytest.raises(SettingError, match="view=Smaller"):
        Chain(noised=Noised(), half=Smaller(2))(x, {}, rng)


def test_view_hands_on_the_noised_sample_and_its_time():
    x = torch.full((2000, 1), 2.0)
    seen = Noised(0.2, 0.6)(x, {}, keyed_rng(0))
    noise = (seen["x"] - (1 - seen["t"])[:, None] * x) / seen["t"][:, None]
    assert seen["t"].min() >= 0.2
    assert seen["t"].max() < 0.6
    assert (noise.mean().item(), noise.std().item()) == (
        pytest.approx(0, abs=0.07),
        pytest.approx(1, abs=0.05),
    )


@pytest.mark.parametrize(
    ("low", "high", "name"), [(-0.1, 0.5, "low"), (0.0, 1.5, "high"), (0.5, 0.5, "high")]
)
def test_bounds_of_the_time_are_checked(low, high, name):
    with pytest.raises(SettingError, match=name):
        Noised(low, high)
    with pytest.raises(SettingError, match=name):
        task_of(MatchingTask, score=ScorePair(velocity()), low=low, high=high)


def test_score_learns_the_fakes_and_the_generator_both_ways():
    task = task_of(MatchingTask, score=ScorePair(velocity()), matching=2.0)
    torch.nn.init.normal_(task.score.fake.head.weight)  # no longer the teacher's
    batch = batch_of(task)
    assert set(task.score_terms(batch)) == {"velocity"}
    assert not task.score_terms(batch)["velocity"].isnan()
    terms = task.generator_terms(batch_of(task))
    assert set(terms) == {"matching", "adversarial"}
    task.matching = 4.0
    doubled = task.generator_terms(batch_of(task))["matching"].item()
    assert doubled == pytest.approx(2 * terms["matching"].item())
    assert doubled > 0


def test_score_terms_reach_the_fake_score_alone():
    task = task_of(MatchingTask, score=ScorePair(velocity()))
    task.score_terms(batch_of(task))["velocity"].backward()
    with_gradient = {name.split(".")[0] for name, p in task.named_parameters() if p.grad is not None}
    assert with_gradient == {"score"}
    assert all(p.grad is None for p in task.score.teacher.parameters())


def test_matching_alone_trains_no_critic(tmp_path, teacher):
    options = [f"task.teacher={teacher}", "model.discriminator.weight=0"]
    train(tmp_path / "run", *MATCHING, *options)
    found = checkpoint(tmp_path / "run")
    roles = [len(each["state"]) for each in found["optimizer_states"]]
    assert roles[0]
    assert not roles[1]
    assert roles[2]
    flow = checkpoint(teacher)["state_dict"]["ema_generator.network.head.weight"]
    assert not torch.equal(found["state_dict"][SCORE], flow)
