"""The updates of texts against a hand-written loop, and what the task refuses."""

from __future__ import annotations

import copy
import importlib.util
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from games import fit, largest_difference
from ganworks.data import Words
from ganworks.loss import BCE, RelativisticPairing
from ganworks.model import MLPGenerator, RecurrentCritic, TextCritic, TokenGenerator
from ganworks.model.layer.tokens import as_one_hot
from ganworks.noise import keyed_rng
from ganworks.optimizer import Cosine
from ganworks.regularizer import R1, R2
from ganworks.task import ExponentialMovingAverage, Gumbel, Phase, Reinforce, SequenceTask
from ganworks.task.estimator import mean_of

BATCH, SHAPE, STEPS = 12, (6, 27), 8


def loop_class() -> type:
    path = Path(__file__).parents[2] / "benchmarks" / "loops" / "sequence.py"
    spec = importlib.util.spec_from_file_location("loops_sequence", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.SequenceLoop


class DoubleWords(Words):
    """Words in float64, so that two orders of summation agree to 1e-12."""

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        return {**batch, "real": batch["real"].double()}


def words() -> Words:
    return DoubleWords(batch_size=BATCH, length=SHAPE[0])


def make_task(
    critic: str = "cnn", cell: str = "gru", share: float | None = 0.5, **kwargs: Any
) -> SequenceTask:
    torch.manual_seed(0)
    critics = {
        "cnn": partial(TextCritic, width=6, num_blocks=1, dense_width=8),
        "recurrent": partial(RecurrentCritic, width=6, cell=cell),
    }
    likelihood = Phase(
        share=share or 1.0,
        terms={"generator": "likelihood_terms", "discriminator": None},
        rates={"generator": 2.0},
    )
    # A relativistic loss has no gradient in the bias of the logits but rounding, which a smaller eps would make a step.
    adam = partial(torch.optim.Adam, lr=0.01, betas=(0.0, 0.99), eps=1e-6)
    settings = {
        "generator": TokenGenerator(SHAPE, latent_dim=3, cell=cell, width=7, embedding_dim=5, end=0),
        "discriminator": critics[critic](SHAPE, end=0),
        "loss": RelativisticPairing(),
        "optimizers": dict.fromkeys(SequenceTask.roles, adam),
        "schedule": Cosine(),
        "ema": ExponentialMovingAverage(half_life=100.0, ramp_up=None),
        "regularizers": {"r1": R1(weight=0.2, every=2), "r2": R2(weight=0.2, every=2)},
        "num_images": STEPS * BATCH,
        "phases": {} if share is None else {"likelihood": likelihood},
        "estimator": "gumbel",
        "estimators": {"gumbel": Gumbel(), "reinforce": Reinforce(num_rollouts=2)},
    }
    return SequenceTask(**{**settings, **kwargs}).double()


def loop_of(task: SequenceTask) -> Any:
    """Return the hand-written loop behind all its steps."""
    batches = iter(words().train_dataloader())
    reals = [next(batches)["real"].double() for _ in range(STEPS)]
    loop = loop_class()(task, reals.__getitem__, lambda stream, step: keyed_rng(0, 0, stream, step, 0))
    for _ in range(STEPS):
        loop.step()
    return loop


GAMES: dict[str, dict[str, Any]] = {
    "likelihood alone": {"share": 1.0},
    "likelihood, then straight through": {},
    "straight through from scratch, LSTM": {"share": None, "cell": "lstm"},
    "likelihood, then REINFORCE with rollouts": {"estimator": "reinforce"},
    "REINFORCE with a reward for each token": {
        "share": 0.25,
        "critic": "recurrent",
        "estimator": "reinforce",
        "estimators": {"reinforce": Reinforce(num_rollouts=0)},
    },
}


@pytest.mark.parametrize("name", GAMES)
def test_training_equals_a_hand_written_loop(name: str) -> None:
    task = make_task(**copy.deepcopy(GAMES[name]))
    loop, start = loop_of(task), copy.deepcopy(task.generator)
    fit(task, data=words())
    assert largest_difference(task.generator, loop.generator) < 1e-12
    assert largest_difference(task.discriminator, loop.discriminator) < 1e-12
    assert largest_difference(task.generator, start) > 1e-3  # a generator that never moves would pass too


@pytest.mark.parametrize("change", ["temperature", "rollouts", "baseline"])
def test_a_loop_with_another_setting_is_noticed(change: str) -> None:
    changed = {
        "temperature": {"estimators": {"gumbel": Gumbel(end=0.6)}},
        "rollouts": {"estimator": "reinforce", "estimators": {"reinforce": Reinforce(num_rollouts=1)}},
        "baseline": {
            "estimator": "reinforce",
            "estimators": {"reinforce": Reinforce(num_rollouts=2, decay=0.5)},
        },
    }[change]
    loop = loop_of(make_task(**changed))
    task = fit(make_task(estimator=changed.get("estimator", "gumbel")), data=words())
    assert largest_difference(task.generator, loop.generator) > 1e-6


def test_the_critic_rests_while_the_likelihood_is_learned() -> None:
    task = make_task(share=1.0)
    before = copy.deepcopy(task.discriminator)
    fit(task, data=words())
    assert largest_difference(task.discriminator, before) == 0


@pytest.mark.parametrize("schedule", ["exponential", "linear"])
def test_the_temperature_falls_during_the_game_alone(schedule: str) -> None:
    gumbel = Gumbel(1.0, 0.25, schedule)
    task = make_task(estimators={"gumbel": gumbel})
    seen = []
    begin = gumbel.begin
    gumbel.begin = lambda task, progress: (
        begin(task, progress),
        seen.append(float(task.generator.temperature)),
    )  # type: ignore[method-assign, func-returns-value]
    fit(task, data=words())
    assert seen[:5] == [1.0] * 5
    assert seen[-1] == pytest.approx(gumbel.temperature(0.75))
    assert seen[-1] < 0.5


def test_rewards_behind_the_end_do_not_count() -> None:
    task = make_task(share=None, estimator="reinforce")
    reinforce = task.estimator
    ids = torch.tensor([[3, 0, 0, 0, 0, 0], [3, 4, 5, 6, 7, 8]])
    is_read = torch.tensor([[1, 1, 0, 0, 0, 0], [1] * 6]).bool()
    values = torch.arange(12.0).view(2, 6).double()
    assert mean_of((values * is_read).sum(0), is_read.sum(0)).tolist() == [3.0, 4.0, 8.0, 9.0, 10.0, 11.0]
    batch = {"real": task_reals(2), "latent": torch.zeros(2, 3).double()}
    found = reinforce.rollouts(task, batch, ids, task.zeros(batch))
    # A text that has ended is completed by nothing: all its values are the reward of the text itself.
    assert torch.allclose(found[0, 1:], found[0, -1].expand(5), atol=1e-12)
    assert found[1, 1:].std() > 1e-9


def task_reals(num: int) -> Tensor:
    return next(iter(words().train_dataloader()))["real"][:num].double()


def test_reinforce_raises_the_probability_of_what_is_rewarded() -> None:
    """With the reward "begins with the letter 5" alone, the generator learns to begin with it."""
    task = make_task(share=None, estimator="reinforce", regularizers={}, num_images=250 * BATCH)
    task.rewards = lambda batch, ids, name, zeros: (ids[:, 0] == 5).double()  # type: ignore[method-assign]
    fit(task, data=words())
    fake = task.generator(**task.draw_noise(200, lambda name: keyed_rng(name)))
    assert (fake.argmax(-1)[:, 0] == 5).double().mean() > 0.8


def test_the_baseline_is_state_and_in_the_checkpoint() -> None:
    task = fit(make_task(estimator="reinforce"), data=words())
    assert task.state_dict()["estimator.baseline"].abs().sum() > 0


@pytest.mark.parametrize(
    ("settings", "words_of_error"),
    [
        ({"estimator": "gumble"}, r"estimator=gumble.*gumbel"),
        ({"generator": MLPGenerator(SHAPE)}, r"model.generator=MLPGenerator"),
        ({"estimator": "reinforce", "estimators": {"reinforce": Reinforce(0)}}, r"num_rollouts=0.*1 or more"),
        ({"estimator": "reinforce", "top_k": 0.5}, r"estimator=reinforce: must be gumbel under task.top_k"),
        (
            {"estimator": "reinforce", "generator": TokenGenerator(SHAPE, end=0, straight_through=False)},
            r"model.generator.straight_through=false: must be true for task.estimator=reinforce",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_training(settings: dict[str, Any], words_of_error: str) -> None:
    with pytest.raises(ValueError, match=words_of_error):
        make_task(**settings).check({"real": task_reals(2)}, SHAPE)


@pytest.mark.parametrize(
    ("part", "setting"),
    [
        (partial(Gumbel, start=0.0), "start"),
        (partial(Gumbel, schedule="cosine"), "schedule"),
        (partial(Reinforce, num_rollouts=-1), "num_rollouts"),
        (partial(Reinforce, decay=1.0), "decay"),
        (partial(Reinforce, discount=1.5), "discount"),
    ],
)
def test_a_setting_out_of_range_is_named(part: Any, setting: str) -> None:
    with pytest.raises(ValueError, match=setting):
        part()


def test_a_loss_without_pairs_rewards_by_the_sigmoid_itself() -> None:
    task = make_task(share=None, estimator="reinforce", loss=BCE())
    real = task_reals(4)
    rewards = task.rewards({"real": real}, real.argmax(-1), "logits")
    assert torch.allclose(rewards, task.discriminator(real).sigmoid())


def gradients_in_parts(num_parts: int, monkeypatch: pytest.MonkeyPatch, **game: Any) -> list[Tensor]:
    """Return the generator's gradient of the first update, of a batch that is taken in so many parts."""
    found: list[Tensor] = []

    def keep(task: SequenceTask, role: str, optimizer: Any) -> None:
        if role == "generator" and not found:
            found.extend(parameter.grad.clone() for parameter in task.generator.parameters())

    with monkeypatch.context() as context:
        context.setattr(SequenceTask, "_step", keep)
        fit(make_task(accumulate=num_parts, num_images=BATCH, regularizers={}, **game), data=words())
    return found


@pytest.mark.parametrize("name", ["likelihood", "reinforce", "reinforce, relativistic"])
@pytest.mark.parametrize("num_parts", [2, 3, 12])
def test_the_gradient_of_a_batch_in_parts_is_that_of_the_batch(
    name: str, num_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dense = {"share": None, "critic": "recurrent", "estimator": "reinforce"}
    game = {
        "likelihood": {"share": 1.0},
        "reinforce": {**dense, "loss": BCE(), "estimators": {"reinforce": Reinforce(0)}},
        "reinforce, relativistic": {**dense, "estimators": {"reinforce": Reinforce(0)}},
    }[name]
    whole = gradients_in_parts(1, monkeypatch, **copy.deepcopy(game))
    parts = gradients_in_parts(num_parts, monkeypatch, **copy.deepcopy(game))
    assert max(float(gradient.abs().max()) for gradient in whole) > 1e-4
    for gradient, expected in zip(parts, whole, strict=True):
        assert float((gradient - expected).abs().max()) < 1e-12


def test_rollouts_of_a_batch_in_parts_move_the_baseline_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    follow = Reinforce.follow
    monkeypatch.setattr(Reinforce, "follow", lambda self, *sums: (seen.append(1), follow(self, *sums)))
    fit(make_task(share=None, estimator="reinforce", accumulate=3, num_images=4 * BATCH), data=words())
    assert len(seen) == 4


@pytest.mark.parametrize("name", ["logits", "steps"])
def test_rewards_of_many_texts_are_taken_in_chunks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(share=None, critic="recurrent", estimator="reinforce")
    real = task_reals(5)
    ids = real.argmax(-1).repeat_interleave(3, 0).flip(1)
    whole = task.rewards({"real": real}, ids, name)
    sizes: list[int] = []
    monkeypatch.setattr("ganworks.task.sequence.CHUNK", 2 * 3 * SHAPE[0] * SHAPE[1])
    monkeypatch.setattr(
        "ganworks.task.sequence.as_one_hot",
        lambda ids, *others: (sizes.append(len(ids)), as_one_hot(ids, *others))[1],
    )
    assert torch.allclose(task.rewards({"real": real}, ids, name), whole, atol=1e-14)
    assert sizes == [6, 6, 3]
