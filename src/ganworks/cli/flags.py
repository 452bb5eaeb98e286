"""Flags of a command line, wherever they stand between the settings."""

from __future__ import annotations

from collections.abc import Sequence

from ganworks.errors import GanworksError, nearest

WITH_VALUE = {
    "--cfg": "-c",
    "--package": "-p",
    "--config-path": "-cp",
    "--config-name": "-cn",
    "--config-dir": "-cd",
    "--experimental-rerun": None,
}
WITHOUT = {
    "--help": "-h",
    "--hydra-help": None,
    "--version": None,
    "--resolve": None,
    "--run": "-r",
    "--multirun": "-m",
    "--shell-completion": "-sc",
}
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


def split_flags(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the flags with their values, in a form that is clear anywhere, and the settings.

    >>> split_flags(["data=digits", "--config-dir", "conf", "-m", "seed=0,1"])
    (['--config-dir=conf', '--multirun'], ['data=digits', 'seed=0,1'])

    Raises:
        GanworksError: a flag that there is not, or one without its value.
    """
    flags: list[str] = []
    settings: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument == "-":
            settings.append(argument)
            continue
        name, equals, value = argument.partition("=")
        name = full_name(name)
        if name in WITHOUT:
            flags.append(name)
        elif name == "--info":
            value = value or (rest.pop(0) if rest and rest[0] in INFO else "all")
            flags.append(f"{name}={value}")
        elif equals or (rest and not rest[0].startswith("-")):
            flags.append(f"{name}={value if equals else rest.pop(0)}")
        else:
            raise GanworksError(f"{name} is given without its value.")
    return flags, settings


def full_name(flag: str) -> str:
    """Return the long name of ``flag``; raise `GanworksError` where there is none."""
    short = {short: name for name, short in {**WITH_VALUE, **WITHOUT, "--info": "-i"}.items() if short}
    names = [*WITH_VALUE, *WITHOUT, "--info"]
    begun = [name for name in names if name == flag or (flag.startswith("--") and name.startswith(flag))]
    if flag in short:
        return short[flag]
    if flag in names or len(begun) == 1:
        return flag if flag in names else begun[0]
    hint = f" Did you mean {nearest(flag, names)!r}?" if nearest(flag, names) else ""
    raise GanworksError(
        f"there is no flag {flag!r}; there are {', '.join(names)}.{hint} Settings have no dashes: name=value."
    )
