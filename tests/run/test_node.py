"""Nodes of a configuration held against the classes and functions that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.run.check import check_kinds
from ganworks.run.node import check_nodes, hints

if TYPE_CHECKING:
    from somewhere import Unknown

HERE = __name__


class Takes(nn.Module):
    """A network with annotations of several kinds, and any other keyword."""

    def __init__(
        self, width: int = 1, part: nn.Module | None = None, dtype: torch.dtype | None = None, **others: Any
    ) -> None:
        super().__init__()


class Raw(nn.Module):
    def __init__(self, sub: dict[str, Any]) -> None:
        super().__init__()


def make_network(width: int) -> Any:
    return nn.Linear(width, 1)


def augment(x: Tensor, rng: Any = None) -> Tensor:
    return x


def with_a_name_for_type_checkers(width: int, other: Unknown) -> None: ...


LINEAR = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 1}


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": f"{HERE}.Takes", "width": 1e3, "anything": [1], "part": LINEAR},
        {
            "_target_": f"{HERE}.Takes",
            "dtype": {"_target_": "hydra.utils.get_object", "path": "torch.float32"},
        },
        {"_target_": f"{HERE}.Takes", "part": {"_target_": f"{HERE}.make_network", "width": 3}},
        {"_target_": f"{HERE}.Raw", "_recursive_": False, "sub": LINEAR},
    ],
)
def test_what_a_target_takes_passes(node: dict[str, Any]) -> None:
    check_nodes(OmegaConf.create({"model": node}))


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"_target_": f"{HERE}.Takes", "width": "abc"}, "model.width=abc: must be an integer"),
        ({"_target_": f"{HERE}.Takes", "part": {"_target_": "fractions.Fraction"}}, "model.part"),
        ({"_target_": f"{HERE}.Takes", "part": {**LINEAR, "in_feature": 2}}, "Did you mean 'in_features'"),
        ({"_target_": f"{HERE}.make_network", "width": None}, "model.width=null"),
        ({"_target_": f"{HERE}.Raw", "sub": LINEAR}, "model.sub"),
        ({"_target_": "math.pi"}, "model._target_=math.pi"),
    ],
)
def test_what_it_does_not_take_is_named(node: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as raised:
        check_nodes(OmegaConf.create({"model": node}))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"generator": {"_target_": f"{HERE}.make_network", "width": 3}}},
        {"augment": {"_target_": f"{HERE}.augment", "_partial_": True}},
        {"optimizer": {"lr": 0.1, "generator": {"_target_": "torch.optim.AdamW", "_partial_": True}}},
    ],
)
def test_functions_and_shared_settings_have_their_place(settings: dict[str, Any]) -> None:
    check_kinds(settings)


def test_an_annotation_for_type_checkers_alone_leaves_the_others_known() -> None:
    assert hints(with_a_name_for_type_checkers)["width"] is int


def test_whole_floats_of_a_node_become_integers_and_are_written_back() -> None:
    config = OmegaConf.create({"model": {"_target_": f"{HERE}.Takes", "width": 1e3}})
    check_nodes(config)
    assert isinstance(config.model.width, int)
