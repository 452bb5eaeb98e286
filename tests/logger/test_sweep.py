"""The sweeps of W&B that are shipped call `train.py` with settings that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from ganworks.cli import tune
from ganworks.errors import GanworksError
from ganworks.run import compose as composing
from ganworks.run.build import build_run
from ganworks.run.check import check_config
from ganworks.tuning.search import common_overrides
from ganworks.tuning.settings import read_settings

ROOT = Path(__file__).parents[2]
SWEEPS = sorted((ROOT / "sweeps").glob("*.yaml"))


def sides(parameter: dict[str, Any]) -> list[Any]:
    """Return the values of a parameter, or the two ends of its range."""
    return parameter.get("values") or [parameter["min"], parameter["max"]]


def called(sweep: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Return the arguments with which W&B's agent calls the program of ``sweep`` for ``values``."""
    words = create_sweep_command_args({"args": {name: {"value": value} for name, value in values.items()}})
    words |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep["program"]]}
    command: list[str] = []
    for part in create_sweep_command(list(sweep["command"])):
        command += words[part[2:-1]] if part.startswith("${") else [part]
    assert command[:3] == ["/usr/bin/env", "python", "train.py"]
    return command[3:]


def test_there_is_a_sweep() -> None:
    assert [path.stem for path in SWEEPS] == ["digits"]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_sweep_calls_the_training_with_settings_that_it_has(path: Path) -> None:
    assert path.read_text().startswith("# ")
    sweep = yaml.safe_load(path.read_text())
    parameters = sweep["parameters"]
    assert (ROOT / sweep["program"]).exists()
    for picks in (min, max):
        values = {name: picks(sides(parameter)) for name, parameter in parameters.items()}
        assert all(isinstance(value, int | float) for value in values.values())  # no 1e-4, a text in YAML
        arguments = called(sweep, values)
        config = composing.compose(arguments, composing.primary_config(arguments))
        check_config(config)
        assert {name: OmegaConf.select(config, name) for name in values} == values
        assert list(config.logger) == ["wandb"]
    suite = build_run(config).suite
    kind, _, figure = sweep["metric"]["name"].partition("/")
    assert kind == "metric"
    assert sweep["metric"]["goal"] == {"min": "minimize", "max": "maximize"}[suite.better[figure]]


def test_setting_that_there_is_not_would_be_noticed() -> None:
    sweep = yaml.safe_load(SWEEPS[0].read_text())
    with pytest.raises(GanworksError):
        composing.compose(called(sweep, {"optimizer.generator.rate": 0.1}))


def test_trials_of_a_search_are_a_group_in_each_tracker() -> None:
    own, others, flags = tune.split(["tune=digits_lr", "logger=[wandb,mlflow]"])
    settings = read_settings(composing.compose(own, "tune", flags[1:]), others, flags)
    loggers = composing.compose(common_overrides(settings, "7")).logger
    for tracker in (loggers.wandb, loggers.mlflow):
        assert (tracker.group, tracker.name) == ("digits_lr", "digits_lr/7")
