"""README and docs as tests read them: their blocks of code and the commands in these."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
README, SETTINGS, EXTENDING = (
    ROOT / "README.md",
    ROOT / "docs" / "settings.md",
    ROOT / "docs" / "extending.md",
)
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
Command = tuple[str, list[str]]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in a language; "" are those without one."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.M | re.S)
    return [block for name, block in found if name == language]


def commands(name: str, *pages: Path) -> list[Command]:
    """Return (page, arguments) of the lines that call a command."""
    lines = [(page, line) for page in pages for block in blocks(page, "bash") for line in block.splitlines()]
    calls = [(page.name, shlex.split(line, comments=True)) for page, line in lines if line.strip()]
    starts = (["python", f"{name}.py"], [f"ganworks-{name}"])
    return [(page, c[len(s) :]) for page, c in calls for s in starts if c[: len(s)] == s]


def named(commands: list[Command]) -> list[Any]:
    """Return the commands as parameters of a test, under the words that stand in the page."""
    return [pytest.param(arguments, id=f"{page}: {' '.join(arguments)}") for page, arguments in commands]
