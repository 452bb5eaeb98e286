"""Train the classifier: ``python -m ganworks.metric.extractor.train_moving_digits_classifier --out FILE``.

About a minute on one CPU thread. Every draw is keyed and every operation is deterministic, so the same CPU and PyTorch
give the same file to the bit; both are named in its metadata.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from ganworks.data.digits import digits_half
from ganworks.data.moving_digits import SIZE, SPEEDS, bounced, paste, starts
from ganworks.metric.extractor.moving_digits import CLIP_SHAPE, MovingDigitsClassifier
from ganworks.metric.extractor.train_digits_classifier import deterministic, made_with
from ganworks.metric.weights import file_sha256
from ganworks.noise import keyed_rng

SEED = 0
NUM_UPDATES = 1000
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
NUM_HELD_OUT = 3604  # clips of the held-out half that the accuracy is taken of


def train_classifier(num_updates: int = NUM_UPDATES) -> MovingDigitsClassifier:
    """Return a classifier trained on clips of the training half, each made once, with Adam and a cosine decay."""
    digits, labels = digits_half(train=True)
    with deterministic():
        classifier = initialized(MovingDigitsClassifier())
        optimizer = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE, foreach=False)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_updates)
        for update in range(num_updates):
            rng = keyed_rng(SEED, "moving digits classifier", update)
            rows = torch.randint(len(digits), (BATCH_SIZE,), generator=rng)
            clips, velocity = clips_of(digits[rows], rng)
            digit_logits, velocity_logits = classifier(clips)
            loss = F.cross_entropy(digit_logits, labels[rows]) + F.cross_entropy(velocity_logits, velocity)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return classifier.eval().requires_grad_(False)


def clips_of(digits: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return clips (B, 1, 8, 16, 16) of digits (B, 1, 8, 8) on paths of their own, and velocities (B,) from 0 to 15."""
    _, num_frames, resolution, _ = CLIP_SHAPE
    places = resolution - SIZE + 1
    first, speed = starts(len(digits), places, rng)
    clips = paste(digits, bounced(first, speed, num_frames, places), resolution)
    return clips, speed[:, 0] * len(SPEEDS) + speed[:, 1]


def initialized(classifier: MovingDigitsClassifier) -> MovingDigitsClassifier:
    """Draw every weight as PyTorch does by default, but from a key; set every bias to zero."""
    rng = keyed_rng(SEED, "moving digits classifier", "init")
    for module in classifier.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            nn.init.kaiming_uniform_(module.weight, a=5**0.5, generator=rng)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return classifier


def accuracies(classifier: MovingDigitsClassifier) -> tuple[float, float]:
    """Return the shares of clips of the held-out half whose digit and whose velocity are told right.

    A clip that starts at a wall does not tell in which direction: .79 is the most for the velocity.
    """
    digits, labels = digits_half(train=False)
    rows = torch.arange(NUM_HELD_OUT) % len(digits)
    clips, velocity = clips_of(digits[rows], keyed_rng(SEED, "moving digits classifier", "held out"))
    with torch.no_grad():
        said = [classifier(part) for part in clips.split(BATCH_SIZE)]
    digit_logits, velocity_logits = (torch.cat(parts) for parts in zip(*said, strict=True))
    right = digit_logits.argmax(1) == labels[rows], velocity_logits.argmax(1) == velocity
    return right[0].float().mean().item(), right[1].float().mean().item()


def main() -> None:
    """Train, print the accuracies on the held-out half and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="where to write the .safetensors file")
    path = parser.parse_args().out
    classifier = train_classifier()
    digit, velocity = accuracies(classifier)
    save_file(classifier.state_dict(), path, metadata=made_with())
    print(f"{path}: accuracy on held-out digits: digit {digit:.4f}, velocity {velocity:.4f}")
    print(f"SHA-256 {file_sha256(path)}")


if __name__ == "__main__":
    main()
