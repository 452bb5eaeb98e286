"""A value stands where an annotation allows it, and nowhere else."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from omegaconf import DictConfig as OmegaDict
from torch import nn

from ganworks.errors import SettingError
from ganworks.run.values import checked_value, part_of

BARE = vars(typing)  # whose names without arguments are no classes


class Mode(str, Enum):
    A, B = "a", "b"


RIGHT = [
    (1, int),
    (1e6, int),
    (1, float),
    (True, bool),
    ("a", str),
    ("a", str | Path),
    (None, int | None),
    ([0, 0.9], tuple[float | torch.Tensor, float | torch.Tensor]),
    ([1, 2], Sequence[int]),
    (0.5, int | float | None),
    ("stop", Literal["stop", "skip"]),
    (part_of(nn.Linear), nn.Module),
    (part_of(nn.Linear), Callable[[float], float]),
    ({"a": part_of(nn.Linear), "b": None}, Mapping[str, nn.Module | None]),
    ("anything", Any),
    # What a constructor makes of a text, a number or a list is its own affair.
    ("b", Mode),
    ("cuda", torch.device),
    ("float32", torch.dtype | None),
    ({"hours": 1.5}, str | timedelta | dict[str, int] | None),
    ({"a": 1}, BARE["Dict"]),
    ({"a": [1]}, BARE["Mapping"] | None),
    ([1, 2], BARE["Tuple"]),
    ({"a": 1}, OmegaDict),
    (2**60, int),
]
WRONG = [
    (part_of(nn.Linear), torch.device, "a device"),
    (3, str | timedelta | None, "a text"),
    (["c"], list[Literal["a", "b"]], "a list of values among a, b"),
    (1.5, int, "an integer"),
    (True, int, "an integer"),
    ("3", int, "an integer"),
    (float("nan"), int, "an integer"),
    (10**30, int, "an integer"),
    (True, float, "a finite number"),
    (float("inf"), float, "a finite number"),
    ("0.1", float, "a finite number"),
    (1, bool, "true or false"),
    ("maybe", bool, "true or false"),
    (3, str, "a text"),
    (0.5, Path, "a text"),
    ("abc", int | None, "an integer or null"),
    (True, int | float | None, "an integer, a finite number or null"),
    ([0.5], tuple[float, float], "a list of 2 finite numbers"),
    ("ab", Sequence[str], "a list of texts"),
    ([1, "a"], Sequence[int], "a list of integers"),
    ("go", Literal["stop", "skip"], "stop or skip"),
    (0.999, nn.Module, "a node with the _target_ of a Module"),
    (part_of(dict), nn.Module, "a node with the _target_ of a Module"),
    (part_of(dict), Callable[[float], float], "a node with the _target_ of a function"),
]


@pytest.mark.parametrize(("value", "annotation"), RIGHT)
def test_right_value_passes_as_it_is(value: Any, annotation: Any) -> None:
    assert checked_value("x", value, annotation) == value


@pytest.mark.parametrize(("value", "annotation", "allowed"), WRONG)
def test_wrong_value_is_refused_in_words(value: Any, annotation: Any, allowed: str) -> None:
    with pytest.raises(SettingError) as raised:
        checked_value("group.x", value, annotation)
    assert str(raised.value).startswith("group.x=")
    assert allowed in str(raised.value)


def test_whole_float_becomes_an_integer_but_where_floats_are_allowed() -> None:
    assert isinstance(checked_value("x", 1e3, int), int)
    assert isinstance(checked_value("x", 1.0, int | float), float)  # all batches, not one


def test_number_is_the_name_of_a_folder_where_a_path_belongs() -> None:
    assert checked_value("x", 2026, str | Path) == "2026"


def test_wrong_item_of_a_mapping_is_named() -> None:
    with pytest.raises(SettingError, match=r"x\.b=3: must be a text"):
        checked_value("x", {"a": "y", "b": 3}, Mapping[str, str])
