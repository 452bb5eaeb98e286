"""`show` and `compare`: a run, or several beside each other, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ganworks.chart import terminal_chart
from ganworks.chart.terminal import COLORS, LETTERS
from ganworks.errors import GanworksError, SettingError
from ganworks.report import settings, words
from ganworks.report.curves import chart_of
from ganworks.report.record import Record
from ganworks.words import relative_path

MANY = 8  # runs beside each other; more belong on a page
USUAL = ("train/generator/adversarial", "train/discriminator/adversarial")
CHOICES = "usual, all, none, or names of what metrics.csv has"


def show(record: Record, console: Console, curves: str = "usual") -> None:
    """Print what is known of a run: how it ended, its figures, what it set, its curves, what to do with it."""
    names = chosen([record], curves)
    heading(record, console)
    if record.summary.get("error"):
        console.print(escape(str(record.summary["error"])), style="red", soft_wrap=True)
    for line in (words.verdict(record), str(record.doctor.get("verdict") or "")):
        console.print(escape(line), soft_wrap=True, highlight=False)
    if rows := words.figures([record]):
        print_table(console, "figure", ["this run", *words.beside([record])], rows, align="right")
    if rows := settings.from_default(record.config):
        print_table(console, "differs from the default", ["this run", "default"], rows)
    draw([record], names, console)
    console.print()
    for text, command in words.commands(record):
        console.print(f"{text:<18}{escape(command)}", soft_wrap=True, highlight=False)


def compare(records: Sequence[Record], console: Console, curves: str = "usual") -> None:
    """Print runs beside each other: the settings in which they differ, their figures, their curves.

    Raises:
        GanworksError: fewer than two runs, or more than can be told apart.
    """
    if not 2 <= len(records) <= MANY:
        raise GanworksError(
            f"{len(records)} run{'s' * (len(records) != 1)}: from 2 to {MANY} stand beside each other; a page has"
            " room for 32 (out=page.html)."
        )
    scalars = chosen(records, curves)
    for index, record in enumerate(records):
        heading(record, console, index)
    names = [f"[{COLORS[index % len(COLORS)]}]{LETTERS[index]}[/]" for index in range(len(records))]
    rows = settings.between([record.config for record in records])
    if rows:
        print_table(console, "setting", names, rows)
    else:
        console.print("\nNo setting differs.", highlight=False)
    if rows := words.figures(records):
        beside = list(words.beside(records))
        print_table(console, "figure", [*names, *beside], rows, align="right")
    for line in words.conflicts(records):
        console.print(f"These figures do not compare: {escape(line)}", style="yellow", soft_wrap=True)
    draw(records, scalars, console)


def heading(record: Record, console: Console, index: int | None = None) -> None:
    """Print which run this is, behind its letter among several."""
    letter = "" if index is None else f"[bold {COLORS[index % len(COLORS)]}]{LETTERS[index]}[/]  "
    line = f"{letter}[bold]{escape(str(relative_path(record.path)))}[/]  {words.status(record).lower()}"
    console.print(line, soft_wrap=True, highlight=False)


def print_table(
    console: Console, title: str, columns: list[str], rows: list[tuple[str, list[str]]], align: str = "left"
) -> None:
    """Print rows of a name and a value in each column."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column(title, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right" if align == "right" else "left", overflow="fold")
    for name, values in rows:
        table.add_row(escape(name), *map(escape, values))
    console.print()
    console.print(table)


def draw(records: Sequence[Record], names: Sequence[str], console: Console) -> None:
    """Print the curves of the scalars ``names``, all runs in one chart each."""
    letters = console.color_system is None and len(records) > 1
    is_plain = letters or not (console.encoding or "").lower().startswith("utf")
    for name in names:
        # The axis is for the lines: what held-out real data scores stands in the table.
        chart = replace(chart_of([name], records), title=name, rules=())
        console.print()
        console.print(terminal_chart(chart, min(console.width, 100) - 10, letters=is_plain), soft_wrap=True)


def chosen(records: Sequence[Record], curves: str) -> list[str]:
    """Return the scalars to draw: the figure that picks the best checkpoint and the losses, all, none, or named ones.

    Raises:
        SettingError: a name that no run has logged.
    """
    known = list(dict.fromkeys(name for record in records for name in record.columns()))
    if curves in ("none", ""):
        return []
    if curves == "all":
        return known
    if curves == "usual":
        measured = [name for name in known if name.startswith("metric/")]
        best = f"metric/{words.headline(records)}"
        return [*([best] if best in measured else measured[:1]), *(name for name in USUAL if name in known)]
    return [name_of(text.strip(), known) for text in curves.split(",")]


def name_of(text: str, known: Sequence[str]) -> str:
    """Return the logged scalar that ``text`` names, whole or by its end: ``fd_digits`` for ``metric/fd_digits``."""
    for name in known:
        if name == text or name.endswith(f"/{text}"):
            return name
    raise SettingError("curves", text, CHOICES, [*known, *(name.rpartition("/")[2] for name in known)])
