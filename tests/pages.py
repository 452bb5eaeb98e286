"""README and docs as tests read them: their blocks of code and the commands in these."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCS, README = ROOT / "docs", ROOT / "README.md"
ARCHITECTURE, EXTENDING, OPTIONS, RUNNING, SETTINGS = (
    DOCS / f"{name}.md" for name in ("architecture", "extending", "options", "running", "settings")
)
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
Command = tuple[str, list[str]]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in a language; "" are those without one."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.M | re.S)
    return [block for name, block in fences if name == language]


def excerpts(page: Path) -> list[tuple[str, str]]:
    """Return (path, code) of the Python blocks whose first line, a comment, names the file that they are from."""
    claim = re.compile(r"# ((?:src|tests|benchmarks|docs)/\S+\.py)\n(.*)", flags=re.S)
    return [match.groups() for block in blocks(page, "python") if (match := claim.match(block))]


def is_excerpt(code: str, path: Path) -> bool:
    """Say whether ``code`` is part of the file, whitespace aside."""
    return "".join(code.split()) in "".join(path.read_text().split())


def commands(name: str, *pages: Path) -> list[Command]:
    """Return (page, arguments) of the lines that call a command."""
    lines = [(page, line) for page in pages for block in blocks(page, "bash") for line in block.splitlines()]
    calls = [(page.name, shlex.split(line, comments=True)) for page, line in lines if line.strip()]
    starts = (["python", f"{name}.py"], [f"ganworks-{name}"])
    return [(page, c[len(s) :]) for page, c in calls for s in starts if c[: len(s)] == s]


def named(commands: list[Command]) -> list[Any]:
    """Return the commands as parameters of a test, under the words that stand in the page."""
    return [pytest.param(arguments, id=f"{page}: {' '.join(arguments)}") for page, arguments in commands]
