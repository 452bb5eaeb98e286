"""Distances between sets of texts: n-grams, lengths, BLEU, and which texts two sets share.

A text is a row of token ids int64 (L,), read up to its first ``end``.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from ganworks.model.layer.tokens import read_places

EPSILON = 0.1  # what a precision of zero counts: Chen and Cherry 2014, method 1


def ngrams(ids: Tensor, order: int, vocabulary: int, end: int | None) -> tuple[Tensor, Tensor]:
    """Return the distinct n-grams of texts (N, L), each as one number, and how often each is there.

    The token that ends a text is part of it: how words end counts.
    """
    if order > ids.shape[1]:
        return torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    windows = ids.unfold(1, order, 1)
    is_read = read_places(ids, end).unfold(1, order, 1).all(-1)
    place = vocabulary ** torch.arange(order - 1, -1, -1)
    return (windows * place).sum(-1)[is_read].unique(return_counts=True)


def jensen_shannon(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> float:
    """Return the Jensen-Shannon divergence in nats, from 0 to ln 2, of two sets of counts: 1/2 KL(p|m) + 1/2 KL(q|m).

    Lin 1991, equation 4.1; m = (p + q) / 2.

    >>> counts = torch.tensor([3, 1])
    >>> jensen_shannon((torch.tensor([7, 8]), counts), (torch.tensor([7, 8]), 2 * counts))
    0.0
    """
    keys, where = torch.cat([first[0], second[0]]).unique(return_inverse=True)
    p, q = torch.zeros(2, len(keys), dtype=torch.float64)
    p[where[: len(first[0])]] = first[1].double() / first[1].sum()
    q[where[len(first[0]) :]] = second[1].double() / second[1].sum()
    m = (p + q) / 2
    return float(_half(p, m) + _half(q, m))


def _half(p: Tensor, m: Tensor) -> Tensor:
    return 0.5 * torch.special.xlogy(p, p / m).sum()


def lengths(ids: Tensor, end: int | None) -> Tensor:
    """Return the number of tokens of each text, the end not counted, (N,)."""
    is_end = torch.zeros_like(ids, dtype=torch.bool) if end is None else ids == end
    return (read_places(ids, end) & ~is_end).sum(1)


def total_variation(first: Tensor, second: Tensor) -> float:
    """Return the total variation distance, from 0 to 1, between the histograms of two sets of whole numbers.

    >>> total_variation(torch.tensor([1, 1, 2]), torch.tensor([3]))
    1.0
    """
    size = int(max(first.max(), second.max())) + 1
    p, q = (values.bincount(minlength=size).double() / len(values) for values in (first, second))
    return float(0.5 * (p - q).abs().sum())


def as_texts(ids: Tensor, end: int | None) -> list[tuple[int, ...]]:
    """Return texts as tuples of their tokens, without the end and what is behind it."""
    return [tuple(row[:num]) for row, num in zip(ids.tolist(), lengths(ids, end).tolist(), strict=True)]


def bleu(
    candidates: Sequence[Sequence[int]],
    references: Sequence[Sequence[int]],
    order: int,
    is_self: bool = False,
) -> float:
    """Return the mean over the candidates of BLEU against all references, from 0 to 1.

    Papineni et al. 2002 (https://aclanthology.org/P02-1040), with equal weights of 1- to ``order``-grams, a precision
    of zero smoothed as in Chen and Cherry 2014, method 1. Against texts of its own kind (``is_self``: the candidates
    are the references, each is held against all others) it is Self-BLEU (Zhu et al. 2018, Texygen, section 3.2,
    https://arxiv.org/abs/1802.01886), which is high where texts repeat each other.
    """
    best = [_most(references, n) for n in range(1, order + 1)]
    sizes = Counter(len(text) for text in references)
    total = 0.0
    for text in candidates:
        if is_self:
            sizes[len(text)] -= 1
        logs = [math.log(_precision(text, n, best[n - 1], is_self)) for n in range(1, order + 1)]
        total += _brevity(len(text), sizes) * math.exp(sum(logs) / order)
        if is_self:
            sizes[len(text)] += 1
    return total / len(candidates)


Most = dict[tuple[int, ...], tuple[int, int]]


def _grams(text: Sequence[int], n: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(text[start : start + n]) for start in range(len(text) - n + 1))


def _most(texts: Sequence[Sequence[int]], n: int) -> Most:
    """Return how often each n-gram is in the text that has it most often, and in the second such text."""
    most: Most = {}
    for text in texts:
        for gram, num in _grams(text, n).items():
            first, second = most.get(gram, (0, 0))
            most[gram] = (max(first, num), max(second, min(first, num)))
    return most


def _precision(text: Sequence[int], n: int, most: Most, is_self: bool) -> float:
    grams = _grams(text, n)
    if not grams:
        return EPSILON
    matched = 0
    for gram, num in grams.items():
        first, second = most.get(gram, (0, 0))
        # Without the text itself the most is that of the second, where it is the first.
        matched += min(num, second if is_self and num == first else first)
    return (matched or EPSILON) / sum(grams.values())


def _brevity(length: int, sizes: Counter[int]) -> float:
    """Return the brevity penalty against the reference of the nearest length, the shorter of two."""
    there = [size for size, num in sizes.items() if num > 0]
    if not there or not length:
        return 0.0
    nearest = min(there, key=lambda size: (abs(size - length), size))
    return 1.0 if length >= nearest else math.exp(1 - nearest / length)
