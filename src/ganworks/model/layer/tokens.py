"""Texts as tensors: one-hot tokens, and which of the places of a text are read."""

from __future__ import annotations

import torch
from torch import Tensor


def as_ids(texts: Tensor) -> Tensor:
    """Return token ids int64 (B, L) of texts: ids as they are, one-hots or relaxed ones (B, L, V) by their largest."""
    return texts.argmax(-1) if texts.dim() == 3 else texts.long()


def as_one_hot(ids: Tensor, vocabulary: int, like: Tensor | None = None) -> Tensor:
    """Return one-hots (..., V) of ids (...), in the type of ``like`` or float32."""
    # Not `one_hot`, which makes int64 first: eight bytes a number, and all of them twice.
    dtype = torch.float32 if like is None else like.dtype
    zeros = torch.zeros(*ids.shape, vocabulary, dtype=dtype, device=ids.device)
    return zeros.scatter_(-1, ids[..., None], 1.0)


def read_places(texts: Tensor, end: int | None) -> Tensor:
    """Return (B, L) bool: the places of a text up to the first ``end``, that one included; None reads them all.

    >>> read_places(torch.tensor([[3, 0, 0, 0], [1, 2, 3, 4]]), end=0).int().tolist()
    [[1, 1, 0, 0], [1, 1, 1, 1]]
    """
    ids = as_ids(texts.detach())
    if end is None:
        return torch.ones_like(ids, dtype=torch.bool)
    is_end = ids == end
    # A place is read while no end stands before it.
    return is_end.cumsum(1) - is_end.long() == 0


def ended(ids: Tensor, end: int | None) -> Tensor:
    """Return ids (B, L) with ``end`` at every place behind the first one."""
    return ids if end is None else torch.where(read_places(ids, end), ids, end)
