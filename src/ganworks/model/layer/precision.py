"""Which type a layer computes in: half precision in the high resolutions, float32 elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from ganworks.errors import check_choice

HALF_TYPES = {"auto": None, "float16": torch.float16, "bfloat16": torch.bfloat16}
_is_full = ContextVar("is_full", default=False)


@contextmanager
def full_precision() -> Iterator[None]:
    """Let every layer inside compute in the type of its parameters: penalties on gradients need the digits."""
    token = _is_full.set(True)
    try:
        yield
    finally:
        _is_full.reset(token)


class Precision:
    """The type of the layers of a network, by their resolution; Karras et al. 2020 (ADA), appendix C.

    Under autocast it is autocast's for all layers but those of the 4x4 maps; parameters in float64 keep it.

    Args:
        half_type: of the high resolutions: "float16", the paper's; "bfloat16", which has the range of float32, so that
            no gradient overflows; "auto", bfloat16 on an accelerator and float32 on a CPU.
    """

    def __init__(self, half_type: str = "auto") -> None:
        self.half_type = check_choice("half_type", half_type, tuple(HALF_TYPES))

    def of(self, like: Tensor, is_high: bool) -> torch.dtype:
        """Return the type for layers whose parameters are like ``like``, at a high resolution or not."""
        device = like.device.type
        if like.dtype != torch.float32 or _is_full.get():
            return like.dtype
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
        half = HALF_TYPES[self.half_type] or (torch.float32 if device == "cpu" else torch.bfloat16)
        return half if is_high else torch.float32

    def __repr__(self) -> str:
        return self.half_type
