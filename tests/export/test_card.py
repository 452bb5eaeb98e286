"""Cards of texts, of translators, and of figures that belong to other weights than these."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from exporting import CASES, build
from ganworks import load_generator
from ganworks.export.card import Words, write_card
from ganworks.export.figures import Figures, figures_of
from ganworks.export.folder import export
from ganworks.export.picture import save_picture
from ganworks.logger import AXIS
from ganworks.report.record import Record


def card_of(name: str, out: Path, record: Record | None = None) -> str:
    sampler = build(CASES[name])
    exported = export(sampler, out, ["safetensors"], say=lambda line: None)
    pictures, how = save_picture(sampler, out, record)
    return write_card(exported, sampler, None, Figures(), Words(repo="me/it"), pictures, how).read_text()


def test_card_of_texts_shows_lines_of_them(tmp_path: Path) -> None:
    text = card_of("lstm", tmp_path)
    first = (tmp_path / "samples.txt").read_text().splitlines()[0]
    assert f"```text\n{first}\n" in text
    assert "pipeline_tag" not in text
    assert 'load_generator("hf://me/it")' in text


def test_card_of_a_translator_has_the_runs_picture_at_these_weights(tmp_path: Path) -> None:
    grids = []
    for seen in (100, 200):
        file = tmp_path / f"{seen:012d}.png"
        Image.new("L", (seen, 8)).save(file)
        grids.append((seen, file))
    sampler = build(CASES["bending"])
    sampler.config["images_seen"] = 150
    ((path,), how) = save_picture(sampler, tmp_path, Record(tmp_path, grids=grids))
    assert Image.open(path).width == 100
    assert "after 100 real samples" in how
    text = card_of("bending", tmp_path / "out")
    assert "pipeline_tag: image-to-image" in text
    assert 'conditions={"source": source}' in text


def test_translators_of_both_ways_load_again(tmp_path: Path) -> None:
    card_of("bending_cycle", tmp_path)
    assert set(load_generator(tmp_path).generator) == {"forth", "back"}


@pytest.mark.parametrize(("seen", "value"), [(100, 5.0), (200, 3.0), (150, None)])
def test_figures_are_those_of_the_weights(tmp_path: Path, seen: int, value: float | None) -> None:
    rows = [{AXIS: 100.0, "metric/fd": 5.0}, {AXIS: 200.0, "metric/fd": 3.0}]
    summary = {"images_seen": 200, "metrics": {"fd": 3.0}, "floor": {"fd": 1.0}, "contract": {"num_fake": 8}}
    figures = figures_of(Record(tmp_path, summary, rows=rows), seen, num_evaluations=2)
    assert figures.values.get("fd") == value
    assert figures.beside == ({} if value is None else {"held-out real data": {"fd": 1.0}})
