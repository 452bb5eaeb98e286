"""Hydra's errors about a command line as ours: what is not there, what is, and the nearest name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files

from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ganworks.errors import GanworksError, SettingError, nearest


@contextmanager
def explained(overrides: Sequence[str], settings: Callable[[], DictConfig]) -> Iterator[None]:
    """Raise `GanworksError` for what Hydra and OmegaConf raise inside.

    Args:
        overrides: the command line that is composed.
        settings: returns the configuration in which the nearest names are looked up.
    """
    try:
        yield
    except MissingConfigException as error:
        raise missing_option(error) from error
    except HydraException as error:
        raise GanworksError(unknown_setting(error, settings)) from error
    except OmegaConfBaseException as error:
        if (own := raised_by_a_word(error)) is not None:
            raise own from None
        raise GanworksError(str(error).splitlines()[0]) from error
    except ValueError as error:
        if not str(error).startswith("Config group override must be"):
            raise
        raise option_without_name(overrides) from error


def raised_by_a_word(error: BaseException | None) -> GanworksError | OSError | None:
    """Return what a word that conf/ computes with raised, which OmegaConf has wrapped; None where none did."""
    while error is not None and not isinstance(error, GanworksError | OSError):
        error = error.__cause__ or error.__context__
    return error


def missing_option(error: MissingConfigException) -> GanworksError:
    """Say which options a group has when one is chosen that does not exist."""
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    # Hydra names none where several are chosen: metric=[a,b]
    options = list(error.options or options_of(group))
    if not options:
        return GanworksError(str(error).splitlines()[0])
    return SettingError(group, option, f"one of {', '.join(options)}", options)


def options_of(group: str) -> list[str]:
    """Return the options of ``group`` that are shipped; none where there is no such group."""
    folder = files("ganworks.conf") / group
    if not group or not folder.is_dir():
        return []
    return sorted(path.name[:-5] for path in folder.iterdir() if path.name.endswith(".yaml"))


def option_without_name(overrides: Sequence[str]) -> GanworksError:
    """Say which group was given a number where it takes the name of an option."""
    for override in overrides:
        group, _, value = override.partition("=")
        options = options_of(group)
        if options and value not in options:
            return SettingError(group, value, f"one of {', '.join(options)}", options)
    return GanworksError(f"a group takes the name of an option: {' '.join(overrides)}")


def unknown_setting(error: HydraException, settings: Callable[[], DictConfig]) -> str:
    """Say what is there when a setting is named that is not."""
    if isinstance(error, OverrideParseException):
        name, equals, value = str(error.override).partition("=")
        example = typed(name, value.strip("'\"")) if equals and name and value else """'name="a=b"'"""
        return (
            f"{error.override!r} is no setting: write name=value, and quotes around a value with special characters:"
            f" {example}."
        )
    message, cause = str(error).splitlines()[0], str(error.__cause__ or "").splitlines()
    if several := re.match(r"Ambiguous value for argument '([^=]+)=(.*)'$", message):
        name, values = several.groups()
        return (
            f"{name}={values}: a list is written '{name}=[{values}]'; a run for each of them takes -m:"
            f" -m {name}={values}"
        )
    match = re.search(r"Could not override '([^']+)'", str(error))
    if not match or not isinstance(error, ConfigCompositionException):
        return " ".join([message, *cause[:1]])
    parent, name, names = place(match[1].split("@")[0], settings())
    if name in names:
        return f"{match[1]}: {cause[0] if cause else message}"
    if not names and (options := options_of(parent)):  # a group that is empty until an option is chosen
        return (
            f"there is no setting {match[1]!r} with the option of {parent} that is chosen: leave it out, or choose the"
            f" one that has it, {parent}= one of {', '.join(options)}"
        )
    hint = f" Did you mean {nearest(name, names)!r}?" if nearest(name, names) else ""
    where = f"{parent or 'the recipe'} has {', '.join(names)}" if names else f"{parent} is empty"
    return f"there is no setting {match[1]!r}; {where}.{hint} (+{match[1]}=... adds a new one)"


def place(key: str, config: DictConfig) -> tuple[str, str, list[str]]:
    """Return the deepest parent of ``key`` that exists, the first name below it that does not, and its children."""
    node: DictConfig = config
    parent: list[str] = []
    for name in key.replace("/", ".").split("."):
        children = [str(child) for child in node] if isinstance(node, DictConfig) else []
        if name not in children:
            return ".".join(parent), name, children
        node, parent = node._get_node(name), [*parent, name]  # type: ignore[assignment]
    return ".".join(parent[:-1]), parent[-1], parent[-1:]


def typed(name: str, value: object) -> str:
    """Return a setting as it is typed in a shell, with quotes where Hydra or the shell need them.

    >>> print(typed("data.root", "a/b.zip"), typed("data.root", "a b/ü"))
    data.root=a/b.zip 'data.root="a b/ü"'
    """
    text = str(value)
    if re.fullmatch(r"[\w./:+-]+", text, re.ASCII):
        return f"{name}={text}"
    escaped = text.replace('"', '\\"')
    return shlex.quote(f'{name}="{escaped}"')
