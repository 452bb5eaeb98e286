"""Every option of every group composes, and the command line has the last word."""

from __future__ import annotations

import gc
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ganworks.cli.train import for_hydra
from ganworks.errors import SettingError
from ganworks.run import compose as composing
from ganworks.run.check import check_config
from ganworks.task import AdversarialTask
from running import compose

CONF = Path(__file__).parents[2] / "conf"
GROUPS = sorted(
    path.name for path in CONF.iterdir() if path.is_dir() and path.name not in ("hydra", "tune", "local")
)
OPTIONS = [f"{group}={path.stem}" for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
FILES = ("config.yaml", "metrics.csv", "summary.json", "train.log", "checkpoints/last.ckpt")


@pytest.mark.parametrize("option", OPTIONS)
def test_option_composes_and_its_targets_take_its_settings(option: str) -> None:
    model = ["model=distil"] if option.startswith("task=distil") else []  # made for each other
    check_config(compose(*model, option))


def test_setting_that_a_target_does_not_take_is_noticed() -> None:
    with pytest.raises(SettingError, match=r"loss\.slope"):
        check_config(compose("loss=hinge", "+loss.slope=2"))


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["loss=wgan_gp"], "task.n_critic", 5),
        (["loss=wgan_gp", "task.n_critic=2"], "task.n_critic", 2),
        (["task.n_critic=2", "loss=wgan_gp"], "task.n_critic", 2),
        (["loss=wgan_gp"], "regularizer.gradient_penalty.weight", 10.0),
        (["loss=wgan_gp", "regularizer=none"], "regularizer", {}),
        (["loss=wgan_gp", "regularizer.gradient_penalty.weight=1"], "regularizer.gradient_penalty.weight", 1),
        (["data=digits"], "metric.measure.fd_digits.extractor", "digits"),
        (["data=digits", "metric=none"], "metric.measure", {}),
        (
            ["data=digits", "metric=[fid,precision_recall]"],
            "metric.measure.precision_recall.num_neighbours",
            5,
        ),
        (["data=ring"], "model.generator._target_", "ganworks.model.MLPGenerator"),
        (["data=digits", "data.resolution=16"], "model.generator.shape", [1, 16, 16]),
        (["data=cifar10", "num_images=5"], "num_images", 5),
        (["loss=bce", "regularizer=r1"], "model.discriminator.norm", "none"),
        (
            ["loss=bce", "regularizer=r1", "model.discriminator.norm=layer"],
            "model.discriminator.norm",
            "layer",
        ),
        (["model.conditional=true"], "model.discriminator.num_classes", 10),
        (["num_images=1000"], "callback.checkpoint.every_images", 50),
        (["name=mine", "seed=3"], "data.seed", 3),
    ],
)
def test_choices_bring_what_belongs_to_them_and_the_command_line_wins(
    overrides: list[str], key: str, value: object
) -> None:
    config = OmegaConf.to_container(compose(*overrides), resolve=True)
    node = config
    for name in key.split("."):
        node = node[name]
    assert node == value


def test_several_loggers_compose_at_once() -> None:
    assert list(compose("logger=[wandb,tensorboard]").logger) == ["wandb", "tensorboard"]
    assert list(compose("logger=csv").logger) == []


def test_run_is_named_after_what_was_chosen(ganworks: Callable) -> None:
    result = ganworks("train", "data=digits", "loss=hinge", "model=resnet", "model.width=8", "dry_run=true")
    assert "runs/digits_resnet_hinge/" in result.out


def test_bare_command_runs_the_tuned_recipe_and_a_choice_of_a_part_does_not(ganworks: Callable) -> None:
    assert "runs/digits_dcgan/" in ganworks("train", "dry_run=true").out
    assert "runs/digits_dcgan/" in ganworks("train", "dry_run=true", "seed=1", "model.width=8").out
    assert "runs/digits_dcgan_bce/" in ganworks("train", "dry_run=true", "loss=bce").out


RECIPE = compose("experiment=digits_dcgan")
KEEPS_THE_RECIPE = [
    *("seed=1", "num_images=5", "model.width=8", "name=mine", "+trainer.num_sanity_val_steps=0", "~callback.report"),
    *("data=digits", "trainer=cpu", "trainer.devices=2", "callback=basic", "callback.checkpoint.every_images=9"),
    *("metric=none", "metric.num_samples=64", "logger=wandb", "paths.runs=elsewhere", "debug=quick"),
]  # fmt: skip
LEAVES_IT_OUT = [
    *("loss=bce", "loss=hinge", "model=dcgan", "regularizer=none", "regularizer=[r1,r2]", "optimizer=adam_ttur"),
    *("augment=diffaugment", "task=adversarial", "data=ring", "experiment=null", "~regularizer"),
]  # fmt: skip


