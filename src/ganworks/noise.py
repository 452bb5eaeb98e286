"""Noise that is keyed, not drawn from a global state.

A draw is a function of its key, for example (seed, rank, "latent", step), and of nothing else. Ranks differ,
a resumed run draws what the uninterrupted one would have drawn without any saved state, and a picture made
on the way changes nothing that comes after it.
"""

from __future__ import annotations

import hashlib

import torch


def keyed_seed(*key: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on the whole key and is the same on every machine."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def keyed_rng(*key: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a random number generator on ``device`` whose draws depend on the key alone.

    >>> first = torch.randn(3, generator=keyed_rng(0, "latent", 7))
    >>> torch.equal(first, torch.randn(3, generator=keyed_rng(0, "latent", 7)))
    True
    >>> torch.equal(first, torch.randn(3, generator=keyed_rng(0, "latent", 8)))
    False
    """
    return torch.Generator(device).manual_seed(keyed_seed(*key))
