"""A setting is named in errors as the user gave it, wherever the check is that found the mistake."""

from __future__ import annotations

import pytest
from omegaconf import DictConfig, OmegaConf

from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.run.instantiate import make


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("n_critic", "task.n_critic"),
        ("task.n_critic", "task.n_critic"),
        ("task", "task"),
        ("tasks", "task.tasks"),
        ("root", "real"),
    ],
)
def test_path_is_put_before_a_setting_once_and_a_renamed_one_stands_alone(setting: str, named: str) -> None:
    with pytest.raises(SettingError) as caught, setting_path("task", renamed={"root": "real"}):
        raise SettingError(setting, 0, "an integer from 1 up")
    assert caught.value.setting == named
    assert str(caught.value).startswith(f"{named}=0: must be")


def test_paths_of_blocks_inside_each_other_add_up() -> None:
    with pytest.raises(SettingError) as caught, setting_path("metric"), setting_path("measure.ms_ssim"):
        raise SettingError("num_scales", 5, "at most 3")
    assert caught.value.setting == "metric.measure.ms_ssim.num_scales"


def test_other_errors_pass() -> None:
    with pytest.raises(GanworksError, match=r"^as it was$"), setting_path("task"):
        raise GanworksError("as it was")


class Part:
    """Takes a count, and may hold another part."""

    def __init__(self, count: int, inner: object = None, owner: object = None) -> None:
        if count < 1:
            raise SettingError("count", count, "an integer from 1 up")
        if count > 9:
            raise ValueError("too many")


def node(count: int, **parts: object) -> DictConfig:
    return OmegaConf.create({"part": {"_target_": f"{__name__}.Part", "count": count, **parts}})


@pytest.mark.parametrize("kwargs", [{}, {"owner": object()}], ids=["alone", "with an object"])
def test_constructors_errors_name_the_node(kwargs: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"^part\.count=0: must be an integer"):
        make("part", node(0).part, **kwargs)
    with pytest.raises(GanworksError, match=r"^part: too many"):
        make("part", node(10).part, **kwargs)
    assert isinstance(make("part", node(1).part, **kwargs), Part)


@pytest.mark.parametrize("kwargs", [{}, {"owner": object()}], ids=["alone", "with an object"])
def test_error_of_a_nested_node_names_that_node(kwargs: dict[str, object]) -> None:
    config = node(1, inner=node(0).part)
    with pytest.raises(SettingError, match=r"^part\.inner\.count=0"):
        make("part", config.part, **kwargs)
