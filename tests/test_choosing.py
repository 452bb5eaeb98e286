"""What docs/choosing.md recommends by stands in the tables that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pages import DOCS

CHOOSING = DOCS / "choosing.md"
LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)[^)]*\)")


@dataclass
class Table:
    """A Markdown table: the names of its columns, and its rows by their first cells."""

    columns: list[str]
    rows: dict[str, list[str]]


def tables(text: str) -> Iterator[Table]:
    """Yield the tables of a page, without bold type and quotes of code."""
    for block in re.findall(r"(?:^\|.*\n?)+", text, flags=re.M):
        columns, _, *rows = ([bare(cell) for cell in line.split("|")[1:-1]] for line in block.splitlines())
        yield Table(columns, {row[0]: row for row in rows})


def bare(cell: str) -> str:
    return re.sub(r"\*\*|`", "", cell).strip().strip("*")


QUOTED = [table for table in tables(CHOOSING.read_text()) if LINK.match(table.columns[0])]


@pytest.mark.parametrize("quoted", QUOTED, ids=lambda table: table.columns[0])
def test_each_row_of_evidence_is_a_row_of_its_page(quoted: Table) -> None:
    (link,) = LINK.findall(quoted.columns[0])
    names = quoted.columns[1:]
    whole = [t for t in tables((DOCS / link).read_text()) if set(names) <= {*t.columns}]
    assert whole, f"no table of {link} has the columns {names}"
    for name, row in quoted.rows.items():
        found = [t.rows[name][t.columns.index(n)] for t in whole if name in t.rows for n in names]
        assert row[1:] == found, name


def test_each_section_that_recommends_shows_a_row() -> None:
    sections = re.split(r"^## ", CHOOSING.read_text(), flags=re.M)[1:]
    with_commands = [s for s in sections if "python train.py" in s]
    assert len(with_commands) >= 5
    assert [
        s.splitlines()[0] for s in with_commands if not any(LINK.match(t.columns[0]) for t in tables(s))
    ] == []
