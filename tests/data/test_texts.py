"""Words, a user's texts and the oracle's: what is read, held out, refused, and drawn again."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from ganworks.data import Oracle, Text, Words
from ganworks.data.markov import MarkovChain
from ganworks.metric.distance.ngram import as_texts
from ganworks.model.layer.tokens import as_ids, ended, read_places
from ganworks.noise import keyed_rng


def texts_of(data: Any, ids: torch.Tensor) -> list[str]:
    return data.kind.texts(ids)


def all_texts(data: Any) -> list[str]:
    return texts_of(data, torch.cat(data.parts()))


def test_bundled_words_are_12000_of_3_to_10_letters() -> None:
    data = Words()
    training, held_out = (texts_of(data, part) for part in data.parts())
    assert (len(training), len(held_out)) == (10_800, 1200)
    assert not set(training) & set(held_out)
    assert all(3 <= len(word) <= 10 and word.isascii() and word.islower() for word in training + held_out)
    notice = (Path(__file__).parents[2] / "src/ganworks/data/words_copyright.txt").read_text(encoding="utf-8")
    assert "Kevin Atkinson" in notice


def test_batches_are_one_hots_that_spell_the_words() -> None:
    data = Words(batch_size=32)
    batch = next(iter(data.train_dataloader()))["real"]
    assert batch.shape == (32, 10, 27)
    assert torch.equal(batch.sum(-1), torch.ones(32, 10))
    assert set(data.kind.texts(batch)) <= set(texts_of(data, data.parts()[0]))


def test_metrics_see_held_out_words_alone() -> None:
    data = Words(batch_size=32)
    seen = {word for batch in data.reference_batches() for word in data.kind.texts(batch["real"])}
    assert seen == set(texts_of(data, data.parts()[1]))


def test_split_is_that_of_its_seed_and_not_of_the_runs() -> None:
    first, other_run, other_split = Words(), Words(seed=5), Words(split_seed=5)
    assert torch.equal(first.parts()[1], other_run.parts()[1])
    assert not torch.equal(first.parts()[1], other_split.parts()[1])
    assert first.fingerprint == other_run.fingerprint != other_split.fingerprint


def test_copies_of_a_text_are_on_the_same_side(tmp_path: Path) -> None:
    path = tmp_path / "list"
    lines = [
        "".join("abc"[i] for i in row) for row in torch.randint(3, (400, 3), generator=keyed_rng(0)).tolist()
    ]
    path.write_text("\n".join(lines))
    training, held_out = (
        texts_of(data, part) for data in [Text(path, held_out=0.3)] for part in data.parts()
    )
    assert not set(training) & set(held_out)
    assert sorted(training + held_out) == sorted(lines)
    assert len(set(held_out)) == round(0.3 * len(set(lines)))


def test_words_of_a_list_are_those_that_fit(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("apple\napple\nAda\nit's\nnaïve\nab\nabc\nabcdefgh\nzebra\n", encoding="utf-8")
    data = Words(path=path, length=5, batch_size=1, held_out=0.4)
    assert sorted(all_texts(data)) == ["abc", "apple", "zebra"]


LINES = [
    "a rose is a rose",
    "",
    "  a violet is blue ",
    "is it",
    "a rose is a rose is a rose is a rose",
    "is it",
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def test_texts_of_words_are_lines_that_are_short_enough(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        data = Text(file, level="words", length=5, batch_size=1, held_out=0.4)
    assert "1 of 5 lines have more than data.length=5 words, up to 11, and are left out" in caplog.text
    assert data.vocabulary[:4] == ["", "<unk>", "is", "a"]
    found = all_texts(data)
    assert sorted(found) == ["a rose is a rose", "a violet is blue", "is it", "is it"]


def test_texts_of_letters_keep_their_spaces(file: Path) -> None:
    data = Text(file, length=20, batch_size=1, held_out=0.4)
    assert "a rose is a rose" in all_texts(data)
    assert data.shape == (20, len(data.vocabulary))


def test_rare_tokens_are_unknown(file: Path) -> None:
    data = Text(file, level="words", length=5, batch_size=1, held_out=0.4, min_count=2)
    assert set(data.vocabulary) == {"", "<unk>", "is", "a", "rose", "it"}
    assert "a <unk> is <unk>" in all_texts(data)
    few = Text(file, level="words", length=5, batch_size=1, held_out=0.4, max_vocabulary=3)
    assert few.vocabulary == ["", "<unk>", "is"]


def test_vocabulary_that_a_run_kept_is_taken_as_it_is(file: Path) -> None:
    first = Text(file, level="words", length=5, batch_size=1, held_out=0.4)
    assert first.settled["vocabulary"] == first.vocabulary
    file.write_text("is is is is it\nit is\n", encoding="utf-8")
    again = Text(file, level="words", length=5, batch_size=1, held_out=0.4, vocabulary=first.vocabulary)
    assert again.vocabulary == first.vocabulary


def test_a_token_that_reads_like_a_reference_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("${oc.env:HOME} is\nis it\n", encoding="utf-8")
    assert Text(path, level="words", batch_size=1, held_out=0.5).vocabulary == ["", "<unk>", "is", "it"]


def write(folder: Path, content: bytes) -> str:
    path = folder / "file.txt"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "settings", "words"),
    [
        (b"", {}, "it is empty"),
        (b"\n \n", {}, "it is empty"),
        (b"\xff\xfe\x00", {}, "UTF-8"),
        (b"a longer line\n", {"length": 4}, "length=4.*13 or more"),
        (b"one\ntwo\n", {"level": "word"}, "level=word.*words"),
        (b"one\ntwo\n", {"num_classes": 3}, "num_classes=3"),
        (b"one\ntwo\n", {"end": 5}, "end=5"),
        (b"one\ntwo\n", {"held_out": 1.0}, "held_out=1"),
        (b"one\none\n", {}, "held_out=0.1"),
        (b"one\ntwo\n", {"num_tokens": 99}, "num_tokens=99"),
        (b"one\ntwo\n", {"max_vocabulary": 2}, "max_vocabulary=2"),
        (b"one\ntwo\n", {"min_count": 0}, "min_count=0"),
    ],
)
def test_a_file_or_a_setting_of_texts_that_does_not_fit_is_named(
    content: bytes, settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        Text(write(tmp_path, content), **{"batch_size": 1, **settings}).parts()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"path": "/nowhere"}, "path=/nowhere"),
        ({"min_length": 11}, "min_length=11"),
        ({"shape": [10, 26]}, r"shape=\[10, 26\]"),
        ({"num_classes": 2}, "num_classes=2"),
        ({"markov_order": -1}, "markov_order=-1"),
        ({"split_seed": -1}, "split_seed=-1"),
    ],
)
def test_a_setting_of_words_that_does_not_fit_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Words(**settings).parts()


def test_a_path_is_asked_for() -> None:
    with pytest.raises(ValueError, match="path=null"):
        Text(None)


def test_oracle_writes_the_same_for_its_seed_whatever_the_runs() -> None:
    settings = {
        "num_tokens": 30,
        "length": 5,
        "width": 6,
        "num_samples": 40,
        "num_held_out": 20,
        "batch_size": 4,
    }
    first, again, other = Oracle(**settings), Oracle(**settings, seed=7), Oracle(**settings, oracle_seed=1)
    assert torch.equal(first.parts()[0], again.parts()[0])
    assert not torch.equal(first.parts()[0], other.parts()[0])
    assert [len(part) for part in first.parts()] == [40, 20]
    weights = torch.cat([parameter.flatten() for parameter in first.oracle.parameters()])
    assert float(weights.std()) == pytest.approx(1, abs=0.1)


def test_markov_chain_draws_as_often_as_it_counted() -> None:
    ids = torch.tensor([[1, 2, 0], [1, 2, 0], [1, 2, 0], [1, 1, 0]])
    drawn = MarkovChain(ids, order=1, vocabulary=3, end=0).sample(4000, 3, keyed_rng(0))
    after_one = [(a, b) for a, b in zip(drawn[:, 0].tolist(), drawn[:, 1].tolist(), strict=True)]
    # 1 is followed by 2 three times, by 1 once and by the end once.
    assert after_one.count((1, 2)) / 4000 == pytest.approx(0.6, abs=0.03)
    assert after_one.count((1, 0)) / 4000 == pytest.approx(0.2, abs=0.03)
    assert (drawn[:, 0] == 1).all()
    assert torch.equal(drawn, ended(drawn, 0))


def test_markov_chain_ends_where_only_texts_of_full_length_have_been() -> None:
    drawn = MarkovChain(torch.tensor([[1, 2, 3], [2, 3, 0]]), order=1, vocabulary=4, end=0).sample(
        50, 6, keyed_rng(0)
    )
    assert set(as_texts(drawn, 0)) == {(1, 2, 3), (2, 3)}


def test_markov_chain_that_looks_back_on_all_of_a_text_copies() -> None:
    data = Words()
    chain = MarkovChain(data.parts()[0], order=10, vocabulary=27, end=0)
    drawn = as_texts(chain.sample(100, 10, keyed_rng(0)), 0)
    assert set(drawn) <= set(as_texts(data.parts()[0], 0))


def test_places_are_read_up_to_the_first_end() -> None:
    one_hots = torch.nn.functional.one_hot(torch.tensor([[2, 0, 1, 0], [1, 1, 1, 1]]), 3).float()
    assert as_ids(one_hots).tolist() == [[2, 0, 1, 0], [1, 1, 1, 1]]
    assert read_places(one_hots, 0).tolist() == [[True, True, False, False], [True] * 4]
    assert ended(as_ids(one_hots), 0).tolist() == [[2, 0, 0, 0], [1, 1, 1, 1]]
    assert read_places(one_hots, None).all()
