"""A user's mistake ends a command with one clear message; only our own mistakes show a traceback."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
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

UNWRITABLE = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


@contextmanager
def user_errors(compose: Callable[[], DictConfig] | None = None) -> Iterator[None]:
    """Print the errors of a user's settings without a traceback and exit with 1.

    With GANWORKS_TRACEBACK=1 in the environment the traceback is printed too, for authors of their own classes.

    Args:
        compose: returns the default configuration, in which nearest names are looked up.
    """
    try:
        yield
    except GanworksError as error:
        if os.environ.get("GANWORKS_TRACEBACK"):
            traceback.print_exception(error)
        fail(str(error))
    except MissingConfigException as error:
        fail(missing_option(error))
    except HydraException as error:
        fail(unknown_setting(error, compose))
    except OmegaConfBaseException as error:
        fail(str(error).splitlines()[0])
    except ValueError as error:
        if not str(error).startswith("Config group override must be"):
            raise
        fail(option_without_name(sys.argv[1:]))
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        fail(f"{error.filename or 'the disk'}: {error.strerror}.")


@contextmanager
def called(**names: str) -> Iterator[None]:
    """Name settings in errors as the command does: ``called(path="run")``."""
    try:
        yield
    except SettingError as error:
        error.setting = names.get(error.setting, error.setting)
        raise


def fail(message: str) -> None:
    """Print ``message`` to stderr and exit with 1."""
    sys.stderr.write(f"error: {message}\n")
    sys.exit(1)


def missing_option(error: MissingConfigException) -> str:
    """Say which options a group has when one is chosen that does not exist."""
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    options = list(
        error.options or options_of(group)
    )  # Hydra names none where several are chosen: metric=[a,b]
    if not options:
        return str(error).splitlines()[0]
    return str(SettingError(group, option, f"one of {', '.join(options)}", options))


def options_of(group: str) -> list[str]:
    """Return the options of ``group`` that are shipped; none where there is no such group."""
    folder = files("ganworks.conf") / group
    if not group or not folder.is_dir():
        return []
    return sorted(path.name[:-5] for path in folder.iterdir() if path.name.endswith(".yaml"))


def option_without_name(arguments: list[str]) -> str:
    """Say which group among the arguments was given a number where it takes the name of an option."""
    for argument in arguments:
        group, _, value = argument.partition("=")
        options = options_of(group)
        if options and value not in options:
            return str(SettingError(group, value, f"one of {', '.join(options)}", options))
    return f"a group takes the name of an option: {' '.join(arguments)}"


def unknown_setting(error: HydraException, compose: Callable[[], DictConfig] | None) -> str:
    """Say what is there when a setting is named that is not."""
    if isinstance(error, OverrideParseException):
        return (
            f"{error.override!r} is no setting: write name=value, and quotes around a value with special characters:"
            """ 'name="a=b"'."""
        )
    message, cause = str(error).splitlines()[0], str(error.__cause__ or "").splitlines()
    match = re.search(r"Could not override '([^']+)'", str(error))
    if not match or not isinstance(error, ConfigCompositionException) or compose is None:
        return " ".join([message, *cause[:1]])
    parent, name, names = place(match[1].split("@")[0], compose())
    if name in names:
        return f"{match[1]}: {cause[0] if cause else message}"
    if not names and (options := options_of(parent)):  # a group that is empty until an option is chosen
        return (
            f"there is no setting {match[1]!r} with the option of {parent} that is chosen: leave it out, or choose the"
            f" one that has it, {parent}= one of {', '.join(options)}"
        )
    hint = f" Did you mean {nearest(name, names)!r}?" if nearest(name, names) else ""
    where = f"{parent} has" if parent else "there are"
    return f"there is no setting {match[1]!r}; {where} {', '.join(names)}.{hint} (+{match[1]}=... adds a new one)"


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
