"""A user's own texts, one a line."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data.tokens import END, TokenDataModule, padded
from ganworks.data.words import check_fixed, read_file
from ganworks.errors import SettingError, check_choice, check_count
from ganworks.sample.kind import Tokens

log = logging.getLogger(__name__)
UNKNOWN = 1  # id of a token that is not in the vocabulary
SPECIAL = ("", "<unk>")  # the first ends a text


class Text(TokenDataModule):
    """The lines of a file as texts of letters or of words, one-hot (length, num_tokens).

    The vocabulary is that of the whole file, the most frequent tokens first; a run keeps it, so that it samples without
    the file and goes on with the same numbers. Which texts are held out is drawn text by text from a hash of
    (split_seed, text): lines that come to the file move few of the others to the other side.

    Args:
        path: the file, in UTF-8, one text a line; empty lines are left out. A line ends where editors end it, at a
            line feed or a carriage return, not at the rarer separators of Unicode.
        level: "letters", or "words", which are what white space separates.
        length: tokens of the longest text; longer lines are left out, and their number is told.
        min_count: tokens that are rarer are unknown: they become <unk>.
        max_vocabulary: tokens at most, <unk> and the end included; None: all.
        vocabulary: the tokens in the order of their ids, "" and "<unk>" first; None takes them from the file.
        num_tokens: size of the vocabulary; None takes it from the file.
        shape: what the networks are built for: (length, num_tokens), or None; its None is told by the file.
        end: 0, the token that ends a text.
        changed: whether a checkpoint resumes with other texts: "error" or "accept".
        others: see `TokenDataModule`.

    Raises:
        SettingError: ``path`` is no file in UTF-8 or has no text short enough, or a setting does not fit.
    """

    name = "text"

    def __init__(
        self,
        path: str | Path | None,
        level: str = "letters",
        batch_size: int = 64,
        length: int = 32,
        min_count: int = 1,
        max_vocabulary: int | None = None,
        vocabulary: Sequence[str] | None = None,
        num_tokens: int | None = None,
        shape: Sequence[int | None] | None = None,
        num_classes: int = 0,
        end: int = END,
        held_out: float = 0.1,
        split_seed: int = 0,
        markov_order: int = 3,
        seed: int = 0,
        min_batches: int = 1,
        changed: str = "error",
    ) -> None:
        check_fixed(num_classes, end)
        if path is None:
            raise SettingError("path", "null", "given: a file of texts, one a line")
        self.path, self.level = path, check_choice("level", level, ("letters", "words"))
        check_count("min_count", min_count)
        if max_vocabulary is not None:
            check_count("max_vocabulary", max_vocabulary, at_least=len(SPECIAL) + 1)
        lines = self._lines(check_count("length", length))
        if vocabulary is None:
            known = vocabulary_of(lines, min_count, max_vocabulary)
        else:
            known = check_vocabulary(vocabulary)
        if num_tokens not in (None, len(known)):
            raise SettingError("num_tokens", num_tokens, f"{len(known)}, the size of the vocabulary, or null")
        kind = Tokens(known, end=END, separator="" if level == "letters" else " ")
        size = None if shape is None else [len(known) if part is None else part for part in shape]
        super().__init__(
            length,
            len(known),
            batch_size,
            seed,
            held_out,
            split_seed,
            END,
            markov_order,
            size,
            min_batches,
            kind,
            changed,
        )
        self.vocabulary, self.texts = known, lines

    def _lines(self, length: int) -> list[list[str]]:
        """Return the tokens of each line that is not too long."""
        texts = [line.strip() for line in read_file(self.path).split("\n")]
        lines = [list(text) if self.level == "letters" else text.split() for text in texts if text]
        kept = [line for line in lines if len(line) <= length]
        if not lines:
            raise SettingError("path", self.path, "a file with texts, one a line: it is empty")
        if not kept:
            shortest = min(map(len, lines))
            raise SettingError(
                "length", length, f"{shortest} or more: the shortest line has so many {self.level}"
            )
        if len(kept) < len(lines):
            log.warning(
                "%s: %s of %s lines have more than data.length=%s %s, up to %s, and are left out",
                self.path, f"{len(lines) - len(kept):,}", f"{len(lines):,}", length, self.level, max(map(len, lines)),
            )  # fmt: skip
        return kept

    def read_texts(self) -> Tensor:
        """Return the lines as token ids."""
        number = {token: index for index, token in enumerate(self.vocabulary)}
        ids = [[number.get(token, UNKNOWN) for token in line] for line in self.texts]
        return padded(ids, self.length)

    def split_order(self, distinct: Tensor) -> Tensor:
        assert isinstance(self.kind, Tokens)
        # As a text and not by its ids, which move with the vocabulary.
        hashes = [
            hashlib.blake2b(f"{self.split_seed}\0{text}".encode(), digest_size=8).digest()
            for text in self.kind.texts(distinct)
        ]
        return torch.tensor(sorted(range(len(hashes)), key=lambda number: (hashes[number], number)))

    @property
    def settled(self) -> dict[str, Any]:
        return {"vocabulary": list(self.vocabulary), "num_tokens": len(self.vocabulary)}


def vocabulary_of(
    lines: Iterable[Sequence[str]], min_count: int = 1, max_vocabulary: int | None = None
) -> list[str]:
    """Return the tokens of texts, the end and <unk> before them, the most frequent first.

    >>> vocabulary_of([["b", "a"], ["b"]])
    ['', '<unk>', 'b', 'a']
    """
    counts = Counter(token for line in lines for token in line)
    ranked = sorted(filter(is_writable, counts), key=lambda token: (-counts[token], token))
    frequent = [token for token in ranked if counts[token] >= min_count and token not in SPECIAL]
    return [*SPECIAL, *frequent][:max_vocabulary]


def is_writable(token: str) -> bool:
    """Say whether a token comes back as it is from the run's config.yaml.

    There "${" begins a reference, "???" is a value that is missing, and YAML reads U+0085 as the end of a line.

    >>> [is_writable(token) for token in ("?", "???", "${oc.env:HOME}")]
    [True, False, False]
    """
    return token != "???" and "${" not in token and "\x85" not in token


def check_vocabulary(tokens: Sequence[str]) -> list[str]:
    """Return the tokens of a vocabulary that is given, if it begins as every one does and has none twice."""
    known, what = list(tokens), f"a list of texts that begins with {list(SPECIAL)} and has each once"
    if not all(isinstance(token, str) for token in known):
        wrong = next(token for token in known if not isinstance(token, str))
        raise SettingError("vocabulary", f"[..., {wrong!r}, ...]", what)
    if tuple(known[:2]) != SPECIAL:
        raise SettingError("vocabulary", str(known[:3]), what)
    if repeated := [token for token, num in Counter(known).items() if num > 1]:
        raise SettingError("vocabulary", f"[..., {repeated[0]!r}, ..., {repeated[0]!r}, ...]", what)
    return known
