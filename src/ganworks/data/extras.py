"""Libraries that some data sets need, and that an extra installs."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ganworks.errors import GanworksError


def extra(module: str, name: str) -> ModuleType:
    """Return a module that the extra ``name`` installs, which is called like the option of ``data=`` that needs it.

    Raises:
        GanworksError: it is not installed; says how to.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        raise GanworksError(f"data={name} needs {error.name}: pip install 'ganworks[{name}]'") from error
