"""From the names of modules to those of the tensors that they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

Modules = Mapping[str, tuple[str, Mapping[str, str]]]
"""By official name of a module our name of it, and by official name of what it holds ours."""


def tensor_names(state: Mapping[str, Tensor], modules: Modules, prefix: str = "") -> dict[str, str]:
    """Return our name of each tensor of ``modules`` that is in ``state``, by official name.

    Args:
        prefix: of every official name.
    """
    every = {
        f"{prefix}{theirs}.{inner}": f"{ours}.{renamed}"
        for theirs, (ours, table) in modules.items()
        for inner, renamed in table.items()
    }
    return {theirs: ours for theirs, ours in every.items() if theirs in state}


def nested(modules: Mapping[str, str], tensors: Mapping[str, str]) -> dict[str, str]:
    """Return the tensors of modules inside a module: both names of each, joined.

    >>> nested({"theta": "query"}, {"u0": "u"})
    {'theta.u0': 'query.u'}
    """
    return {
        f"{t}.{inner}": f"{o}.{renamed}" for t, o in modules.items() for inner, renamed in tensors.items()
    }


def num_places(state: Mapping[str, Tensor], start: str) -> int:
    """Return how many numbers follow ``start`` in the names of tensors.

    >>> num_places({"blocks.0.weight": 0, "blocks.1.weight": 0, "blocks.1.bias": 0}, "blocks.")
    2
    """
    found = (re.match(re.escape(start) + r"(\d+)", name) for name in state)
    return len({match.group(1) for match in found if match})


def counted(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Return ``state`` with the numbers of batches that our batch norms count, which others leave out."""
    own = network.state_dict()
    return {name: own[name] for name in own if name.endswith("num_batches_tracked")} | dict(state)
