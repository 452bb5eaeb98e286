"""The charts of a page in the letters of a terminal: four times two dots a letter, or one letter a line."""

from __future__ import annotations

import math
from itertools import pairwise

from rich.text import Text

from ganworks.chart.curve import Curve, downsample, segments
from ganworks.chart.frame import Frame
from ganworks.chart.line import Chart, scales
from ganworks.chart.scale import Scale

COLORS = ("blue", "red", "green", "magenta", "yellow", "cyan")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SEVERAL = "*"  # the letter where lines meet
BRAILLE = 0x2800  # U+2800 has no dot; each of these bits adds one: rows from the top, columns from the left
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
MARGIN = 8  # letters of the words beside the y-axis
Cells = dict[tuple[int, int], dict[int, int]]  # (row, column): the dots of each line that passes there


def terminal_chart(chart: Chart, width: int = 76, height: int = 10, letters: bool = False) -> Text:
    """Return a chart as text: title, drawing, x-axis; a line has the colour, or the letter, of its place.

    Args:
        chart: what is drawn; its bands and rules are left out.
        width: letters of a row, the words beside the axis included.
        height: rows of the drawing.
        letters: draw each line with a letter of its own, where there are no colours to tell lines apart.
    """
    columns = max(10, width - MARGIN - 2)
    per_row, per_column = (1, 1) if letters else (4, 2)
    frame = Frame(columns * per_column - 1, height * per_row - 1, left=0, right=0, top=0, bottom=0)
    curves = [downsample(series.x, series.y, columns * per_column) for series in chart.series]
    x, y = scales(chart, curves, frame)
    cells: Cells = {}
    for series, curve in zip(chart.series, curves, strict=True):
        for px, py in pixels(curve, x, y):
            dots = cells.setdefault((py // per_row, px // per_column), {})
            dots[series.color] = dots.get(series.color, 0) | DOTS[py % per_row][px % per_column]
    beside = {round(at) // per_row: words for at, words in y.labels(max(2, height // 3))}
    text = Text(f"{chart.title}{', logarithmic' if y.log else ''}\n", style="bold")
    for row in range(height):
        text.append(f"{beside.get(row, ''):>{MARGIN}} {'┤' if row in beside else '│'}", style="not bold dim")
        for column in range(columns):
            text.append_text(letter(cells.get((row, column), {}), letters))
        text.append("\n")
    return text.append_text(x_axis(x, columns, per_column, chart.unit))


def pixels(curve: Curve, x: Scale, y: Scale) -> set[tuple[int, int]]:
    """Return the dots (column, row) of a curve: its points, and what lies between neighbours."""
    found = set()
    for part in segments(curve):
        points = [(x(px), y(py)) for px, py in zip(curve.x[part], curve.y[part], strict=True)]
        found |= {(round(px), round(py)) for px, py in points}
        for (x0, y0), (x1, y1) in pairwise(points):
            num = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
            shares = [step / num for step in range(num + 1)]
            found |= {(round(x0 + s * (x1 - x0)), round(y0 + s * (y1 - y0))) for s in shares}
    return {(px, py) for px, py in found if px >= 0 and py >= 0}


def letter(dots: dict[int, int], letters: bool) -> Text:
    """Return what stands in a cell: the first of the lines that pass there gives the colour."""
    if not dots:
        return Text(" ", style="not bold")
    if letters:
        return Text(SEVERAL if len(dots) > 1 else LETTERS[min(dots) % len(LETTERS)], style="not bold")
    together = 0
    for bits in dots.values():
        together |= bits
    return Text(chr(BRAILLE + together), style=f"not bold {COLORS[min(dots) % len(COLORS)]}")


def x_axis(x: Scale, columns: int, per_column: int, unit: str) -> Text:
    """Return the line below a drawing, and the words at its ticks."""
    line, words = ["─"] * columns, [" "] * (columns + MARGIN)
    for at, label in x.labels(max(2, columns // 16)):
        column = min(columns - 1, round(at) // per_column)
        line[column] = "┬"
        start = max(0, column - len(label) // 2)
        words[start : start + len(label)] = label
    below = f"{' ' * (MARGIN + 2)}{''.join(words).rstrip()} {unit}"
    return Text(f"{' ' * (MARGIN + 1)}└{''.join(line)}\n{below}", style="not bold dim")
