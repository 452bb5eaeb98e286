"""What a file's objects become when it is read: their names and attributes, and nothing that could run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ganworks.errors import GanworksError

MAX_DEPTH = 64  # of modules within modules; StyleGAN's are 4 deep, R3GAN's 6


@dataclass(eq=False)
class Shell:
    """An object of a file: the name of its class and its attributes.

    Args:
        kind: the path of its class, as the file spells it.
        attributes: what the file says of it, plain types, tensors and other shells.
    """

    kind: str
    attributes: dict[str, Any] = field(default_factory=dict)

    def state_dict(self) -> dict[str, Tensor]:
        """Return its tensors as its `state_dict` would: parameters and persistent buffers, by dotted name.

        Raises:
            GanworksError: what is among them is no tensor, or modules hold each other.
        """
        found: dict[str, Tensor] = {}
        seen: set[int] = set()
        _collect(self, "", found, seen)
        return found

    def arguments(self, names: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the arguments that its constructor was given, where the file says them.

        Args:
            names: of the constructor's arguments in their order, for those that were given by position.
        """
        args, kwargs = (self.attributes.get(name) for name in ("_init_args", "_init_kwargs"))
        by_position = dict(zip(names, args, strict=False)) if isinstance(args, tuple | list) else {}
        return {**by_position, **(kwargs if isinstance(kwargs, dict) else {})}

    def first(self, name: str, depth: int = MAX_DEPTH) -> Any:
        """Return the first attribute ``name`` that is not None, of it or of the modules in it; None without one."""
        if self.attributes.get(name) is not None or depth == 0:
            return self.attributes.get(name)
        children = [child for child in _dict(self, "_modules").values() if isinstance(child, Shell)]
        return next((value for c in children if (value := c.first(name, depth - 1)) is not None), None)

    def count(self, name: str, depth: int = MAX_DEPTH) -> int | None:
        """Return how many of the modules right inside it, or inside its parts, have a true attribute ``name``."""
        children = [child for child in _dict(self, "_modules").values() if isinstance(child, Shell)]
        found = [child.attributes[name] for child in children if name in child.attributes]
        if found or depth == 0:
            return sum(map(bool, found)) if found else None
        return next((value for c in children if (value := c.count(name, depth - 1)) is not None), None)


def _dict(shell: Shell, name: str) -> dict[str, Any]:
    value = shell.attributes.get(name)
    return value if isinstance(value, dict) else {}


def _collect(shell: Shell, prefix: str, found: dict[str, Tensor], seen: set[int]) -> None:
    # Twice the same module would be taken twice, and modules that hold each other never end.
    if id(shell) in seen or prefix.count(".") > MAX_DEPTH:
        raise GanworksError(f"{prefix or shell.kind} stands in its network twice, or too deep.")
    seen.add(id(shell))
    passing = shell.attributes.get("_non_persistent_buffers_set")
    passing = passing if isinstance(passing, set) else set()
    for group in ("_parameters", "_buffers"):
        for name, tensor in _dict(shell, group).items():
            if tensor is None or (group == "_buffers" and name in passing):
                continue
            if not isinstance(tensor, Tensor):
                raise GanworksError(f"{prefix}{name} is {type(tensor).__name__}, not a tensor.")
            found[f"{prefix}{name}"] = tensor
    for name, child in _dict(shell, "_modules").items():
        if child is None:
            continue
        if not isinstance(child, Shell):
            raise GanworksError(f"{prefix}{name} is {type(child).__name__}, not a module.")
        _collect(child, f"{prefix}{name}.", found, seen)
