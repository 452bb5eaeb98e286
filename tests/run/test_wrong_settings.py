"""No setting takes what makes no sense there: each is told by its name, its value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache, partial
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from ganworks.cli.arguments import parse
from ganworks.cli.sample import Arguments as SampleArguments
from ganworks.errors import GanworksError
from ganworks.evaluation.arguments import Arguments as EvaluateArguments
from ganworks.run.build import build_run
from ganworks.run.check import check_config, drop_leftovers
from ganworks.run.compose import compose
from ganworks.tuning.settings import read_settings

NAN, INF = float("nan"), float("inf")
WORDS = ("abc", True, [1], {"a": 1}, NAN, INF)  # no number
NO_COUNT = (*WORDS, 0, -1, 1.5, None, "3")
NO_KEY = (*WORDS, -1, 1.5, None)
NO_SWITCH = ("maybe", 1, 0.5, None, "true")
NO_RATE = ("fast", True, [1], NAN, INF, None)
NO_NODE = (0.999, "abc", [1])

RECIPES = {
    "digits": ["experiment=digits_dcgan", "metric=digits"],
    "penalty": ["model=resnet", "loss=wgan_gp", "augment=diffaugment", "metric=none", "data.resolution=16"],
    "points": ["data=ring", "model=mlp"],
}
# recipe: setting: values that it must not take
WRONG: dict[str, dict[str, tuple[Any, ...]]] = {
    "digits": {
        "seed": NO_KEY,
        "num_images": NO_COUNT,
        "num_threads": ("abc", 0, -1, 1.5, True),
        "dry_run": ("abc", 1, None),
        "compile": NO_SWITCH,
        "channels_last": ("abc", 1),
        "name": ("", " ", True, [1], None),
        "tags": (3, {"a": 1}, None),
        "init_from": (True, 1.5, [1]),
        "paths.runs": (True, None, [1], 1.5),
        "model.conditional": NO_SWITCH,
        "model.width": NO_COUNT,
        "model.generator.latent_dim": ("abc", 0, -1, 1.5, True),
        "model.discriminator.norm": (3, "btach", True),
        "data.batch_size": (*NO_COUNT, 10_000),
        "data.horizontal_flip": NO_SWITCH,
        "data.resolution": ("abc", 0, -8, 8.5, True, None),
        "data.channels": ("abc", 0, True),
        "data.min_batches": ("abc", -1, 1.5),
        "task.n_critic": NO_COUNT,
        "task.accumulate": (*NO_COUNT, 3),
        "task.patience": NO_COUNT,
        "task.gradient_clip": ("abc", -1, True, NAN, INF),
        "task.ema": NO_NODE,
        "task.ema.half_life": (*NO_RATE, -1),
        "task.ema.ramp_up": ("abc", -1, NAN, True),
        "task.freeze.generator": (3, True, {"a": 1}, ["no.such.*"]),
        "task.phases": (3, "abc", {"warm_up": 0.5}),
        "optimizer.generator.lr": (*NO_RATE, -1),
        "optimizer.discriminator.betas": ([0.5], 0.5, "abc", [0.5, True], [0.5, 2], [0, NAN]),
        "optimizer.schedule.lr_end": ("abc", NAN, True),
        "regularizer.r1.weight": (*NO_RATE, 0, -1),
        "regularizer.r1.every": NO_COUNT,
        "loss": ({"_target_": "ganworks.task.ExponentialMovingAverage"}, {"_target_": "ganworks.loss.BC"}),
        "loss.label_smoothing": ("abc", 2, -1, NAN),
        "metric.num_samples": (*NO_COUNT, 1),
        "metric.every_images": NO_COUNT,
        "metric.floor": NO_SWITCH,
        "metric.best": (3, "fd_digit", True),
        "metric.measure.kid_digits.subset_size": ("abc", 1, 2.5),
        "metric.measure.memorised.ratio": ("abc", -1, NAN),
        "metric.measure.fd_digits": NO_NODE,
        "callback.checkpoint.every_images": ("abc", 0, -1, NAN, True),
        "callback.sample_grid.num": ("abc", 0, 1.5, None),
        "callback.doctor.on_divergence": ("explode", 3, None),
        "callback.doctor.max_restores": ("abc", -1, 1.5),
        "callback.doctor.lr_factor": ("abc", -1, NAN),
        "callback.mine": (3, {"_target_": "ganworks.loss.BCE"}, {"_target_": "json.dumps"}),
        "trainer.max_steps": ("abc", 1.5, True, None, NAN),
        "trainer.devices": ("abc", 1.5, True, 0, {"a": 1}),
        "trainer.num_nodes": ("abc", 0, -1, 1.5),
        "trainer.precision": (17, "half", True),
        "trainer.accelerator": ("gqu", 3),
        "trainer.log_every_n_steps": ("abc", 0, -1, 1.5, None),
        "trainer.limit_train_batches": ("abc", -1, 1.5, True),
        "trainer.max_time": ("soon", 3, True),
        "trainer.deterministic": ("maybe", 3),
        "trainer.profiler": (3, "none such"),
        "trainer.detect_anomaly": NO_SWITCH,
    },
    "penalty": {
        "model.num_blocks": ("abc", 0, 1.5, True),
        "model.patch_size": ("abc", 0, 3, 1.5),
        "regularizer.gradient_penalty.weight": (*NO_RATE, 0, -1),
        "augment": ({"_target_": "math.pi"}, {"_target_": "ganworks.loss.BCE"}),
        "augment.translation.ratio": ("abc", -1, NAN, True),
        "optimizer.generator._target_": ("torch.optim.Adm", "torch.nn.Linear", 3, None),
        "data.shape": ("abc", [3], [0, 16, 16], 16),
    },
    "points": {
        "data.radius": ("abc", NAN, True),
        "data.sigma": ("abc", -1, INF),
        "data.num_samples": ("abc", 0, 1.5),
        "model.generator.depth": ("abc", 0, 1.5, True),
        "metric.measure.modes.num_sigmas": ("abc", -1, NAN),
        "metric.measure.sliced_w2.num_rows": ("abc", -1, 1, 1.5),
    },
}
CASES = [
    (recipe, setting, value)
    for recipe, settings in WRONG.items()
    for setting, values in settings.items()
    for value in values
]


@cache
def composed(recipe: str) -> DictConfig:
    config = compose(RECIPES[recipe])
    OmegaConf.set_struct(config, False)
    return config


def build(recipe: str, setting: str = "num_threads", value: Any = 1) -> None:
    """Check and build the run of a recipe with one setting changed, as `train.py` does before it writes anything."""
    config = deepcopy(composed(recipe))
    OmegaConf.update(config, setting, value, merge=False, force_add=True)
    drop_leftovers(config)
    check_config(config)
    build_run(config)


def refusal(take: Callable[[str, Any], Any], setting: str, value: Any) -> str:
    """Return what is said where a setting takes a value that makes no sense."""
    try:
        take(setting, value)
    except GanworksError as error:
        return str(error)
    pytest.fail(f"{setting}={value!r} was accepted")


def test_table_is_large_enough() -> None:
    assert len(CASES) >= 150


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_itself_is_right(recipe: str) -> None:
    build(recipe)  # control


@pytest.mark.parametrize(("recipe", "setting"), [(r, s) for r, settings in WRONG.items() for s in settings])
def test_wrong_value_is_told_before_training(recipe: str, setting: str) -> None:
    for value in WRONG[recipe][setting]:
        message = refusal(partial(build, recipe), setting, value)
        assert setting.rpartition(".")[2] in message, message
        assert "\n" not in message, message


ARGUMENTS: dict[type, list[str]] = {
    SampleArguments: [
        "num=nan",
        "num=1.5",
        "num=true",
        "seed=1e400",
        "seed=abc",
        "truncation=nan",
        "columns=x",
    ],
    EvaluateArguments: [
        "seeds=1.5",
        "seed=inf",
        "figures=maybe",
        "devices=two",
        "truncation=inf",
        "channels=rgb",
    ],
}


def wrong_arguments() -> Iterator[tuple[type, str]]:
    for schema, arguments in ARGUMENTS.items():
        yield from ((schema, argument) for argument in arguments)


@pytest.mark.parametrize(("schema", "argument"), wrong_arguments())
def test_wrong_argument_of_a_command_is_told(schema: type, argument: str) -> None:
    with pytest.raises(GanworksError, match=argument.partition("=")[0]):
        parse(schema, [argument])


TUNE: dict[str, tuple[Any, ...]] = {
    "num_trials": NO_COUNT,
    "workers": NO_COUNT,
    "seed": NO_KEY,
    "direction": ("down", 3, None),
    "sampler": ("bayes", 3),
    "pruner": ("halve", 3),
    "reduction_factor": (*WORDS, 1, 1.5),
    "collapse": (3, {"coverage": "low"}),
    "fixed": ("abc", 3),
    "report": ("maybe", 1),
    "top_k": ("abc", -1, 1.5),
    "name": ("", "a/b", "../up", None),
}


@pytest.mark.parametrize("setting", TUNE)
def test_wrong_setting_of_a_search_is_told(setting: str) -> None:
    base = compose(["tune=digits_lr"], "tune")
    OmegaConf.set_struct(base, False)

    def read(setting: str, value: Any) -> None:
        config = deepcopy(base)
        OmegaConf.update(config, setting, value, merge=False)
        read_settings(config, [], [])

    read("num_trials", 3)  # control
    for value in TUNE[setting]:
        assert setting in refusal(read, setting, value)
