"""How numbers and paths are said to people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SECRET = re.compile(
    r"(?<=://)([^\s:/@'\"]*):[^\s'\"]*@|([?&](?:password|passwd|pwd)=)[^\s&'\"]*", re.IGNORECASE
)


def masked(text: str) -> str:
    """Return a text with ``***`` for the passwords in its URLs.

    >>> masked("tune.py storage=postgresql://user:secret@host/study")
    'tune.py storage=postgresql://user:***@host/study'
    """
    return SECRET.sub(lambda found: f"{found[2]}***" if found[2] else f"{found[1]}:***@", text)


def short(count: float) -> str:
    """Return a count in three digits or so.

    >>> short(1234), short(1_500_000), short(12)
    ('1.23k', '1.5M', '12')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def tags_of(tags: str | float | Iterable[object] | None) -> list[str]:
    """Return tags as a list; a string is one, or several with commas between them, and so is a number.

    >>> tags_of("first"), tags_of("first, small"), tags_of(5), tags_of(None)
    (['first'], ['first', 'small'], ['5'], [])
    """
    if isinstance(tags, int | float):
        return [str(tags)]
    if isinstance(tags, str):
        return [tag.strip() for tag in tags.strip("[] ").split(",") if tag.strip()]
    return [str(tag) for tag in tags or ()]


def figure(value: float) -> str:
    """Return a figure in two or three digits, without the zero before the point.

    >>> figure(0.3123), figure(12.34), figure(1.2e-9), figure(-0.5)
    ('.31', '12.3', '1.2e-09', '-.5')
    """
    text = f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def relative_path(path: Path) -> Path:
    """Return ``path`` as one would type it here: relative where it lies below the working directory."""
    path = path.absolute()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
