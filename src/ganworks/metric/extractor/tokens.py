"""Texts as token ids, which is all that figures of texts read."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganworks.errors import SettingError
from ganworks.metric.extractor.base import Features, Identity
from ganworks.model.layer.tokens import as_ids


class TokenIds(Identity):
    """The ids (B, L) of texts (B, L, V), as float32: a vocabulary's share of the memory that one-hots take."""

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {"extractor": "token ids", "weights_sha256": "none", "resizer": "none"}

    def check_shape(self, shape: Sequence[int]) -> None:
        if len(shape) != 2:
            allowed = f"texts (length, vocabulary), as of data=words; these samples have {tuple(shape)}"
            raise SettingError("extractor.tokens", type(self).__name__, allowed)

    def __call__(self, samples: Tensor) -> Features:
        return Features(as_ids(samples).float().cpu())
