"""The ranks that docs/metrics.md claims, without the figures that train a classifier for each rung."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ganworks.metric import DigitsAccuracy

ROOT = Path(__file__).parents[2]
SLOW = {"classifier_accuracy", "classifier_accuracy_reverse"}


@pytest.fixture(scope="module")
def ladder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quality_ladder", ROOT / "benchmarks" / "quality_ladder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["quality_ladder"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def climbed(ladder: ModuleType) -> tuple[dict, dict]:
    """The figures of each rung, and the rungs that each figure ranks wrongly."""
    measures = [measure for measure in ladder.MEASURES if not isinstance(measure, DigitsAccuracy)]
    with torch.no_grad():
        figures, margin = ladder.climb(measures), ladder.chance(measures)
    return figures, ladder.misranked(figures, margin, ladder.better_of(measures))


def documented() -> dict[str, set[str]]:
    """Return for each figure the rungs that the table of docs/metrics.md marks as ranked wrongly."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    (header,) = re.findall(r"^\| figure \|(.*unseen.*)\|$", text, flags=re.M)
    columns = [cell.strip() for cell in header.split("|")]
    rows = re.findall(r"^\| `(\w+)` [↓↑] \|(.*)\|$", text, flags=re.M)
    return {
        name: {column for column, cell in zip(columns, cells.split("|"), strict=True) if "!" in cell}
        for name, cells in rows
    }


def test_table_of_the_docs_marks_what_each_figure_ranks_wrongly(climbed):
    _, wrong = climbed
    claimed = documented()
    assert set(claimed) == set(wrong) | SLOW
    assert {name: set(rungs) for name, rungs in wrong.items()} == {
        name: rungs for name, rungs in claimed.items() if name not in SLOW
    }


def test_distances_between_clouds_see_everything_but_copies_and_wrong_labels(climbed):
    _, wrong = climbed
    for name in ("fd_digits", "kid", "cmmd_digits", "coverage"):
        assert wrong[name] == ["copies", "shuffled"], name


def test_every_failure_is_seen_by_some_figure_and_none_sees_them_all(climbed):
    figures, wrong = climbed
    for rung in set(figures) - {"unseen"}:
        assert any(rung not in rungs for rungs in wrong.values()), rung
    assert all(wrong.values())


def test_only_the_figures_of_memorisation_see_copies_and_only_those_of_labels_shuffled_ones(climbed):
    _, wrong = climbed
    assert {name for name, rungs in wrong.items() if "copies" not in rungs} == {"memorised", "authenticity"}
    assert {name for name, rungs in wrong.items() if "shuffled" not in rungs} == {"intra_fd_digits"}


def test_precision_and_the_score_are_content_with_one_good_image_a_class(climbed):
    _, wrong = climbed
    for name in ("precision", "density", "score_digits", "class_ratio", "class_kl"):
        assert "1 a class" in wrong[name]
    for name in ("recall", "coverage", "intra_fd_digits", "ssim"):
        assert "1 a class" not in wrong[name]  # control


def test_marks_follow_from_floor_margin_and_kind(ladder):
    figures = {
        name: {"d": value, "p": -value}
        for name, value in {
            "unseen": 1.0,
            "1 class lost": 1.05,
            "3 lost": 4.0,
            "1 class": 3.0,
            "1 image": 3.05,
            "copies": 0.0,
        }.items()
    }
    wrong = ladder.misranked(figures, {"d": 0.1, "p": 0.1}, {"d": "min", "p": "max"})
    assert wrong == {"d": ["1 class lost", "1 class", "copies"], "p": ["1 class lost", "1 class", "copies"]}
