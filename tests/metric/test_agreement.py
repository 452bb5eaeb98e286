"""benchmarks/agreement.py in small: our commands beside those of others, on the same files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

import weights_files
from ganworks.data.evaluated import EvaluatedImages
from ganworks.metric import Inception
from ganworks.metric.weights import file_sha256

ROOT = Path(__file__).parents[2]
NUM = 5


@pytest.fixture(scope="module")
def agreement() -> ModuleType:
    spec = importlib.util.spec_from_file_location("agreement", ROOT / "benchmarks" / "agreement.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_files.save_inception(tmp_path_factory.mktemp("agreement") / "weights.pth")


def test_kid_of_two_folders_is_that_of_the_command_of_torch_fidelity(
    agreement: ModuleType, weights: Path, tmp_path: Path
) -> None:
    real, fake = agreement.write_images(tmp_path, NUM)
    ours = agreement.ours(real, fake, weights, tmp_path / "ours.json")
    theirs = agreement.torch_fidelity(real, fake, weights, NUM, fid=False)
    assert ours["kid"] == pytest.approx(theirs["kid"], rel=1e-3)
    assert abs(theirs["kid"]) > 1e-3


def test_features_of_a_folder_under_clean_are_those_of_the_resizer_of_clean_fid(
    agreement: ModuleType, weights: Path, tmp_path: Path
) -> None:
    real, _ = agreement.write_images(tmp_path, 2)
    theirs = agreement.clean_features(real, weights)
    for resize, agrees in (("clean", True), ("legacy", False)):
        inception = Inception(str(weights), file_sha256(weights), resize=resize, device="cpu")
        inception.load()
        (batch,) = EvaluatedImages(real).reference_batches()
        ours = inception(batch["real"]).features.double()
        distances = torch.cdist(ours, theirs).min(1).values / theirs.norm(dim=1).mean()
        assert bool((distances < 1e-3).all()) == agrees


def test_distance_of_draws_from_two_gaussians_is_the_closed_form(agreement: ModuleType) -> None:
    _, found, expected, allowed = agreement.gaussians()
    assert allowed == 1e-2
    assert found == pytest.approx(expected, rel=allowed)
    assert found != pytest.approx(agreement.gaussians(num=200)[1], rel=allowed)
