"""A user's texts: read as they are, split text by text, noticed when they change, kept as numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from conftest import call
from ganworks.data import Text, Words

LINES = [f"line {number:03d} of them" for number in range(200)]


def write(path: Path, lines: list[str], **settings: Any) -> Path:
    path.write_text("\n".join(lines) + "\n", **{"encoding": "utf-8", **settings})
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "lines.txt", LINES)


def sides(data: Text) -> tuple[set[str], set[str]]:
    training, held_out = (set(data.kind.texts(part)) for part in data.parts())
    return training, held_out


def test_lines_that_come_to_a_file_move_few_texts_to_the_other_side(file: Path) -> None:
    training, held_out = sides(Text(file))
    write(file, [*LINES, "one more with a Z in it", "and more of Zs", "ZZZ"])
    now, now_held_out = sides(Text(file))
    assert len(training & now_held_out) + len(held_out & now) <= 2
    assert sides(Text(file, split_seed=1))[1] != now_held_out


@pytest.mark.parametrize("data_set", [Text, Words])
def test_texts_that_changed_are_noticed_when_a_run_is_resumed(
    data_set: type[Text] | type[Words], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    file = write(tmp_path / "lines.txt", lines)
    state = data_set(file).state_dict()
    data_set(file).check_same(state)
    data_set(file).check_same({})  # of a checkpoint that has no record
    with pytest.raises(ValueError, match=r"changed=error: must be accept.*another content"):
        data_set(file, split_seed=2).check_same(state)
    write(file, [*lines, "lambda"])
    with pytest.raises(ValueError, match=r"changed=error.*10 texts and 1 held out, and the run had 9 and 1"):
        data_set(file).check_same(state)
    with caplog.at_level(logging.WARNING):
        data_set(file, changed="accept").check_same(state)
    assert "may have seen some that are held out now" in caplog.text


def test_a_run_is_not_resumed_with_another_file_unless_that_is_accepted(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    settings = (
        "data=text",
        f"data.path={file}",
        "metric=none",
        "model.width=8",
        "trainer=cpu",
        "data.batch_size=8",
    )
    assert call("train", *settings, "num_images=64", f"hydra.run.dir={run}", "~callback.report") == 0
    write(file, [*LINES, "a line that was not there"])
    assert call("train", f"resume={run}", "num_images=128") == 1
    assert "data.changed=error" in capsys.readouterr().err
    assert call("train", f"resume={run}", "num_images=128", "data.changed=accept") == 0


@pytest.mark.parametrize("level", ["letters", "words"])
def test_every_token_comes_back_from_the_configuration_that_keeps_it(level: str, tmp_path: Path) -> None:
    odd = [
        "???",
        "????",
        "null",
        "~",
        "yes",
        "1_000",
        "2020-01-01",
        "1:30",
        "<<",
        "'",
        "#",
        "=",
        "\x00",
        "a\x85b",
        "${x}",
    ]
    file = write(tmp_path / "odd", [*odd, *["is"] * 3])
    data = Text(file, level=level, held_out=0.2)
    saved = OmegaConf.create(OmegaConf.to_yaml(OmegaConf.create({"vocabulary": data.vocabulary})))
    again = Text(
        file, level=level, held_out=0.2, vocabulary=OmegaConf.to_container(saved, resolve=True)["vocabulary"]
    )
    assert again.vocabulary == data.vocabulary
    if level == "words":
        assert {"????", "null", "<<"} <= set(data.vocabulary)
        assert not {"???", "${x}"} & set(data.vocabulary)


@pytest.mark.parametrize(
    ("vocabulary", "words"),
    [
        ([], r"vocabulary=\[\]"),
        (["l", "i", "n"], "begins with"),
        (["<unk>", "", "l"], "begins with"),
        (["", "<unk>", "l", "i", "l"], r"'l', \.\.\., 'l'.*each once"),
        (["", "<unk>", "l", 1], r"vocabulary=.*1"),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(vocabulary: list[Any], words: str, file: Path) -> None:
    with pytest.raises(ValueError, match=words):
        Text(file, vocabulary=vocabulary)


@pytest.mark.parametrize("data_set", [Text, Words])
def test_a_byte_order_mark_is_no_letter(data_set: type[Text] | type[Words], tmp_path: Path) -> None:
    file = write(tmp_path / "bom", ["one", "two", "three"], encoding="utf-8-sig")
    data = data_set(file, held_out=0.4)
    assert sorted(data.kind.texts(torch.cat(data.parts()))) == ["one", "three", "two"]


def test_a_line_ends_where_an_editor_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes("one\u2028still one\r\ntwo\x0bstill two\rthree\x0cstill three\n".encode())
    data = Text(file, held_out=0.4)
    texts = sorted(data.kind.texts(torch.cat(data.parts())))
    assert texts == ["one\u2028still one", "three\x0cstill three", "two\x0bstill two"]
