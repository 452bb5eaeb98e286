"""Texts as token ids: kept as numbers, read as one-hots, a part of them held out for the metrics."""

from __future__ import annotations

import hashlib
import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.image_files import CHANGED
from ganworks.data.markov import MarkovChain
from ganworks.data.samples import Samples
from ganworks.errors import SettingError, check_choice, check_count
from ganworks.model.layer.tokens import as_one_hot
from ganworks.noise import keyed_rng
from ganworks.sample.kind import Tokens

log = logging.getLogger(__name__)
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
        changed: whether a checkpoint resumes with other texts: "error" or "accept"; None does not compare.
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
        changed: str | None = None,
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
        self.changed = None if changed is None else check_choice("changed", changed, CHANGED)
        self._parts: tuple[Tensor, Tensor] | None = None
        self._record: dict[str, Any] | None = None

    @abstractmethod
    def read_texts(self) -> Tensor:
        """Return all texts, int64 (N, length); called once."""

    def parts(self) -> tuple[Tensor, Tensor]:
        """Return the texts of the training and the held-out ones, int64 (N, length)."""
        if self._parts is None:
            ids = self.read_texts()
            distinct, which = ids.unique(dim=0, return_inverse=True)
            is_held_out = first_share(self.split_order(distinct), self.held_out)[which]
            self._parts = ids[~is_held_out], ids[is_held_out]
        return self._parts

    def split_order(self, distinct: Tensor) -> Tensor:
        """Return the numbers of distinct texts (N, L) in the order in which they are held out, (N,)."""
        return torch.randperm(len(distinct), generator=keyed_rng(self.split_seed, "held_out"))

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

    @property
    def record(self) -> dict[str, Any]:
        """How many texts are on each side of the split, and a hash of them, in plain types."""
        if self._record is None:
            digest = hashlib.blake2b(repr(self.shape).encode(), digest_size=16)
            for ids in self.parts():
                digest.update(ids.contiguous().numpy().data)
            self._record = {"num": [len(ids) for ids in self.parts()], "hash": digest.hexdigest()}
        return self._record

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position, and which texts they are."""
        return {**super().state_dict(), "record": self.record}

    def check_same(self, state_dict: dict[str, Any]) -> None:
        """Raise `SettingError` where the checkpoint was trained on other texts, unless that is accepted."""
        before = state_dict.get("record")
        if self.changed is None or before in (None, self.record):
            return
        (num, num_held_out), (training, held_out) = before["num"], self.record["num"]
        found = f"{training:,} texts and {held_out:,} held out, and the run had {num:,} and {num_held_out:,}"
        found += "" if self.record["num"] != before["num"] else ", with another content or in another order"
        if self.changed == "error":
            allowed = f"accept to go on with other texts than the run has seen: these are {found}"
            raise SettingError("changed", self.changed, allowed)
        log.warning(
            "Other texts than the run has seen: %s. It may have seen some that are held out now.", found
        )

    def describe(self) -> dict[str, Any]:
        num_training, num_held_out = map(len, self.parts())
        return {**super().describe(), "num_training": num_training, "num_held_out": num_held_out}


def first_share(order: Tensor, share: float) -> Tensor:
    """Return which of the numbers in ``order`` (N,) are among the first ``share`` of them, bool (N,).

    Raises:
        SettingError: they are none or all.
    """
    num = round(share * len(order))
    if not 0 < num < len(order):
        raise SettingError("held_out", share, f"a share that leaves texts on both sides of {len(order)}")
    is_first = torch.zeros(len(order), dtype=torch.bool)
    is_first[order[:num]] = True
    return is_first


def padded(texts: Sequence[Sequence[int]], length: int, end: int = END) -> Tensor:
    """Return token ids int64 (N, length) of texts of up to so many tokens, filled up with ``end``.

    >>> padded([[3, 4], [5]], length=3).tolist()
    [[3, 4, 0], [5, 0, 0]]
    """
    return torch.tensor([[*text, *[end] * (length - len(text))] for text in texts], dtype=torch.long)
