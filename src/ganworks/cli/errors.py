"""A user's mistake ends a command with one clear message; only our own mistakes show a traceback."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ganworks.console import soft_console
from ganworks.errors import GanworksError
from ganworks.run.compose import primary_config, settings_around
from ganworks.run.explain import explained
from ganworks.words import masked

UNWRITABLE = (
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EISDIR,
    errno.EIO,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


@contextmanager
def user_errors() -> Iterator[None]:
    """Print the errors of a user's settings without a traceback and exit with 1.

    With GANWORKS_TRACEBACK=1 in the environment the traceback is printed too, for authors of their own classes.
    """
    arguments = sys.argv[1:]
    try:
        settings = lambda: settings_around(arguments, primary_config(arguments))  # noqa: E731
        with soft_console(), explained(arguments, settings):
            yield
    except GanworksError as error:
        if os.environ.get("GANWORKS_TRACEBACK"):
            traceback.print_exception(error)
        fail(str(error))
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        fail(f"{error.filename2 or error.filename or 'the disk'}: {error.strerror}.")


def fail(message: str) -> None:
    """Print ``message`` to stderr and exit with 1."""
    with soft_console():
        sys.stderr.write(f"error: {masked(message)}\n")
    sys.exit(1)
