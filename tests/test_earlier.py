"""What earlier states have written keeps working: run directories, checkpoints, generator folders, `_target_` paths."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import get_object
from safetensors.torch import load_file

from conftest import Result
from ganworks import load_generator

EARLIER = Path(__file__).parent / "fixtures" / "earlier"
RUNS = sorted(path.name for path in EARLIER.iterdir())
every_run = pytest.mark.parametrize("name", RUNS)
# Named in configurations of earlier states; what a saved config.yaml holds is looked up under these paths.
TARGETS = {
    "augment": (
        "Color",
        "Compose",
        "Cutout",
        "Translation",
        "identity",
    ),
    "callback": (
        "Checkpoint",
        "Doctor",
        "ProgressBar",
        "Report",
        "SampleGrid",
    ),
    "data": (
        "CIFAR10",
        "CelebA",
        "Digits",
        "FashionMNIST",
        "Folder",
        "Grid",
        "MNIST",
        "Ring",
    ),
    "logger.tensorboard": ("TensorBoardLogger",),
    "logger.wandb": ("WandbLogger",),
    "loss": (
        "BCE",
        "Hinge",
        "LeastSquares",
        "Minimax",
        "RelativisticPairing",
        "Wasserstein",
    ),
    "metric": (
        "Authenticity",
        "ClassDivergence",
        "ClassRatio",
        "ClipDistance",
        "DigitsAccuracy",
        "DigitsExtractor",
        "FrechetDistance",
        "Identity",
        "ImageSimilarity",
        "InceptionScore",
        "IntraFrechetDistance",
        "KernelDistance",
        "Memorised",
        "Modes",
        "PathLength",
        "PixelDistance",
        "PrecisionRecall",
        "ProbeAccuracy",
        "SlicedWasserstein",
        "SpectrumDistance",
        "Suite",
    ),
    "metric.network": (
        "Clip",
        "DinoV2",
        "Inception",
        "Lpips",
    ),
    "model": (
        "DCGANDiscriminator",
        "DCGANGenerator",
        "MLPDiscriminator",
        "MLPGenerator",
        "ResnetDiscriminator",
        "ResnetGenerator",
    ),
    "optimizer": (
        "Constant",
        "Cosine",
        "Linear",
    ),
    "regularizer": (
        "CosineWeight",
        "Dragan",
        "GradientPenalty",
        "R1",
        "R2",
        "WeightClip",
    ),
    "task": (
        "AdversarialTask",
        "ExponentialMovingAverage",
    ),
}


@pytest.fixture
def earlier(name: str, tmp_path: Path) -> Path:
    """A copy of a run of an earlier state that stopped at half of its images."""
    return Path(shutil.copytree(EARLIER / name, tmp_path / name))


@every_run
def test_an_earlier_run_resumes_to_the_weights_that_its_own_code_reached(
    name: str, earlier: Path, ganworks: Callable[..., Result]
) -> None:
    result = ganworks("train", f"resume={earlier}", "trainer.max_steps=-1")
    assert result.code == 0, result.err
    assert json.loads((earlier / "summary.json").read_text())["status"] == "finished"
    before = load_file(EARLIER / name / "generator" / "model.safetensors")
    expected, found = (
        load_file(earlier / "after.safetensors"),
        load_file(earlier / "generator" / "model.safetensors"),
    )
    trained = torch.load(earlier / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    moved = 0.0
    for key, tensor in expected.items():
        if "running_" in key:  # copied from the generator in those days, averaged since
            assert not torch.equal(found[key], trained[f"generator.{key}"])
            found[key] = trained[f"generator.{key}"]
        # To the bit on the machine that made it; another one rounds otherwise, and twenty steps amplify that.
        torch.testing.assert_close(found[key].float(), tensor.float(), rtol=0.01, atol=5e-4)
        moved = max(moved, float((tensor.float() - before[key].float()).abs().max()))
    assert moved > 0.0025  # control: the weights it resumed from would not pass


@every_run
@pytest.mark.parametrize("place", [".", "checkpoints/last.ckpt", "generator"])
def test_an_earlier_generator_draws(name: str, earlier: Path, place: str) -> None:
    sampler = load_generator(earlier / place)
    samples = sampler.sample(4, seed=0)
    assert samples.shape[1:] == sampler.shape
    assert torch.equal(samples, load_generator(earlier / "generator").sample(4, seed=0))


@every_run
def test_an_earlier_run_is_measured_and_sampled_by_the_commands(
    name: str, earlier: Path, ganworks: Callable[..., Result]
) -> None:
    assert ganworks("sample", f"run={earlier}", "num=4", "out=grid.png").code == 0
    result = ganworks("evaluate", f"run={earlier}")
    assert result.code == 0, result.err
    recorded = json.loads((EARLIER / name / "summary.json").read_text())["metrics"]
    assert all(figure in result.out for figure in recorded)


@pytest.mark.parametrize("target", [f"{room}.{name}" for room, names in TARGETS.items() for name in names])
def test_target_of_earlier_configurations_is_importable(target: str) -> None:
    assert callable(get_object(f"ganworks.{target}"))