def composed_as_by_the_command(*arguments: str) -> DictConfig:
    return composing.compose(arguments, composing.primary_config(arguments))


def test_bare_command_is_the_recipe() -> None:
    assert composed_as_by_the_command() == RECIPE
    assert compose() != RECIPE  # control: the plain defaults


@pytest.mark.parametrize("argument", KEEPS_THE_RECIPE)
def test_what_chooses_no_part_keeps_the_recipe(argument: str) -> None:
    assert composed_as_by_the_command(argument) == compose("experiment=digits_dcgan", argument)


@pytest.mark.parametrize("argument", LEAVES_IT_OUT)
def test_plain_defaults_stand_around_a_part_that_is_chosen(argument: str) -> None:
    assert composed_as_by_the_command(argument, "seed=1") == compose(argument, "seed=1")


def test_experiment_is_what_it_is_whatever_is_chosen_beside_it() -> None:
    arguments = ("experiment=digits_r3gan", "loss=hinge", "debug=quick")
    assert composed_as_by_the_command(*arguments) == compose(*arguments)
    assert compose(*arguments).optimizer.generator.lr == 3e-3


def test_file_with_the_recipe_names_every_part() -> None:
    comment = " ".join(line for line in (CONF / "bare.yaml").read_text().splitlines() if line.startswith("#"))
    assert [part for part in composing.PARTS if f" {part}" not in comment] == []


def test_quick_look_is_at_the_run_of_the_bare_command(ganworks: Callable) -> None:
    result = ganworks("train", "debug=quick", "dry_run=true")
    assert "runs/digits_dcgan/" in result.out
    assert "regularizers: r1" in result.out
    assert "512 images" in result.out


def test_sweep_without_a_part_is_of_the_recipe(ganworks: Callable) -> None:
    result = ganworks("train", "seed=0,1", "-m", "model.width=8", "dry_run=true")
    assert result.code == 0, result.err
    assert result.out.count("digits_dcgan: the plan") == 2
    assert "runs/digits_dcgan/multirun/" in result.out


def test_help_lists_groups_and_settings(ganworks: Callable) -> None:
    result = ganworks("train", "--help")
    assert result.code == 0
    assert "regularizer: auxiliary_classifier, balanced_consistency" in result.out
    assert "num_images: 720000" in result.out


def test_flag_of_a_sweep_may_stand_anywhere_and_no_null_reaches_hydra() -> None:
    assert for_hydra(["seed=1", "-m", "loss=bce,hinge"]) == ["--multirun", "seed=1", "loss=bce,hinge"]
    assert for_hydra(["--cfg", "job", "experiment=null", "seed=1"]) == ["--cfg=job", "seed=1"]


