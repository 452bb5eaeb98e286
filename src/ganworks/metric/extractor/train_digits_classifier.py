"""Train the digits classifier: ``python -m ganworks.metric.extractor.train_digits_classifier --out FILE``.

Some seconds on one CPU thread. Every draw is keyed and every operation is deterministic, so the same CPU and
PyTorch give the same file to the bit; both are named in its metadata.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from ganworks.metric.extractor.digits import DigitsClassifier, digits_half
from ganworks.metric.weights import file_sha256
from ganworks.noise import keyed_rng

T = TypeVar("T", bound=nn.Module)

SEED = 0
NUM_EPOCHS = 30
BATCH_SIZE = 64
LEARNING_RATE = 2e-3


def train_classifier(num_epochs: int = NUM_EPOCHS) -> DigitsClassifier:
    """Return a classifier trained on the training half with Adam, a cosine decay and random shifts."""
    images, labels = digits_half(train=True)
    return fitted(DigitsClassifier(), images, labels, shifted, "digits classifier", num_epochs, BATCH_SIZE)


def fitted(
    classifier: T,
    images: Tensor,
    labels: Tensor,
    change: Callable[[Tensor, torch.Generator], Tensor],
    key: str,
    num_epochs: int,
    batch_size: int,
) -> T:
    """Return ``classifier`` trained with Adam and a cosine decay, a function of the arguments alone.

    Args:
        images, labels: (N, C, H, W) and (N,).
        change: images and random numbers to images that are changed at random.
        key: of order and changes.
        num_epochs, batch_size: passes over the images, and how many are seen at a time.
    """
    with deterministic():
        initialized(classifier)
        optimizer = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE, foreach=False)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs)
        for epoch in range(num_epochs):
            rng = keyed_rng(SEED, key, epoch)
            for rows in torch.randperm(len(images), generator=rng).split(batch_size):
                loss = F.cross_entropy(classifier(change(images[rows], rng)), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            schedule.step()
    return classifier.eval().requires_grad_(False)


def initialized(classifier: T, seed: int = SEED) -> T:
    """Draw every weight from a keyed He normal, set every bias to zero."""
    rng = keyed_rng(seed, "digits classifier", "init")
    for module in classifier.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=rng)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return classifier


def shifted(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return half of the ``images`` (B, 1, 8, 8) as they are, the others moved by up to one pixel."""
    num, _, height, width = images.shape
    windows = F.pad(images, (1, 1, 1, 1), value=-1.0).unfold(2, height, 1).unfold(3, width, 1)
    offset = torch.randint(0, 3, (num, 2), generator=rng)
    stays = torch.rand(num, 1, generator=rng) < 0.5
    offset = torch.where(stays, 1, offset)
    return windows[torch.arange(num), :, offset[:, 0], offset[:, 1]]


@contextmanager
def deterministic() -> Iterator[None]:
    """One thread and deterministic algorithms; both are set back afterwards."""
    num_threads = torch.get_num_threads()
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)
        torch.use_deterministic_algorithms(was_deterministic)


def accuracy(classifier: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of ``images`` (N, C, H, W) that get their label (N,)."""
    with torch.no_grad():
        return (classifier(images).argmax(1) == labels).float().mean().item()


def made_with() -> dict[str, str]:
    """Return what the bits depend on besides this file: the PyTorch and the CPU."""
    return {"torch": torch.__version__, "cpu": cpu_name(), "kernels": torch.backends.cpu.get_cpu_capability()}


def cpu_name() -> str:
    """Return the CPU's model name, or its architecture where the system does not tell."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    """Train, print the accuracy on the held-out half and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="where to write the .safetensors file")
    path = parser.parse_args().out
    classifier = train_classifier()
    held_out_accuracy = accuracy(classifier, *digits_half(train=False))
    save_file(classifier.state_dict(), path, metadata=made_with())
    print(f"{path}: accuracy on the held-out half {held_out_accuracy:.4f}, SHA-256 {file_sha256(path)}")


if __name__ == "__main__":
    main()
