"""key=value arguments of the commands that need no configuration groups."""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from ganworks.errors import GanworksError, nearest
from ganworks.run.values import checked_value, members_of

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
        name, equals, _ = argument.partition("=")
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
    kinds = get_type_hints(schema)
    values = {name: convert(name, text, kinds[name]) for name, _, text in (a.partition("=") for a in own)}
    return schema(**values), dotted


def split_places(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the files and folders among the arguments of a command, and its settings."""
    places = [argument for argument in arguments if is_place(argument)]
    return places, [argument for argument in arguments if argument not in places]


def is_place(argument: str) -> bool:
    """Say whether an argument is a file or a folder rather than a setting."""
    return (
        not argument.startswith("-")
        and argument != "help"
        and ("=" not in argument or Path(argument).exists())
    )


def convert(name: str, text: str, kind: Any) -> Any:
    """Return ``text`` as a value of the annotation ``kind``: one of bool, int, float and str, perhaps or None.

    Raises:
        SettingError: it is none, or a number that is not finite.
    """
    options, text = members_of(kind), unquoted(text)
    if type(None) in options and text in ("", "null"):
        return None
    return checked_value(name, text if str in options else scalar(text), kind)


def unquoted(text: str) -> str:
    """Return a value without the quotes that other settings need around special characters.

    >>> unquoted('"my pictures"'), unquoted("it's")
    ('my pictures', "it's")
    """
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if is_quoted else text


def scalar(text: str) -> bool | int | float | str:
    """Return the boolean or the number that ``text`` says, or the text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def usage(schema: type) -> str:
    """Return the fields of a dataclass, their defaults and their help, one a line."""
    lines = [str(schema.__doc__), ""]
    for field in fields(schema):
        default = "" if field.default is MISSING else f" [{field.default}]"
        lines.append(f"  {field.name + '=':<14}{field.metadata.get('help', '')}{default}")
    return "\n".join(lines)
