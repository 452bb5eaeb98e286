"""Figures of texts against independent computations, with controls that must fail."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from torch import Tensor
from torchmetrics.functional.text import bleu_score

from ganworks.data import Oracle, Words
from ganworks.metric import (
    Bleu,
    Likelihood,
    NgramDivergence,
    Novelty,
    OracleLikelihood,
    Spelling,
    Suite,
    TokenIds,
)
from ganworks.metric.distance.ngram import as_texts, bleu, jensen_shannon, lengths, ngrams, total_variation
from ganworks.metric.generate import evaluate
from ganworks.model import MLPGenerator, TokenGenerator
from ganworks.model.layer.tokens import as_one_hot
from ganworks.sample.sampler import Sampler

WORDS = [
    "then",
    "they",
    "them",
    "when",
    "hen",
    "her",
    "the",
    "thy",
    "net",
    "ten",
    "met",
    "hem",
    "tent",
    "ween",
]
LENGTH = 5


def ids_of(words: list[str]) -> Tensor:
    return torch.tensor([[ord(letter) - 96 for letter in word.ljust(LENGTH, "`")] for word in words])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Words:
    path = tmp_path_factory.mktemp("words") / "list.txt"
    path.write_text("\n".join(WORDS))
    return Words(path=path, length=LENGTH, held_out=0.3, batch_size=2)


def naive_ngrams(words: list[str], n: int) -> Counter[str]:
    ended = [(word + ".")[:LENGTH] for word in words]
    return Counter(word[i : i + n] for word in ended for i in range(len(word) - n + 1))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_divergence_equals_that_of_counted_ngrams(n: int) -> None:
    first, second = WORDS[:9], WORDS[5:]
    found = jensen_shannon(*(ngrams(ids_of(words), n, 27, 0) for words in (first, second)))
    counts = [naive_ngrams(words, n) for words in (first, second)]
    keys = sorted(set().union(*counts))
    p, q = ([count[key] for key in keys] for count in counts)
    assert found == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-12)
    assert found > 0.01  # the same words twice would pass with 0


def test_divergence_is_zero_of_equal_and_ln_2_of_disjoint_texts() -> None:
    same = ngrams(ids_of(WORDS), 2, 27, 0)
    assert jensen_shannon(same, same) == pytest.approx(0, abs=1e-12)
    other = ngrams(ids_of(["zzzz", "zz"]), 2, 27, 0)
    assert jensen_shannon(same, other) == pytest.approx(math.log(2), abs=1e-12)


def test_what_stands_behind_the_end_does_not_count() -> None:
    clean, dirty = ids_of(["the", "hen"]), ids_of(["the", "hen"])
    dirty[:, 4] = 7
    for n in (1, 2, 3):
        assert all(map(torch.equal, ngrams(clean, n, 27, 0), ngrams(dirty, n, 27, 0)))
    assert lengths(dirty, 0).tolist() == [3, 3]
    assert as_texts(clean, 0) == as_texts(dirty, 0)
    assert not torch.equal(ngrams(clean, 2, 27, None)[0], ngrams(dirty, 2, 27, None)[0])  # control


def test_lengths_and_their_distance() -> None:
    assert lengths(ids_of(["the", "a", "there"]), 0).tolist() == [3, 1, 5]
    assert total_variation(torch.tensor([1, 1, 2, 2]), torch.tensor([1, 2, 2, 3])) == pytest.approx(0.25)


def naive_bleu(candidate: str, references: list[str], n: int) -> float:
    """By torchmetrics, a corpus of one text, where no precision is zero."""
    spaced = [" ".join(reference) for reference in references]
    return float(bleu_score([" ".join(candidate)], [spaced], n_gram=n))


def test_bleu_equals_that_of_torchmetrics() -> None:
    references = ["thenthey", "hewhenthe", "netthenten", "themthem"]
    for candidate in ("thenwhen", "thenthenthe", "themten"):
        expected = naive_bleu(candidate, references, 2)
        assert bleu([list(map(ord, candidate))], [list(map(ord, r)) for r in references], 2) == pytest.approx(
            expected, abs=1e-6
        )
        assert 0.1 < expected < 1


def test_self_bleu_holds_each_text_against_the_others_alone() -> None:
    texts = ["thenthey", "hewhenthe", "netthenten", "themthem", "thenthem"]
    tokens = [list(map(ord, text)) for text in texts]
    expected = [naive_bleu(text, texts[:i] + texts[i + 1 :], 2) for i, text in enumerate(texts)]
    assert bleu(tokens, tokens, 2, is_self=True) == pytest.approx(sum(expected) / len(expected), abs=1e-6)
    assert bleu(tokens, tokens, 2) == pytest.approx(1.0)  # control: against themselves all match
    collapsed = [tokens[0]] * 4
    assert bleu(collapsed, collapsed, 2, is_self=True) == pytest.approx(1.0)


def suite(num: int, **measures: Any) -> Suite:
    return Suite({"tokens": TokenIds()}, measures, num_samples=num, every_images=1, seed=0)


def figures(data: Any, words: list[str], **measures: Any) -> dict[str, float]:
    found = suite(len(words), **measures)
    found.prepare(data)
    return found.evaluate([as_one_hot(ids_of(words), 27)]).values


def test_spelling_and_novelty_are_those_of_python_sets(data: Words) -> None:
    training, held_out = (
        [text for text in WORDS if (tuple(ord(c) - 96 for c in text)) in as_texts(part, 0)]
        for part in data.parts()
    )
    fakes = [training[0], training[0], held_out[0], held_out[0], held_out[1], "xyz", "xyz", "qq"]
    found = figures(data, fakes, spelling=Spelling(), novelty=Novelty())
    assert found["valid"] == pytest.approx(5 / 8)
    assert found["novel"] == pytest.approx(6 / 8)
    assert found["unique"] == pytest.approx(5 / 8)
    assert found["found"] == pytest.approx(2 / 4)  # of held_out[0], held_out[1], xyz, qq
    copies = figures(data, training, spelling=Spelling(), novelty=Novelty())
    assert (copies["found"], copies["novel"], copies["valid"]) == (0, 0, 1)  # copying finds nothing


def test_divergence_knows_words_from_shuffled_letters(data: Words) -> None:
    real = figures(data, WORDS, ngrams=NgramDivergence())
    shuffled = figures(data, [word[::-1] for word in WORDS], ngrams=NgramDivergence())
    cut = figures(data, [word[:2] for word in WORDS], ngrams=NgramDivergence())
    assert real["jsd_3gram"] < shuffled["jsd_3gram"]
    assert real["length_tv"] == pytest.approx(shuffled["length_tv"])
    assert cut["length_tv"] > real["length_tv"]


def test_floor_is_that_of_training_texts_and_the_chain_has_a_line(data: Words) -> None:
    measures = {"ngrams": NgramDivergence(), "spelling": Spelling(), "novelty": Novelty()}
    found = Suite({"tokens": TokenIds()}, measures, num_samples=9, every_images=1, seed=0, floor=True)
    found.prepare(data)
    assert found.floor["valid"] == 1
    assert "novel" not in found.floor
    assert set(found.baselines) == {"markov 3"}
    assert found.baselines["markov 3"]["jsd_3gram"] > 0


def naive_log_prob(generator: TokenGenerator, ids: Tensor, latent: Tensor | None) -> float:
    """Write one text token by token: the probability of each from the logits behind the prefix before it."""
    total, prefix = 0.0, []
    for token in ids.tolist():
        memory = generator.begin(1, latent)
        logits, memory = generator.step(None, memory)
        for before in prefix:
            logits, memory = generator.step(torch.tensor([before]), memory)
        total += math.log(float(logits.double().softmax(-1)[0, token]))
        prefix.append(token)
        if token == generator.end:
            break
    return total


@pytest.mark.parametrize("latent_dim", [None, 3])
def test_nll_equals_that_of_a_loop_over_tokens(data: Words, latent_dim: int | None) -> None:
    torch.manual_seed(0)
    generator = TokenGenerator((LENGTH, 27), latent_dim, width=8, end=0)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    likelihood = Likelihood(num_latents=1)
    measured = evaluate(suite_of(data, 14, likelihood=likelihood), Sampler(generator, {}), data)
    ids = torch.cat([batch["real"].argmax(-1) for batch in data.reference_batches()])
    if latent_dim is None:
        expected = -sum(naive_log_prob(generator, text, None) for text in ids)
        num = sum(min(len(text) + 1, LENGTH) for text in as_texts(ids, 0))
        assert measured.values["nll_test"] == pytest.approx(expected / num, abs=1e-5)
    uniform = Sampler(TokenGenerator((LENGTH, 27), None, width=8, end=0), {})
    torch.nn.init.zeros_(uniform.generator.head.weight)
    torch.nn.init.zeros_(uniform.generator.head.bias)
    found = evaluate(suite_of(data, 14, likelihood=likelihood), uniform, data).values["nll_test"]
    assert found == pytest.approx(math.log(27), abs=1e-6)  # all tokens are equally likely


def suite_of(data: Any, num: int, **measures: Any) -> Suite:
    found = suite(num, **measures)
    found.prepare(data)
    return found


def test_more_latents_tighten_the_bound(data: Words) -> None:
    torch.manual_seed(0)
    generator = TokenGenerator((LENGTH, 27), 3, width=8, end=0)
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter)
    nll = {
        num: evaluate(suite_of(data, 14, likelihood=Likelihood(num)), Sampler(generator, {}), data).values[
            "nll_test"
        ]
        for num in (1, 64)
    }
    assert nll[64] < nll[1]


def test_likelihood_is_refused_of_a_generator_without_one(data: Words) -> None:
    with pytest.raises(ValueError, match=r"measure.likelihood=Likelihood.*log_prob"):
        evaluate(suite_of(data, 14, likelihood=Likelihood()), Sampler(MLPGenerator((LENGTH, 27)), {}), data)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(num_tokens=20, length=6, width=8, num_samples=400, num_held_out=300, batch_size=16)


def test_nll_of_the_oracle_is_lowest_for_its_own_texts(oracle: Oracle) -> None:
    found = Suite(
        {"tokens": TokenIds()}, {"oracle": OracleLikelihood(), "likelihood": Likelihood()},
        num_samples=200, every_images=1, seed=0, floor=True,
    )  # fmt: skip
    found.prepare(oracle)
    entropy = found.floor["nll_oracle"]
    own = evaluate(found, Sampler(oracle.oracle, {}), oracle).values
    assert own["nll_oracle"] == pytest.approx(entropy, abs=0.15)
    assert own["nll_test"] == pytest.approx(entropy, abs=0.15)
    assert found.baselines["uniform"]["nll_oracle"] > entropy + 1
    cool = evaluate(found, Sampler(oracle.oracle, {}).at(0.3), oracle).values
    assert cool["nll_oracle"] < entropy - 0.2  # a low temperature "beats" the entropy
    assert cool["nll_test"] > own["nll_test"] + 0.2  # and nll_test tells


@pytest.mark.parametrize("measure", [NgramDivergence(), Spelling(), Novelty(), Bleu(), Likelihood()])
def test_texts_are_asked_for(measure: Any) -> None:
    from ganworks.data import Digits

    with pytest.raises(ValueError, match=r"texts"):
        suite(2000, measure=measure).check_data(Digits())


def test_an_oracle_is_asked_for(data: Words) -> None:
    with pytest.raises(ValueError, match=r"nll_oracle=OracleLikelihood.*data=oracle"):
        suite(2, measure=OracleLikelihood()).check_data(data)


def test_every_measure_is_in_a_config_of_texts() -> None:
    conf = Path(__file__).parents[2] / "conf" / "metric"
    content = "".join((conf / f"{name}.yaml").read_text() for name in ("words", "text", "oracle"))
    for measure in (NgramDivergence, Spelling, Novelty, Bleu, Likelihood, OracleLikelihood):
        assert measure.__name__ in content
