"""A run's label says what its command line changed, in letters that may stand in the name of a folder anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ganworks.report.settings import from_default
from ganworks.run import directory
from ganworks.run.compose import compose
from ganworks.run.label import LENGTH, label_of

TINY = ("data=ring", "metric=none", "num_images=64", "callback=basic")


@pytest.mark.parametrize(
    ("overrides", "label"),
    [
        ([], ""),
        (["data=digits", "loss=hinge"], ""),  # they are in the name
        (["loss=hinge", "regularizer=r1", "augment=ada"], "r1_ada"),
        (["regularizer=[r1,r2]", "regularizer.r1.weight=0.5"], "r1+r2_r1-weight0.5"),
        (["model.width=8", "seed=1", "num_images=200_000"], "width8_seed1_num_images200000"),
        (["optimizer.generator.lr=1e-4", "optimizer.discriminator.lr=4e-4"], "generator-lr1e-4_discriminator-lr4e-4"),
        (["model.conditional=true", "data.horizontal_flip=false"], "conditional_no-horizontal_flip"),
        (["~augment.cutout", "metric=none", "regularizer=none"], "no-cutout_no-regularizer"),
        (["data.root=/data/faces", "init_from=runs/digits/2026"], "root-faces_init_from-2026"),
        (["data.root='C:\\\\data\\\\faces'", "+model.note=a b:c*?"], "root-faces_note-a-b-c"),
        (["trainer.devices=4", "logger=wandb", "paths.runs=x", "tags=[a]", "compile=true"], ""),
        (["trainer.precision=bf16-mixed", "trainer=cpu"], "precision-bf16-mixed"),
        (["seed=1", "name=mine"], ""),
        (["regularizer=[]", "data.root=.", "+note=''"], "no-regularizer_root_no-note"),
        (["data.root='/größe ü/日本 faces'"], "root-日本-faces"),
        (["model.generator.channels=[" + ",".join(["1024"] * 9) + "]"], "generator-channels-1024+1024+1024+1024+1024"),
        (["seed=1", "seed=1"], "seed1"),
    ],
)  # fmt: skip
def test_label_says_what_was_changed(overrides: list[str], label: str) -> None:
    assert label_of(overrides, "digits_dcgan_hinge") == label


def test_long_label_ends_with_how_many_more_there_are() -> None:
    label = label_of([f"model.generator.setting{index}=1" for index in range(9)], "digits")
    assert label.endswith("_+7")
    assert label.startswith("generator-setting0-1_generator-setting1-1")
    assert len(label) < LENGTH + 4


def test_label_has_letters_that_every_system_takes() -> None:
    label = label_of(['+note="<>:/\\|?* ."', "x.y='CON:'", "data.root=../.."], "digits")
    assert re.fullmatch(r"[\w.+-]*", label)
    assert not label.endswith(".")


def test_composed_run_has_its_label_and_no_run_differs_by_it() -> None:
    config = compose(["seed=1", "model.width=8"])
    assert config.label == "seed1_width8"
    assert compose(["seed=1", "label=mine"]).label == "mine"
    found = from_default(OmegaConf.to_container(config, resolve=True))
    assert "label" not in dict(found)


def test_run_is_called_by_name_and_label_in_wandb() -> None:
    assert compose(["logger=wandb", "seed=1"]).logger.wandb.name == "digits_dcgan_bce_seed1"
    assert compose(["logger=wandb", "seed=1", "name=mine"]).logger.wandb.name == "mine"


def folder_of(result: object) -> str:
    """The run directory of a dry run, relative to runs/."""
    assert result.code == 0, result.err  # type: ignore[attr-defined]
    return re.search(r"runs/(\S+)", result.out.replace("\\", "/"))[1]  # type: ignore[attr-defined, index]


def test_directory_ends_with_the_label_unless_the_command_names_the_run(ganworks: Callable) -> None:
    moment = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"
    dry = [*TINY, "dry_run=true"]
    assert re.fullmatch(
        rf"ring_mlp_bce/{moment}_num_images64_seed1", folder_of(ganworks("train", *dry, "seed=1"))
    )
    assert re.fullmatch(rf"mine/{moment}", folder_of(ganworks("train", *dry, "seed=1", "name=mine")))
    assert re.fullmatch(rf"ring_mlp_bce/{moment}", folder_of(ganworks("train", *dry, "label=null")))
    assert re.fullmatch(rf"ring_mlp_bce/{moment}_b", folder_of(ganworks("train", *dry, "label=../../b")))


def test_runs_of_a_sweep_are_numbered_and_know_their_labels(ganworks: Callable) -> None:
    assert ganworks("train", "-m", *TINY, "seed=0,1").code == 0
    runs = sorted(Path("runs/ring_mlp_bce/multirun").glob("*/*/config.yaml"))
    assert [path.parent.name for path in runs] == ["0", "1"]
    assert [OmegaConf.load(path).label for path in runs] == ["num_images64_seed0", "num_images64_seed1"]


def test_runs_of_one_second_and_label_have_directories_of_their_own(tmp_path: Path) -> None:
    moment = "2026-11-26_18-41-02"
    names = [Path(directory.claim(str(tmp_path), "a", moment, "", "x")).name for _ in range(3)]
    assert names == [f"{moment}_x", f"{moment}-01_x", f"{moment}-02_x"]
    assert sorted([*names, "2026-11-26_18-41-03_x"])[-1] == "2026-11-26_18-41-03_x"
