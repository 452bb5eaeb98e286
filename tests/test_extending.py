"""The package of docs/extending.md is what a reader gets who writes it: it trains, and its mistakes are named."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pages import EXTENDING, blocks, commands, named


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
    assert ganworks("sample", f"run={run_dir}", "num=4", "out=four.npy").code == 0  # without --config-dir


@pytest.mark.parametrize("arguments", named(commands("train", EXTENDING)))
def test_documented_training_with_the_package_passes_all_checks(
    arguments: list[str], mygan: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mygan)
    arguments = [a.replace("$PWD", str(mygan)) for a in arguments if a != "dry_run=true"]
    result = ganworks("train", *arguments, "dry_run=true")
    assert result.code == 0, result.err


def test_mistakes_with_the_package_are_named_in_one_line(
    mygan: Path, ganworks: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mygan)
    result = ganworks(
        "train", "--config-dir", "conf", "experiment=discs", "data.resolution=20", "dry_run=true"
    )
    assert result.code == 1
    assert result.err.startswith("error: model.generator.shape=")
    assert ganworks("train", "model=patch", "dry_run=true").code == 1  # control: not ours
