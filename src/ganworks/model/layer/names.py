"""Names of a network's tensors that hold at every resolution: under them weights go from one size to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def places(names: Iterable[str], of: str) -> list[int]:
    """Return the places in the list of layers ``of`` to which the tensors ``names`` belong, in order.

    >>> places(["convs.1.weight", "convs.0.weight", "norms.2.bias"], "convs")
    [0, 1]
    """
    parts = [name.split(".") for name in names]
    return sorted({int(part[1]) for part in parts if part[0] == of and len(part) > 2 and part[1].isdigit()})


def renamed(names: Iterable[str], modules: Mapping[str, str]) -> dict[str, str]:
    """Return the tensors ``names`` with the names of ``modules`` replaced; the others keep theirs.

    >>> renamed(["stages.0.weight", "head.bias"], {"stages.0": "b8.stage"})
    {'stages.0.weight': 'b8.stage.weight', 'head.bias': 'head.bias'}
    """
    starts = {name: next((m for m in modules if name.startswith(f"{m}.")), None) for name in names}
    return {
        name: name if start is None else modules[start] + name[len(start) :] for name, start in starts.items()
    }
