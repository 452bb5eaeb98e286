"""Every experiment composes, says in its head what it is, and trains two batches on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganworks.data import CIFAR10
from ganworks.data.samples import TensorSamples
from running import train

FOLDER = Path(__file__).parents[1] / "conf" / "experiment"
EXPERIMENTS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.fixture(autouse=True)
def _small_cifar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random bytes in the place of CIFAR-10: what is tested is the experiment."""
    images = torch.randint(256, (256, 3, 32, 32), dtype=torch.uint8)
    monkeypatch.setattr(CIFAR10, "prepare_data", lambda self: None)
    monkeypatch.setattr(CIFAR10, "load", lambda self: TensorSamples(images, torch.arange(256) % 10))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_trains_two_batches(name: str, tmp_path: Path) -> None:
    batch = {"digits_r3gan": 128, "grid_r3gan": 256}.get(name, 64)
    outcome = train(
        tmp_path / "run", f"experiment={name}", f"num_images={2 * batch}", "callback.sample_grid.num=4"
    )
    assert outcome.status == "finished"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_says_its_command_paper_expectation_and_hardware(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text()
    assert f"python train.py experiment={name}" in head
    for word in ("arXiv:", "Expected", "CPU" if "cifar" not in name else "GPU"):
        assert word in head
