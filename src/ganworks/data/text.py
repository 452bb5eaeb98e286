"""A user's own texts, one a line."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

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
    the file and goes on with the same numbers.

    Args:
        path: the file, in UTF-8, one text a line; empty lines are left out.
        level: "letters", or "words", which are what white space separates.
        length: tokens of the longest text; longer lines are left out, and their number is told.
        min_count: tokens that are rarer are unknown: they become <unk>.
        max_vocabulary: tokens at most, <unk> and the end included; None: all.
        vocabulary: the tokens in the order of their ids; None takes them from the file.
        num_tokens: size of the vocabulary; None takes it from the file.
        shape: what the networks are built for: (length, num_tokens), or None; its None is told by the file.
        end: 0, the token that ends a text.
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
    ) -> None:
        check_fixed(num_classes, end)
        if path is None:
            raise SettingError("path", "null", "given: a file of texts, one a line")
        self.path, self.level = path, check_choice("level", level, ("letters", "words"))
        check_count("min_count", min_count)
        if max_vocabulary is not None:
            check_count("max_vocabulary", max_vocabulary, at_least=len(SPECIAL) + 1)
        lines = self._lines(check_count("length", length))
        known = list(vocabulary) if vocabulary else vocabulary_of(lines, min_count, max_vocabulary)
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
        )
        self.vocabulary, self.texts = known, lines

    def _lines(self, length: int) -> list[list[str]]:
        """Return the tokens of each line that is not too long."""
        texts = [line.strip() for line in read_file(self.path).splitlines()]
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
    # A token that reads like a reference would be taken for one in the run's config.yaml.
    ranked = sorted(
        (token for token in counts if "${" not in token), key=lambda token: (-counts[token], token)
    )
    frequent = [token for token in ranked if counts[token] >= min_count and token not in SPECIAL]
    return [*SPECIAL, *frequent][:max_vocabulary]
