"""Train the classifier of clothes: ``python -m ganworks.metric.extractor.train_fashion_classifier --out FILE``.

Two minutes on one CPU thread. Every draw is keyed and every operation is deterministic, so the same CPU and PyTorch
give the same file to the bit; both are named in its metadata.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from ganworks.data.decode import resize
from ganworks.data.idx import find_idx, read_pair
from ganworks.data.vision import FashionMNIST
from ganworks.errors import SettingError
from ganworks.metric.extractor.fashion import FASHION_SHAPE, FashionClassifier
from ganworks.metric.extractor.train_digits_classifier import accuracy, fitted, made_with
from ganworks.metric.weights import file_sha256

NUM_EPOCHS = 20
BATCH_SIZE = 100
NUM_HELD_OUT = 10_000  # training images that the accuracy is taken of


def images_of(root: Path | None, test: bool) -> tuple[Tensor, Tensor]:
    """Return pictures of clothes (N, 1, 32, 32) in [-1, 1] as `ganworks.data.FashionMNIST` has them, and labels (N,).

    Args:
        root: folder with the idx files; None for where a Linux distribution puts them.
        test: the 10,000 test images, not the 60,000 training images.
    """
    folders = [root] if root is not None else [Path(folder) for folder in FashionMNIST.installed]
    found = find_idx(folders, test)
    if found is None:
        raise SettingError("root", root, "a folder with the idx files of Fashion-MNIST, train and t10k")
    images, labels = read_pair(*found, side=28, num_classes=10)
    return resize(images, FASHION_SHAPE[1]).float() / 127.5 - 1, labels


def train_classifier(images: Tensor, labels: Tensor, num_epochs: int = NUM_EPOCHS) -> FashionClassifier:
    """Return a classifier trained with Adam, a cosine decay, and random shifts and mirrors."""
    return fitted(FashionClassifier(), images, labels, moved, "fashion classifier", num_epochs, BATCH_SIZE)


def moved(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return half of the ``images`` (B, 1, H, W) mirrored, and each moved by up to two pixels along either axis."""
    num, _, height, width = images.shape
    mirrored = torch.rand(num, 1, 1, 1, generator=rng) < 0.5
    images = torch.where(mirrored, images.flip(3), images)
    windows = F.pad(images, (2, 2, 2, 2), value=-1.0).unfold(2, height, 1).unfold(3, width, 1)
    offset = torch.randint(0, 5, (num, 2), generator=rng)
    return windows[torch.arange(num), :, offset[:, 0], offset[:, 1]]


def main() -> None:
    """Train, print the accuracy on images that it has not seen, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="where to write the .safetensors file")
    parser.add_argument("--root", type=Path, help="folder with the idx files; left out: the system's")
    arguments = parser.parse_args()
    classifier = train_classifier(*images_of(arguments.root, test=True))
    unseen = accuracy(classifier, *(part[:NUM_HELD_OUT] for part in images_of(arguments.root, test=False)))
    save_file(classifier.state_dict(), arguments.out, metadata=made_with())
    print(f"{arguments.out}: accuracy on unseen images {unseen:.4f}, SHA-256 {file_sha256(arguments.out)}")


if __name__ == "__main__":
    main()
