"""What stays out of a folder that leaves this machine: where its files lie here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ganworks.words import masked


def without_places(node: Any) -> Any:
    """Return a tree of plain types in which a path from a root or a home is its last part, and no password stands.

    >>> without_places({"root": "/home/me/cats", "crop": "center", "size": 3})
    {'root': 'cats', 'crop': 'center', 'size': 3}
    """
    if isinstance(node, Mapping):
        return {name: without_places(child) for name, child in node.items()}
    if isinstance(node, list | tuple):
        return [without_places(child) for child in node]
    return last_part(masked(node)) if isinstance(node, str) else node


def last_part(text: str) -> str:
    """Return the last part of an absolute path, and any other text as it is.

    >>> last_part("C:\\\\data\\\\cats"), last_part("~/cats"), last_part("data/cats"), last_part("/")
    ('cats', 'cats', 'data/cats', '/')
    """
    if text.startswith(("/", "~/")):
        return PurePosixPath(text).name or text
    windows = PureWindowsPath(text)
    return windows.name if windows.drive and windows.root and windows.name else text
