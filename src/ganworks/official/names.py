"""From the names of an official state dict to ours, so that nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from ganworks.errors import GanworksError


def renamed_state(
    state: Mapping[str, Tensor], names: Mapping[str, str], constants: Collection[str] = ()
) -> dict[str, Tensor]:
    """Return the tensors of ``state`` under our names.

    Args:
        state: by official name.
        names: ours by official name; each is taken once.
        constants: official names of what our networks compute themselves, such as the taps of a filter; a name that
            ends in "*" stands for all that begin so, one that begins with "*" for all that end so.

    Raises:
        GanworksError: a tensor that nobody takes, or one that is missing.
    """
    unknown = [name for name in state if name not in names and not _is_among(name, constants)]
    missing = [name for name in names if name not in state]
    if unknown or missing:
        texts = [f"unknown {', '.join(unknown[:3])}"] * bool(unknown) + [
            f"missing {', '.join(missing[:3])}"
        ] * bool(missing)
        raise GanworksError(f"These weights have another layout: {'; '.join(texts)}.")
    if len(set(names.values())) != len(names):
        raise GanworksError("Two tensors of these weights would go to the same place.")
    return {ours: state[theirs] for theirs, ours in names.items()}


def _is_among(name: str, patterns: Collection[str]) -> bool:
    return any(
        name == pattern
        or (pattern.endswith("*") and name.startswith(pattern[:-1]))
        or (pattern.startswith("*") and name.endswith(pattern[1:]))
        for pattern in patterns
    )
