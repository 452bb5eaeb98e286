"""What series and tables of a user share: one split for all runs, a kept scaling, a record of the values."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ganworks.data.base import GanDataModule
from ganworks.data.columns import extremes
from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.noise import keyed_seed

log = logging.getLogger(__name__)
CHANGED = ("error", "accept")


class OwnColumns(GanDataModule):
    """Columns of numbers out of files, a share of them held out; a base beside another one.

    A subclass calls `set_split` and `set_scaling`, sets ``columns``, and implements `content`.

    Attributes:
        columns: their names.
        lowest, highest: value of each column that becomes -1 and 1; None before the data are read.
    """

    columns: list[str]
    lowest: list[float] | None
    highest: list[float] | None

    def set_split(self, held_out: float, split_seed: int, changed: str) -> None:
        """Check and keep what is held out, by which key, and whether a run resumes with other values."""
        self.held_out = check_range("held_out", held_out, 0.01, 0.9)
        self.split_seed = check_count("split_seed", split_seed, at_least=0)
        self.changed = check_choice("changed", changed, CHANGED)

    def set_scaling(self, lowest: Sequence[float] | None, highest: Sequence[float] | None) -> None:
        """Keep the scaling of a run that goes on; None leaves it to the data."""
        for name, values, other in (("lowest", lowest, highest), ("highest", highest, lowest)):
            if values is not None and (len(values) != len(self.columns) or other is None):
                allowed = (
                    f"null, or a number for each of {len(self.columns)} columns, with lowest and highest"
                )
                raise SettingError(name, list(values), allowed)
        self.lowest = None if lowest is None else [float(value) for value in lowest]
        self.highest = None if highest is None else [float(value) for value in highest]

    def scaling(self, values: Tensor) -> tuple[list[float], list[float]]:
        """Return lowest and highest value of each column: those of the run, or of ``values`` (..., D), trained on."""
        if self.lowest is None or self.highest is None:
            self.lowest, self.highest = extremes(values, self.columns)
        return self.lowest, self.highest

    @property
    @abstractmethod
    def content(self) -> str:
        """A hash of all values that were read, trained on or held out."""

    @property
    def settled(self) -> dict[str, Any]:
        """The columns, the shape and the scaling, which the files have told."""
        told = {"shape": list(self.shape), "columns": self.columns}
        return told if self.lowest is None else {**told, "lowest": self.lowest, "highest": self.highest}

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position, and what tells the values from others."""
        return {**super().state_dict(), "content": self.content}

    def check_same(self, state_dict: dict[str, Any]) -> None:
        """Raise `SettingError` where the checkpoint was trained on other values, unless that is accepted."""
        if state_dict.get("content", self.content) == self.content:
            return
        what = "other values than the run has seen: what was held out may be trained on"
        if self.changed == "error":
            raise SettingError("changed", self.changed, f"accept to go on with {what}")
        log.warning("%s: %s", self.name, what)


def held_out_of(texts: Sequence[str], share: float, *key: int | str) -> list[bool]:
    """Return of each text whether it is held out: those with the smallest keyed hash, a ``share`` of them all.

    Copies of a text are on one side, and where texts come or go, the others hardly change theirs.

    >>> held_out_of(["a", "b", "a", "c"], 0.25, 0)
    [False, True, False, False]
    """
    rank = {text: keyed_seed(*key, text) for text in set(texts)}
    wanted, apart, num = max(1, round(share * len(texts))), set(), 0
    counts = dict.fromkeys(rank, 0)
    for text in texts:
        counts[text] += 1
    for text in sorted(rank, key=lambda text: rank[text]):
        if num >= wanted or num + counts[text] >= len(texts):
            break
        apart.add(text)
        num += counts[text]
    return [text in apart for text in texts]
