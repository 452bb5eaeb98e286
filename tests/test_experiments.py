"""Every experiment composes, says in its head what it is, and trains two batches on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import CIFAR10, MNIST
from ganworks.data.samples import TensorSamples
from ganworks.model import VelocityMLP
from running import train

FOLDER = Path(__file__).parents[1] / "conf" / "experiment"
EXPERIMENTS = sorted(path.stem for path in FOLDER.glob("*.yaml"))

PAIRS = ("data.root={folder}/pairs", "data.batch_size=1")
DOMAINS = (*PAIRS, "data.resolution=32", "data.load_resolution=[36,40]", "metric=none")
CLIPS = (
    "data.root={folder}/clips",
    "paths.cache={folder}/cache",
    "metric=none",
    "model.width=2",
    "data.batch_size=4",
)
STYLES = ("model.width=4", "data.batch_size=4", "metric=none")
OWN = (*STYLES, "data.root={folder}/images", "paths.cache={folder}/cache", "data.resolution=16")
R3GAN = ("data.batch_size=4", "metric=none", "model.num_blocks=1")
FILES = ("data.root={folder}/images", "paths.cache={folder}/cache", "data.resolution=16")
OVERRIDES = {  # data of the user's own, and no weights that are downloaded
    "pix2pix": PAIRS,
    "pix2pixhd": (*PAIRS, "data.resolution=[32,64]", "model.discriminator.full.network.num_layers=1"),
    "superres_4x": ("data.root={folder}/images", "data.batch_size=4", "data.held_out=0", "task.perceptual=0"),
    **dict.fromkeys(("cyclegan", "cut", "fastcut"), DOMAINS),
    **dict.fromkeys(("mocogan", "video3d"), CLIPS),
    "r3gan_cifar10": (*R3GAN, "model.width=8"),
    "r3gan_ffhq64": (*R3GAN, *FILES, "model.width=8"),
    "r3gan_imagenet64": (*R3GAN, *FILES, "model.conditional=false", "model.widths=[8,8,8]"),
    "stylegan2_ffhq256": (*OWN, "model.discriminator.group_size=2"),
    **dict.fromkeys(("own_images_64", "own_images_256"), OWN),
    "stylegan2_ada_cifar10": STYLES,
    "stylegan3_ffhq256": OWN,
    **dict.fromkeys(("sngan_cifar10", "sagan_cifar10", "biggan_cifar10"), ("model.width=2",)),
    "digits_distilled": ("task.teacher={folder}/flow.pt",),
    "fastgan_small": ("data.root={folder}/images", "data.batch_size=4", "data.resolution=32", "model.width=4"),
    "gat_imagenet256": ("data.root={folder}/latents", "data.shape=[4,8,8]", "data.batch_size=4", "model.depth=4",
                        "model.num_heads=2", "trainer.precision=32-true"),
}  # fmt: skip
BATCHES = {
    **dict.fromkeys(("digits_flow", "digits_distilled"), 128),
    **{
        "digits_r3gan": 128,
        "grid_r3gan": 256,
        "mixture_short": 256,
        "pacgan_grid": 100,
        "stacked_digits": 128,
        "superres_4x": 4,
        "mocogan": 4,
        "video3d": 4,
    },
    **dict.fromkeys(("r3gan_cifar10", "r3gan_ffhq64", "r3gan_imagenet64"), 4),
    **dict.fromkeys(("stylegan2_ffhq256", "own_images_64", "own_images_256", "stylegan2_ada_cifar10"), 4),
    **{"biggan_cifar10": 50, "stylegan3_ffhq256": 4, "fastgan_small": 4, "gat_imagenet256": 4},
    **dict.fromkeys(("pix2pix", "pix2pixhd", "cyclegan", "cut", "fastcut"), 1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of small files: pairs of images in A and B, single images, clips."""
    found = tmp_path_factory.mktemp("files")
    for name, side in (("pairs/A", 32), ("pairs/B", 32), ("images", 192)):
        (found / name).mkdir(parents=True)
        for number in range(4):
            pixels = torch.randint(256, (side, side, 3), dtype=torch.uint8).numpy()
            Image.fromarray(pixels).save(found / name / f"{number}.png")
    torch.save(VelocityMLP((1, 8, 8), width=8).state_dict(), found / "flow.pt")
    (found / "latents").mkdir()
    np.save(found / "latents" / "moments.npy", np.ones((8, 8, 8, 8), np.float16))
    np.save(found / "latents" / "labels.npy", np.arange(8) % 2)
    (found / "clips").mkdir()
    for number in range(8):
        frames = [Image.fromarray(np.full((64, 64), 10 * number + t, np.uint8)) for t in range(16)]
        frames[0].save(found / "clips" / f"{number}.gif", save_all=True, append_images=frames[1:])
    return found


@pytest.fixture(autouse=True)
def _small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random bytes in the place of data sets that are downloaded: what is tested is the experiment."""
    clothes = TensorSamples(torch.randint(256, (256, 1, 32, 32), dtype=torch.uint8), torch.arange(256) % 10)
    monkeypatch.setattr(MNIST, "prepare_data", lambda self: None)
    monkeypatch.setattr(MNIST, "load", lambda self: clothes)
    images = torch.randint(256, (256, 3, 32, 32), dtype=torch.uint8)
    monkeypatch.setattr(CIFAR10, "prepare_data", lambda self: None)
    monkeypatch.setattr(CIFAR10, "load", lambda self: TensorSamples(images, torch.arange(256) % 10))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_trains_two_batches(name: str, folder: Path, tmp_path: Path) -> None:
    others = [override.format(folder=folder) for override in OVERRIDES.get(name, ())]
    length = f"num_images={2 * BATCHES.get(name, 64)}"
    outcome = train(tmp_path / "run", f"experiment={name}", length, "callback.sample_grid.num=4", *others)
    assert outcome.status == "finished"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_says_its_command_paper_expectation_and_hardware(name: str) -> None:
    head = (FOLDER / f"{name}.yaml").read_text()
    assert f"python train.py experiment={name}" in head
    on_gpu = "cifar10" in name or name.startswith(("gat", "mocogan", "video3d"))
    for word in ("arXiv:", "Expected", "GPU" if on_gpu else "CPU"):
        assert word in head
