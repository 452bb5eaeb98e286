"""A start imports nothing that the run does not use. Held by what is imported, not by a time."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from ganworks.model import MLPGenerator
from ganworks.sample.sampler import Sampler

UNUSED = {  # by `data=ring`, whose networks are perceptrons; what Lightning imports by itself is not ours to spare
    "ganworks.augment.diffaugment": "augment=none",
    "ganworks.chart.line": "a report is written at the end",
    "ganworks.data.digits": "another data set",
    "ganworks.data.folder": "another data set",
    "ganworks.data.vision": "another data set",
    "ganworks.evaluation.measuring": "evaluate.py",
    "ganworks.logger.tensorboard": "another logger",
    "ganworks.logger.wandb": "another logger",
    "ganworks.loss.margin": "another loss",
    "ganworks.loss.relativistic": "another loss",
    "ganworks.metric.extractor.clip": "another extractor",
    "ganworks.metric.extractor.digits": "another extractor",
    "ganworks.metric.extractor.dinov2": "another extractor",
    "ganworks.metric.extractor.inception": "another extractor",
    "ganworks.metric.measure.classes": "points have no classes",
    "ganworks.model.dcgan": "another network",
    "ganworks.model.resnet": "another network",
    "ganworks.picture.figures": "pictures of an evaluation",
    "ganworks.picture.samples": "the first picture is drawn when training begins",
    "ganworks.regularizer.weight_clip": "another penalty",
    "ganworks.report.page": "a report is written at the end",
    "ganworks.tuning.search": "tune.py",
    "optuna": "tune.py",
    "sklearn": "the digits and pictures of an evaluation",
    "sqlalchemy": "tune.py",
    "tensorboard": "another logger",
    "wandb": "another logger",
}
USED = {"ganworks.data.mixture", "ganworks.model.mlp", "ganworks.loss.cross_entropy", "pytorch_lightning"}
PROGRAM = """
import sys
from ganworks.cli.{command} import main
sys.argv = {arguments!r}
main()
print(*sys.modules)
"""


def imported(command: str, *arguments: str, folder: Path) -> set[str]:
    """Return the names of all modules that a command has imported when it ends."""
    program = PROGRAM.format(command=command, arguments=[f"{command}.py", *arguments])
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split())


def test_start_imports_nothing_that_the_run_does_not_use(tmp_path: Path) -> None:
    modules = imported("train", "data=ring", "dry_run=true", folder=tmp_path)
    assert modules >= USED
    found = {name: reason for name, reason in UNUSED.items() if name in modules}
    assert not found


@pytest.mark.parametrize("name", [name for name in UNUSED if name.startswith("ganworks")])
def test_module_that_a_start_spares_exists(name: str) -> None:
    assert find_spec(name) is not None


def test_saved_generator_draws_without_lightning(tmp_path: Path) -> None:
    config = {"_target_": "ganworks.model.MLPGenerator", "shape": [2], "latent_dim": 4, "width": 8}
    generator = MLPGenerator(shape=(2,), latent_dim=4, width=8)
    settings = {"generator": config, "task": "ganworks.task.AdversarialTask"}
    Sampler(generator, settings).save(tmp_path / "generator")
    arguments = f"run={tmp_path / 'generator'}", "num=3", f"out={tmp_path / 'samples.pt'}"
    modules = imported("sample", *arguments, folder=tmp_path)
    assert torch.load(tmp_path / "samples.pt").shape == (3, 2)
    assert not modules & {"pytorch_lightning", "torchmetrics", "torchvision", "ganworks.task.base"}
