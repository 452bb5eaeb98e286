"""Packages hand on the names of their modules without importing them: a start pays for what its run uses.

A package lists what it hands on once, in the form that type checkers and readers know, and Python reads the list when
the first of the names is asked for::

    if TYPE_CHECKING:
        from ganworks.loss.margin import Hinge, Wasserstein
    else:
        __getattr__, __dir__ = on_first_use(__name__)

    __all__ = ["Hinge", "Wasserstein"]

The functions stand under ``else`` because a type checker that sees a `__getattr__` believes in any name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


def on_first_use(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and `__dir__` of ``package``, which import a name's module on its first use (PEP 562).

    No name may be that of a module of the package too: Python binds a module there as soon as anyone imports it.
    """

    def __getattr__(name: str) -> Any:
        module = origins(package).get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module), name)
        setattr(sys.modules[package], name, value)  # the next use finds it without coming here
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origins(package)})

    return __getattr__, __dir__


@cache
def origins(package: str) -> dict[str, str]:
    """Return the module of each name that ``package`` imports under ``if TYPE_CHECKING:``."""
    spec = sys.modules[package].__spec__
    source = spec.loader.get_source(package)  # type: ignore[union-attr]
    return {
        alias.name: str(statement.module)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
