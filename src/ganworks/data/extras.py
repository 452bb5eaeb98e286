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
        library = module.split(".")[0]
        if str(error.name).split(".")[0] != library:
            raise
        raise GanworksError(f"data={name} needs {library}: pip install 'ganworks[{name}]'") from error
