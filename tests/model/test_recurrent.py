"""Recurrent networks: texts and series of their noise, likelihoods that are probabilities, masks that hold."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from ganworks.model import RecurrentCritic, SeriesGenerator, TextCritic, TokenGenerator
from ganworks.model.layer.tokens import as_ids, as_one_hot, ended
from ganworks.noise import keyed_rng

cells = pytest.mark.parametrize("cell", ["gru", "lstm"])
CRITICS = {
    "cnn": partial(TextCritic, width=6, num_blocks=1, dense_width=8),
    "gru": partial(RecurrentCritic, cell="gru", width=6),
    "lstm": partial(RecurrentCritic, cell="lstm", width=6),
}


def generator(cell: str = "gru", **settings: Any) -> TokenGenerator:
    torch.manual_seed(0)
    settings = {"latent_dim": 3, "width": 8, "end": 0, **settings}
    network = TokenGenerator((4, 3), cell=cell, **settings)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return network


def noise_of(network: TokenGenerator, num: int, key: int = 0) -> dict[str, Tensor]:
    return network.draw_noise(num, lambda name: keyed_rng(key, name))


@cells
def test_text_is_a_one_hot_function_of_its_noise(cell: str) -> None:
    network = generator(cell)
    texts = network(**noise_of(network, 50))
    assert torch.equal(texts, network(**noise_of(network, 50)))
    assert not torch.equal(texts, network(**noise_of(network, 50, key=1)))
    assert torch.equal(texts.detach(), as_one_hot(as_ids(texts), 3))
    assert torch.equal(as_ids(texts), ended(as_ids(texts), 0))


@cells
@pytest.mark.parametrize("end", [0, None])
def test_probabilities_of_all_texts_sum_to_one(cell: str, end: int | None) -> None:
    network = generator(cell, latent_dim=None, end=end)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))
    every = ended(every, end).unique(dim=0)
    assert float(network.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-5)


@cells
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_texts_come_as_often_as_their_probability_says(cell: str, temperature: float) -> None:
    network = generator(cell, latent_dim=None)
    noise = noise_of(network, 20_000)
    drawn, counts = as_ids(network(gumbel=temperature * noise["gumbel"])).unique(dim=0, return_counts=True)
    expected = network.log_prob(drawn, temperature=temperature).exp()
    assert float((counts / 20_000 - expected).abs().max()) < 0.015
    other = network.log_prob(drawn, temperature=1.5 - temperature).exp()
    assert float((counts / 20_000 - other).abs().max()) > 0.015  # control: the other temperature


def test_straight_through_gradient_is_that_of_the_relaxed_tokens() -> None:
    """Of the last place, behind which nothing follows, held against the softmax by itself."""
    network = generator(end=None).double()
    network.temperature.fill_(0.7)
    noise = {name: value.double() for name, value in noise_of(network, 6).items()}
    weight = torch.randn(6, 3, generator=keyed_rng(1)).double()
    texts = network(**noise)
    (found,) = torch.autograd.grad((texts[:, -1] * weight).sum(), network.head.bias, retain_graph=True)
    memory, token = network.begin(6, noise["latent"]), None
    bias = network.head.bias
    for place in range(4):
        logits, memory = network.step(token, memory)
        scores = (logits + noise["gumbel"][:, place]) / 0.7
        token = scores.softmax(-1)
        hard = as_one_hot(scores.argmax(-1), 3, scores)
        token = hard + token - token.detach()
    (expected,) = torch.autograd.grad((token * weight).sum(), bias)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert float(found.abs().max()) > 1e-6


def test_relaxed_tokens_are_shown_in_training_and_one_hots_in_evaluation() -> None:
    network = generator(straight_through=False, end=None)
    noise = noise_of(network, 5)
    relaxed = network.train()(**noise)
    assert float(relaxed.max(-1).values.min()) < 0.999
    torch.testing.assert_close(relaxed.sum(-1), torch.ones(5, 4))
    assert torch.equal(network.eval()(**noise).detach(), as_one_hot(as_ids(relaxed), 3))


@cells
def test_completions_keep_what_is_known_and_draw_the_rest(cell: str) -> None:
    network = generator(cell, end=None)
    noise = noise_of(network, 3000)
    ids = torch.tensor([[1, 2, 0, 0]]).expand(3000, -1)
    memory = network.begin(3000, noise["latent"])
    _, memory = network.step(None, memory)
    _, memory = network.step(ids[:, 0], memory)
    found = network.complete(ids, 2, keyed_rng(0), memory)
    assert torch.equal(found[:, :2], ids[:, :2])
    expected = torch.zeros(3)
    for token in range(3):
        tokens = torch.tensor([[1, 2, token, 0]]).expand(3000, -1)
        expected[token] = network.token_log_probs(tokens, noise["latent"])[:, 2].exp().mean()
    shares = found[:, 2].bincount(minlength=3) / 3000
    assert float((shares - expected).abs().max()) < 0.03


@pytest.mark.parametrize("critic", CRITICS)
def test_critic_reads_nothing_behind_the_end(critic: str) -> None:
    torch.manual_seed(0)
    network = CRITICS[critic]((4, 3), end=0)
    clean = as_one_hot(torch.tensor([[2, 0, 0, 0], [1, 2, 1, 2]]), 3)
    dirty = as_one_hot(torch.tensor([[2, 0, 1, 2], [1, 2, 1, 2]]), 3)
    assert torch.allclose(logits(network, clean), logits(network, dirty))
    texts = clean.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(logits(network, texts).sum(), texts)
    assert float(gradient[0, 2:].abs().max()) == 0  # nor do penalties
    assert float(gradient[0, :2].abs().min()) > 0
    whole = CRITICS[critic]((4, 3))
    assert not torch.allclose(logits(whole, clean)[0], logits(whole, dirty)[0])  # control


def logits(network: Any, texts: Tensor) -> Tensor:
    said = network(texts)
    return said if isinstance(said, Tensor) else said["logits"]


@cells
def test_logit_of_a_recurrent_critic_is_the_mean_over_the_places_that_are_read(cell: str) -> None:
    torch.manual_seed(0)
    network = RecurrentCritic((4, 3), cell=cell, width=6, end=0)
    texts = as_one_hot(torch.tensor([[2, 0, 0, 0], [1, 2, 1, 2]]), 3)
    said = {name: value.detach() for name, value in network(texts).items()}
    assert said["steps"].shape == (2, 4)
    assert said["logits"][0] == pytest.approx(float(said["steps"][0, :2].mean()), abs=1e-6)
    assert said["logits"][1] == pytest.approx(float(said["steps"][1].mean()), abs=1e-6)
    first = network(as_one_hot(torch.tensor([[1, 2, 2, 1]]), 3))["steps"]
    assert torch.allclose(first[0, :2], said["steps"][1, :2])  # a logit knows what came before, not after


@cells
def test_series_are_a_function_of_their_noise(cell: str) -> None:
    network = SeriesGenerator((7, 2), latent_dim=3, cell=cell, width=8, step_noise=2, bound="tanh")
    noise = network.draw_noise(4, lambda name: keyed_rng(name))
    series = network(**noise)
    assert series.shape == (4, 7, 2)
    assert float(series.abs().max()) <= 1
    changed = {**noise, "steps": noise["steps"].clone()}
    changed["steps"][:, 4] += 1
    assert torch.equal(network(**changed)[:, :4], series[:, :4])  # causal
    assert not torch.equal(network(**changed)[:, 4:], series[:, 4:])


@pytest.mark.parametrize("network", [TokenGenerator, TextCritic, RecurrentCritic, SeriesGenerator])
def test_classes_condition_every_network(network: Any) -> None:
    torch.manual_seed(0)
    part = network((4, 3), num_classes=2)
    label = torch.tensor([0, 1])
    if hasattr(part, "draw_noise"):
        noise = {name: value[:1].expand(2, *value.shape[1:]) for name, value in noise_of(part, 1).items()}
        if isinstance(part, TokenGenerator):
            torch.nn.init.normal_(part.core.start.weight)
            found = part.token_log_probs(torch.ones(2, 4).long(), noise["latent"], label)
        else:
            found = part(**noise, label=label)
        with pytest.raises(ValueError, match="label"):
            part(**noise)
    else:
        texts = as_one_hot(torch.ones(2, 4).long(), 3)
        said = part(texts, label)
        found = said if isinstance(said, Tensor) else said["logits"]
    assert not torch.allclose(found[0], found[1])


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (partial(TokenGenerator, (4,)), "shape"),
        (partial(TokenGenerator, (4, 3), cell="rnn"), "cell=rnn"),
        (partial(TokenGenerator, (4, 3), end=3), "end=3"),
        (partial(TokenGenerator, (4, 3), width=0), "0"),
        (partial(TextCritic, (3, 8, 8)), "shape"),
        (partial(RecurrentCritic, (4,)), "shape"),
        (partial(SeriesGenerator, (4, 3), latent_dim=None, step_noise=0), "step_noise=0"),
        (partial(SeriesGenerator, (4, 3), bound="relu"), "bound=relu"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(part: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        part()
