"""Classifier accuracy score: what a classifier that learned from the fakes gets right about real images.

- train on fakes, test on reals: classification accuracy score, Ravuri and Vinyals 2019, section 3
  (https://arxiv.org/abs/1905.10887), and GAN-train of Shmelkov et al. 2018 (https://arxiv.org/abs/1807.09499). Low for
  wrong labels, for missing kinds of image and for unlike images.
- train on reals, test on fakes: GAN-test. Low for wrong labels and unlike images; a generator that repeats one good
  image a class scores 1.

Both depend on the classifier, which the contract names: `fit_digits_classifier` for 8x8 digits, else
`fit_linear_probe` on the features of an extractor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from torch import Generator, Tensor, nn

from ganworks.metric.extractor.digits import DigitsClassifier
from ganworks.metric.extractor.train_digits_classifier import (
    BATCH_SIZE,
    LEARNING_RATE,
    deterministic,
    initialized,
    shifted,
)
from ganworks.noise import keyed_rng

Predict = Callable[[Tensor], Tensor]
Fit = Callable[[Tensor, Tensor], Predict]
Draw = Callable[[Generator], tuple[Tensor, Tensor]]
"""From a keyed generator of random numbers to a batch: images (B, C, H, W) and labels (B,)."""
T = TypeVar("T", bound=nn.Module)

NUM_UPDATES = 100  # 97 % of unseen digits; three times as many 99 %


def transfer_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], fit: Fit) -> float:
    """Return the share of the labels of ``test`` that a classifier fitted to ``train`` predicts.

    Args:
        train, test: samples or features (N, ...) and their labels (N,).
        fit: samples and labels to a function from samples (B, ...) to labels (B,).
    """
    return accuracy(fit(*train), *test)


def accuracy(predict: Predict, samples: Tensor, labels: Tensor) -> float:
    """Return the share of ``samples`` (N, ...) that are given their label (N,)."""
    return (predict(samples) == labels).double().mean().item()


def fit_linear_probe(features: Tensor, labels: Tensor) -> Predict:
    """Fit scikit-learn's logistic regression (L2, C = 1) to standardised features (N, D) with labels (N,)."""
    mean, scale = features.double().mean(0), features.double().std(0).clamp(min=1e-6)

    def standardised(x: Tensor) -> Tensor:
        return ((x.double() - mean) / scale).cpu()

    if len(labels.unique()) == 1:
        return lambda x: labels[:1].expand(len(x))  # a collapsed generator leaves nothing to tell apart
    probe = LogisticRegression(max_iter=1000).fit(standardised(features).numpy(), labels.cpu().numpy())
    return lambda x: torch.from_numpy(probe.predict(standardised(x).numpy())).to(x.device)


def fit_digits_classifier(images: Tensor, labels: Tensor, num_updates: int = NUM_UPDATES) -> Predict:
    """Train the architecture of the shipped digits classifier on images (N, 1, 8, 8) with labels (N,).

    A fixed number of updates with Adam, a cosine decay and random shifts, all of it keyed: the same images give the
    same figure, and as many of them as there are cost the same time.
    """

    def draw(rng: Generator) -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(images), (BATCH_SIZE,), generator=rng)
        return shifted(images[rows], rng), labels[rows]

    return fit_classifier(DigitsClassifier(), draw, num_updates)


def fit_classifier(
    classifier: T,
    draw: Draw,
    num_updates: int,
    seed: int | None = None,
    on_update: Callable[[], None] = lambda: None,
) -> Predict:
    """Train a network from images to logits on the batches that ``draw`` makes; cross entropy, Adam, a cosine decay.

    Args:
        classifier: whose weights are drawn anew.
        draw: from a keyed generator of random numbers to images (B, C, H, W) and labels (B,).
        num_updates: of the training.
        seed: key of the weights and of every draw; None is the one that all figures of `fit_digits_classifier` have.
        on_update: called after each update.
    """
    key = () if seed is None else (seed,)
    with deterministic(), torch.enable_grad():
        classifier = initialized(classifier, *key)
        optimizer = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE, foreach=False)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_updates)
        for update in range(num_updates):
            images, labels = draw(keyed_rng("classifier accuracy", update, *key))
            loss = F.cross_entropy(classifier(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            on_update()
    classifier.eval().requires_grad_(False)
    return lambda x: torch.cat([classifier(part).argmax(1) for part in x.split(500)])


def mixed(first: Draw, second: Draw, share: float) -> Draw:
    """Return batches of which ``share`` comes from ``second``: fakes beside reals, for example.

    Args:
        share: of each batch, from 0 to 1.
    """

    def draw(rng: Generator) -> tuple[Tensor, Tensor]:
        pairs = first(rng), second(rng)
        num = round(share * len(pairs[0][0]))
        kept = len(pairs[0][0]) - num
        images, labels = (torch.cat([one[:kept], other[:num]]) for one, other in zip(*pairs, strict=True))
        return images, labels

    return draw
