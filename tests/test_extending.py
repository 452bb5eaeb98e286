"""The package of docs/extending.md is what a reader gets who writes it: it trains, and its mistakes are named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganworks.doctor import RULES, Setup
from ganworks.doctor.advice import possible
from pages import EXTENDING, blocks, commands, named
from running import checkpoint, differences


@pytest.fixture(scope="module")
def mygan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package of docs/extending.md, as a reader would write it."""
    folder = tmp_path_factory.mktemp("extending")
    for language in ("python", "yaml", "toml"):
        for block in blocks(EXTENDING, language):
            name, _, content = block.removeprefix("# ").partition("\n")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    (folder / "mygan" / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder


def test_package_of_the_docs_has_the_files_that_it_lists(mygan: Path) -> None:
    listed = re.findall(r"[\w/]+\.(?:py|yaml|toml)", blocks(EXTENDING, "")[0])
    written = [path for path in mygan.rglob("*.*") if path.suffix in (".py", ".yaml", ".toml")]
    written = [
        path.relative_to(mygan) for path in written if path.name != "mygan.yaml"
    ]  # that one comes later
    assert sorted(str(path).removeprefix("mygan/").removeprefix("conf/") for path in written) == sorted(
        listed
    )


def test_loss_of_the_docs_is_that_of_its_formula(mygan: Path) -> None:
    from mygan.loss import PearsonChi2

    # E[t^2 / 4 + t] at t = 2, less E[D(x)] at 1
    assert PearsonChi2().discriminator(torch.ones(3), torch.full((3,), 2.0)) == 2


def test_package_of_the_docs_trains_and_samples(mygan: Path, ganworks: Callable) -> None:
    (command,) = [a for _, a in commands("train", EXTENDING) if "experiment=discs" in a]
    command = [sys.executable, "-m", "ganworks.cli.train", *command, "num_images=128", "trainer=cpu"]
    environment = {**os.environ, "PYTHONPATH": str(mygan), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*command, "trainer.log_every_n_steps=1"], cwd=mygan, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    (run_dir,) = (mygan / "runs" / "discs").iterdir()
    summary = json.loads((run_dir / "summary.json").read_text())
    assert (summary["status"], summary["images_seen"], summary["generator_updates"]) == ("finished", 128, 2)
    terms = {"train/generator/mean_matching", "train/discriminator/r1", "train/generator/adversarial"}
    assert terms <= set((run_dir / "metrics.csv").read_text().splitlines()[0].split(","))
    assert ganworks("sample", f"run={run_dir}", "num=4", "out=four.npy").code == 1
    assert (
        ganworks("sample", f"run={run_dir}", "trust=mygan", "num=4", "out=four.npy").code == 0
    )  # without --config-dir


COMPOSED = [
    each for each in commands("train", EXTENDING) if not any(a.startswith("resume=") for a in each[1])
]


@pytest.mark.parametrize("arguments", named(COMPOSED))
def test_documented_training_with_the_package_passes_all_checks(
    arguments: list[str], mygan: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mygan)
    arguments = [a.replace("$PWD", str(mygan)) for a in arguments if a != "dry_run=true"]
    result = ganworks("train", *arguments, "dry_run=true")
    assert result.code == 0, result.err


BEYOND_IMAGES = [
    pytest.param(arguments, id=" ".join(arguments[2:]))
    for _, arguments in commands("train", EXTENDING)
    if not {"loss=pearson", "dry_run=true", "experiment=discs", "model=dcgan"} & set(arguments)
    and "--config-dir" in arguments
]


@pytest.mark.parametrize("arguments", BEYOND_IMAGES)
def test_parts_beyond_plain_images_train_resume_to_the_bit_and_draw(
    arguments: list[str], mygan: Path, ganworks: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mygan)
    small = [*arguments, "metric=none", "trainer=cpu", "num_images=512", "callback.sample_grid.num=4"]
    small += ["num_threads=1", "callback.checkpoint.every_images=256", "~callback.report"]
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    for folder, limit in ((whole, -1), (halved, 4)):
        assert ganworks("train", *small, f"hydra.run.dir={folder}", f"trainer.max_steps={limit}").code == 0
    assert ganworks("train", f"resume={halved}", "trust=mygan", "trainer.max_steps=-1").code == 0
    assert differences(checkpoint(whole)["state_dict"], checkpoint(halved)["state_dict"]) == []
    result = ganworks("sample", f"run={whole}", "trust=mygan", "num=2", f"out={tmp_path / 'drawn.npy'}")
    assert result.code == 0, result.err  # a translator draws from the sources of its run's data


def test_the_doctor_advises_no_setting_that_the_model_does_not_have(mygan: Path) -> None:
    setup = Setup(
        critic_norm="batch", is_image=False, weights={}, settings=frozenset({"loss", "regularizer"})
    )
    advised = [piece for rule in RULES for piece in rule.advice(setup, {}) if possible(piece, setup)]
    assert not [piece for piece in advised if "norm" in piece or "task." in piece]
    known = replace(setup, settings=None)
    assert [piece for rule in RULES for piece in rule.advice(known, {}) if "norm" in piece]  # control


def test_mistakes_with_the_package_are_named_in_one_line(
    mygan: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mygan)
    result = ganworks(
        "train", "--config-dir", "conf", "experiment=discs", "data.resolution=20", "dry_run=true"
    )
    assert result.code == 1
    assert result.err.startswith("error: data.shape=")
    assert ganworks("train", "model=patch", "dry_run=true").code == 1  # control: not ours
