"""Errors that a user can act on: they name the setting, its value and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class GanworksError(Exception):
    """A mistake in a setting, a path or the data; the commands print it without a traceback."""


class SettingError(GanworksError, ValueError):
    """A setting has a value that it cannot have.

    Args:
        setting: name of the setting; library code gives the argument's name (``n_critic``), the commands
            put the path of its group before it (``task.n_critic``).
        value: the value that was given.
        allowed: what is allowed, in words (``"an integer from 1 up"``).
        choices: the valid values where they are names; the nearest is offered.

    Attributes:
        is_whole: the setting has its whole path, whatever part is being built.
    """

    def __init__(self, setting: str, value: object, allowed: str, choices: Iterable[str] = ()) -> None:
        self.setting, self.value, self.allowed, self.is_whole = setting, value, allowed, False
        self.nearest = nearest(str(value), choices)
        super().__init__(setting, value, allowed)

    def __str__(self) -> str:
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.setting}={self.value}: must be {self.allowed}.{hint}"


@contextmanager
def setting_path(
    path: str = "", renamed: Mapping[str, str] | None = None, is_whole: bool = False
) -> Iterator[None]:
    """Let `SettingError`s raised inside name the setting as the command does.

    Args:
        path: put before the setting: ``n_critic`` becomes ``task.n_critic`` under ``setting_path("task")``. A setting
            that has the path already stays as it is.
        renamed: settings that the command calls otherwise, and what it calls them: ``{"root": "real"}``. They have
            no path before them.
        is_whole: no further path comes before the setting: it belongs to another part than that which is built.
    """
    try:
        yield
    except SettingError as error:
        if error.is_whole:
            raise
        has_path = not path or f"{error.setting}.".startswith(f"{path}.")
        name = error.setting if has_path else f"{path}.{error.setting}"
        error.setting, error.is_whole = (renamed or {}).get(error.setting, name), is_whole
        raise


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that is spelled most like ``name``, or None when none is close.

    >>> nearest("wgan-gp", ["wgan", "wgan_gp", "hinge"])
    'wgan_gp'
    """
    matches = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return matches[0] if matches else None


def check_choice(setting: str, value: str, choices: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``choices``; raise `SettingError` with the nearest one otherwise."""
    choices = list(choices)
    if value not in choices:
        raise SettingError(setting, value, f"one of {', '.join(choices)}", choices)
    return value


def check_count(setting: str, value: object, at_least: int = 1) -> int:
    """Return ``value`` as an integer of ``at_least`` or more; whole floats such as 1e6 pass."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != int(value)
        or value < at_least
    ):
        raise SettingError(setting, value, f"an integer from {at_least} up")
    return int(value)


def check_range(setting: str, value: float, low: float, high: float = float("inf")) -> float:
    """Return ``value`` if ``low <= value <= high``; raise `SettingError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        allowed = (
            f"a number from {low:g} up" if high == float("inf") else f"a number from {low:g} to {high:g}"
        )
        raise SettingError(setting, value, allowed)
    return value