@pytest.mark.parametrize("variable", ["RANK", "SLURM_PROCID"])
def test_first_rank_alone_has_the_run_directory(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def places() -> tuple[str, str]:
        node = composing.compose(with_hydra=True).hydra
        return node.run.dir, node.sweep.dir

    monkeypatch.setenv(variable, "0")
    assert all(place.startswith("runs/") for place in places())
    monkeypatch.setenv(variable, "1")
    assert all(Path(place).is_dir() and not place.startswith("runs/") for place in places())


def test_dry_run_prints_the_plan_and_writes_nothing(ganworks: Callable) -> None:
    result = ganworks(
        "train", "loss=wgan_gp", "data=digits", "model.width=8", "num_images=1000", "dry_run=true"
    )
    assert result.code == 0
    for words in (
        "1,797 samples of 1 x 8 x 8",
        "parameters",
        "gradient_penalty",
        "1,000 images in 16 batches of 64",
    ):
        assert words in result.out
    assert "3 generator updates" in " ".join(result.out.split())
    assert list(Path.cwd().rglob("*")) == []


def test_sweep_makes_one_folder_with_a_whole_run_for_each_job(ganworks: Callable) -> None:
    arguments = (
        "loss=bce,hinge",
        "num_images=64",
        "model.width=8",
        "metric=none",
        "callback.sample_grid.num=4",
    )
    result = ganworks("train", "-m", *arguments)
    assert result.code == 0, result.err
    (sweep,) = Path("runs").glob("*/multirun/*")
    assert sorted(path.name for path in sweep.iterdir() if path.is_dir()) == ["0", "1"]
    assert [path.name for path in Path("runs").iterdir()] == ["digits_dcgan_loss"]
    for job in ("0", "1"):
        assert all((sweep / job / name).exists() for name in FILES)
        assert json.loads((sweep / job / "summary.json").read_text())["status"] == "finished"
    losses = [OmegaConf.load(sweep / job / "config.yaml").loss._target_ for job in ("0", "1")]
    assert losses == ["ganworks.loss.BCE", "ganworks.loss.Hinge"]


def test_jobs_of_a_sweep_leave_no_networks_and_no_handler_behind(ganworks: Callable) -> None:
    gc.collect()
    before, handler = num_tasks(), signal.getsignal(signal.SIGTERM)
    gc.disable()
    try:
        result = ganworks("train", "-m", "seed=0,1", "num_images=64", "model.width=8", "metric=none")
    finally:
        gc.enable()
    assert result.code == 0, result.err
    assert num_tasks() == before
    assert signal.getsignal(signal.SIGTERM) is handler


def num_tasks() -> int:
    return sum(issubclass(type(thing), AdversarialTask) for thing in gc.get_objects())


def test_wrong_option_in_a_sweep_stops_it_before_the_first_job(ganworks: Callable) -> None:
    result = ganworks("train", "-m", "loss=bce,hinges", "num_images=64")
    assert result.code == 1
    assert "loss=hinges" in result.err
    assert "Did you mean 'hinge'?" in result.err
    assert not list(Path.cwd().rglob("config.yaml"))


def test_sweep_over_experiments_is_not_named_after_one_of_them(ganworks: Callable) -> None:
    arguments = ("experiment=digits_dcgan,digits_r3gan", "dry_run=true", "model.width=8")
    result = ganworks("train", "-m", *arguments)
    assert result.code == 0, result.err
    assert "runs/experiment/multirun/" in result.out


THEIR_CODE = """
from dataclasses import dataclass
import torch

@dataclass(frozen=True)
class Softened:
    slope: float = 1.0
    relativistic = False

    def discriminator(self, real_logits, fake_logits):
        return (self.slope * (fake_logits - real_logits)).exp().mean()

    def generator(self, fake_logits, real_logits):
        return -fake_logits.mean()
"""
THEIR_CONFIG = """# @package _global_
loss:
  _target_: theirs.Softened
  slope: 0.5
"""


@pytest.fixture
def their_configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user, and the folder of its configs."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "theirs.py").write_text(THEIR_CODE)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    (tmp_path / "theirs" / "loss").mkdir(parents=True)
    (tmp_path / "theirs" / "loss" / "softened.yaml").write_text(THEIR_CONFIG)
    return tmp_path / "theirs"


def test_loss_of_a_users_own_package_trains_through_a_config_dir(
    ganworks: Callable, their_configs: Path
) -> None:
    arguments = ("loss=softened", "num_images=64", "model.width=8", "metric=none", "loss.slope=0.25")
    result = ganworks("train", "--config-dir", str(their_configs), *arguments)
    assert result.code == 0, result.err
    (path,) = Path("runs/digits_dcgan_softened").rglob("config.yaml")
    assert OmegaConf.load(path).loss == {"_target_": "theirs.Softened", "slope": 0.25}
    result = ganworks("train", "--config-dir", str(their_configs), "loss=softned")
    assert "softened" in result.err  # their options are among those that are offered


def test_loss_of_a_users_own_package_is_found_on_the_search_path(
    ganworks: Callable, their_configs: Path
) -> None:
    path = f"hydra.searchpath=[file://{their_configs}]"
    result = ganworks("train", path, "loss=softened", "model.width=8", "dry_run=true")
    assert result.code == 0, result.err
    assert "Softened(slope=0.5)" in result.out
    assert ganworks("train", "loss=softened", "dry_run=true").code == 1  # control: not ours


def test_class_by_its_path_needs_no_config(ganworks: Callable, their_configs: Path) -> None:
    result = ganworks("train", "loss=hinge", "loss._target_=theirs.Softened", "~loss.margin", "dry_run=true")
    assert result.code == 0, result.err
    assert "Softened(slope=1.0)" in result.out
