"""Every experiment composes, says in its head what it is, and trains two batches on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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


def own_data(name: str, folder: Path) -> list[str]:
    """Return the settings of an experiment on a user's own data: some files, small networks, no weights."""
    if name not in ("mocogan", "video3d"):
        return []
    for number in range(8):
        frames = [Image.fromarray(np.full((64, 64), 10 * number + t, np.uint8)) for t in range(16)]
        frames[0].save(folder / f"{number}.gif", save_all=True, append_images=frames[1:])
    small = ["model.width=2", "data.batch_size=4", "num_images=8"]
    return [f"data.root={folder}", f"paths.cache={folder / 'cache'}", "metric=none", *small]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_trains_two_batches(name: str, tmp_path: Path) -> None:
    batch = {"digits_r3gan": 128, "grid_r3gan": 256}.get(name, 64)
    others = own_data(name, tmp_path)
    outcome = train(
        tmp_path / "run",
        f"experiment={name}",
        f"num_images={2 * batch}",
        "callback.sample_grid.num=4",
        *others,
    )
    assert outcome.status == "finished"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_says_its_command_paper_expectation_and_hardware(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text()
    assert f"python train.py experiment={name}" in head
    for word in ("arXiv:", "Expected", "GPU" if name.startswith(("cifar", "mocogan", "video3d")) else "CPU"):
        assert word in head
