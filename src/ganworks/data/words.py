"""English words, letter by letter: bundled, nothing to download."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase

from torch import Tensor

from ganworks.data.tokens import END, TokenDataModule, padded
from ganworks.errors import SettingError, check_count
from ganworks.sample.kind import Tokens

BUNDLED = Path(__file__).with_name("words.txt.gz")
LETTERS = ("", *ascii_lowercase)  # the first one ends a word


class Words(TokenDataModule):
    """Words of small letters a to z, one-hot (length, 27).

    The bundled list has 12,000 words of 3 to 10 letters out of SCOWL, Kevin Atkinson's word lists; its copyright notice
    lies beside it, in words_copyright.txt.

    Args:
        path: a list of words, one a line, such as /usr/share/dict/words; None takes the bundled one. Of a list the
            words of ``min_length`` to ``length`` letters a to z are taken, each once.
        length: letters of the longest word.
        min_length: letters of the shortest word.
        end: 0, the token that ends a word.
        changed: whether a checkpoint resumes with another list: "error" or "accept".
        others: see `TokenDataModule`.

    Raises:
        SettingError: ``path`` is no file, or has no such words.
    """

    name = "words"

    def __init__(
        self,
        path: str | Path | None = None,
        batch_size: int = 64,
        length: int = 10,
        min_length: int = 3,
        shape: Sequence[int] | None = None,
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
        super().__init__(
            length, len(LETTERS), batch_size, seed, held_out, split_seed, END, markov_order, shape, min_batches,
            Tokens(LETTERS, end=END), changed,
        )  # fmt: skip
        self.path, self.min_length = path, check_count("min_length", min_length)
        if min_length > length:
            raise SettingError("min_length", min_length, f"at most length={length}")

    def read_texts(self) -> Tensor:
        """Read the words in the order of the alphabet."""
        number = {letter: index for index, letter in enumerate(LETTERS)}
        words = sorted({word for word in self._lines() if self._is_taken(word)})
        if not words:
            allowed = f"a list with words of {self.min_length} to {self.length} letters a to z, one a line"
            raise SettingError("path", self.path, allowed)
        return padded([[number[letter] for letter in word] for word in words], self.length)

    def _lines(self) -> list[str]:
        if self.path is None:
            return gzip.decompress(BUNDLED.read_bytes()).decode("ascii").split()
        return read_file(self.path).split()

    def _is_taken(self, word: str) -> bool:
        return self.min_length <= len(word) <= self.length and set(word) <= set(LETTERS)


def check_fixed(num_classes: int, end: int | None, expected: int | None = END) -> None:
    """Raise `SettingError` where a setting that texts do not have a choice in has another value."""
    if num_classes:
        raise SettingError("num_classes", num_classes, "0: these texts have no labels")
    if end != expected:
        raise SettingError("end", end, f"{'null' if expected is None else expected}, which these texts have")


def read_file(path: str | Path) -> str:
    """Return the text of a file in UTF-8, without a byte order mark; raise `SettingError` where it is none."""
    if not Path(path).is_file():
        raise SettingError("path", path, "a file of texts, one a line")
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingError("path", path, f"a text file in UTF-8 (byte {error.start} is not)") from error
