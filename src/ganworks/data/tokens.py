"""Texts as token ids: kept as numbers, read as one-hots, a part of them held out for the metrics."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.markov import MarkovChain
from ganworks.data.samples import Samples
from ganworks.errors import SettingError, check_count
from ganworks.model.layer.tokens import as_one_hot
from ganworks.noise import keyed_rng
from ganworks.sample.kind import Tokens

END = 0  # the id of the token that ends a text, and fills the places behind it


class TokenSamples:
    """Texts int64 (N, L), read as one-hots float32 (B, L, V).

    Args:
        ids: (N, L).
        vocabulary: V.
    """

    labels: Tensor | None = None

    def __init__(self, ids: Tensor, vocabulary: int) -> None:
        self.ids, self.vocabulary = ids, vocabulary

    def __len__(self) -> int:
        return len(self.ids)

    def read(self, indices: Tensor) -> Tensor:
        """Return the one-hots of the texts at ``indices`` (B,)."""
        return as_one_hot(self.ids.index_select(0, indices), self.vocabulary)


class TokenDataModule(GanDataModule):
    """Texts of up to ``length`` tokens, as one-hots (length, num_tokens); held-out ones are the metrics' reference.

    A subclass implements `read_texts`.

    Args:
        length: tokens of the longest text.
        num_tokens: size of the vocabulary.
        held_out: share of the distinct texts that training never sees, above 0 and below 1.
        split_seed: key of the split, the same for all runs however they are seeded.
        end: id of the token that ends a text, or None where all have ``length`` tokens.
        markov_order: tokens that the chain of the baseline line looks back on; 0 leaves the line out.
        kind: of the samples.
        batch_size, seed, min_batches: see `GanDataModule`.
    """

    def __init__(
        self,
        length: int,
        num_tokens: int,
        batch_size: int,
        seed: int = 0,
        held_out: float = 0.1,
        split_seed: int = 0,
        end: int | None = END,
        markov_order: int = 3,
        shape: Sequence[int] | None = None,
        min_batches: int = 1,
        kind: Tokens | None = None,
    ) -> None:
        self.length, self.num_tokens = check_count("length", length), check_count("num_tokens", num_tokens, 2)
        check_shape(shape, (self.length, self.num_tokens), "length and vocabulary")
        kind = kind or Tokens(end=end)
        super().__init__(
            (self.length, self.num_tokens), 0, batch_size, seed, min_batches=min_batches, kind=kind
        )
        if not 0 < held_out < 1:
            raise SettingError("held_out", held_out, "a number above 0 and below 1")
        self.held_out, self.split_seed, self.end = (
            held_out,
            check_count("split_seed", split_seed, at_least=0),
            end,
        )
        self.markov_order = check_count("markov_order", markov_order, at_least=0)
        self._parts: tuple[Tensor, Tensor] | None = None

    @abstractmethod
    def read_texts(self) -> Tensor:
        """Return all texts, int64 (N, length); called once."""

    def parts(self) -> tuple[Tensor, Tensor]:
        """Return the texts of the training and the held-out ones, int64 (N, length)."""
        if self._parts is None:
            self._parts = split(self.read_texts(), self.held_out, self.split_seed)
        return self._parts

    def load(self) -> Samples:
        return TokenSamples(self.parts()[0], self.num_tokens)

    def load_reference(self) -> Samples:
        return TokenSamples(self.parts()[1], self.num_tokens)

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        """Return ``num`` texts of a Markov chain that was fitted on the training texts."""
        if not self.markov_order or self.end is None:
            return {}
        chain = MarkovChain(self.parts()[0], self.markov_order, self.num_tokens, self.end)
        drawn = chain.sample(num, self.length, keyed_rng(seed, "markov"))
        return {f"markov {self.markov_order}": {"real": as_one_hot(drawn, self.num_tokens)}}

    def _hash(self) -> str:
        """Hash the ids: one-hots of a large vocabulary are gigabytes."""
        ids = self.reference.ids.contiguous()  # type: ignore[attr-defined]
        return hashlib.blake2b(ids.numpy().data, key=repr(self.shape).encode(), digest_size=16).hexdigest()

    def describe(self) -> dict[str, Any]:
        num_training, num_held_out = map(len, self.parts())
        return {**super().describe(), "num_training": num_training, "num_held_out": num_held_out}


def split(ids: Tensor, held_out: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return the texts of the training and the held-out ones; copies of a text are on the same side.

    Args:
        ids: (N, L).
        held_out: share of the distinct texts.
        seed: key of the draw.

    Raises:
        SettingError: fewer than one text on a side.
    """
    distinct, which = ids.unique(dim=0, return_inverse=True)
    num = round(held_out * len(distinct))
    if not 0 < num < len(distinct):
        raise SettingError(
            "held_out", held_out, f"a share that leaves texts on both sides of {len(distinct)}"
        )
    is_held_out = torch.zeros(len(distinct), dtype=torch.bool)
    is_held_out[torch.randperm(len(distinct), generator=keyed_rng(seed, "held_out"))[:num]] = True
    return ids[~is_held_out[which]], ids[is_held_out[which]]


def padded(texts: Sequence[Sequence[int]], length: int, end: int = END) -> Tensor:
    """Return token ids int64 (N, length) of texts of up to so many tokens, filled up with ``end``.

    >>> padded([[3, 4], [5]], length=3).tolist()
    [[3, 4, 0], [5, 0, 0]]
    """
    return torch.tensor([[*text, *[end] * (length - len(text))] for text in texts], dtype=torch.long)
