"""key=value arguments of the commands that need no configuration groups."""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields
from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganworks.errors import GanworksError, SettingError, nearest

T = TypeVar("T")


def parse(schema: type[T], arguments: list[str]) -> tuple[T, list[str]]:
    """Return ``arguments`` as an instance of the dataclass ``schema``, and those of the form group.key=value.

    ``--help`` prints the fields with their ``help`` and exits.

    Raises:
        GanworksError: an argument that is none, or has a value of another type.
    """
    if {"-h", "--help", "help"} & set(arguments):
        print(usage(schema))
        sys.exit(0)
    names = [field.name for field in fields(schema)]  # type: ignore[arg-type]
    own, dotted = [], []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals:
            raise GanworksError(
                f"{argument!r} is no setting: write name=value, with one of {', '.join(names)}."
            )
        if "." in name:
            dotted.append(argument)
        elif name in names:
            own.append(argument)
        else:
            hint = f" Did you mean {nearest(name, names)!r}?" if nearest(name, names) else ""
            raise GanworksError(f"there is no setting {name!r}; there are {', '.join(names)}.{hint}")
    config = OmegaConf.structured(schema)
    for argument in own:
        try:
            config = OmegaConf.merge(config, OmegaConf.from_dotlist([argument]))
        except OmegaConfBaseException as error:
            name, _, value = argument.partition("=")
            raise SettingError(name, value, str(error).splitlines()[0]) from error
    return OmegaConf.to_object(config), dotted  # type: ignore[return-value]


def usage(schema: type) -> str:
    """Return the fields of a dataclass, their defaults and their help, one a line."""
    lines = [str(schema.__doc__), ""]
    for field in fields(schema):
        default = "" if field.default is MISSING else f" [{field.default}]"
        lines.append(f"  {field.name + '=':<14}{field.metadata.get('help', '')}{default}")
    return "\n".join(lines)
