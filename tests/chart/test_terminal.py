"""A chart in a terminal has its dots where the values are, and a colour or a letter for each line."""

from __future__ import annotations

import pytest

from ganworks.chart import Chart, Series, terminal_chart
from ganworks.chart.terminal import BRAILLE, MARGIN

NAN = float("nan")
RISING = Series("a", [0, 50, 100], [0.0, 5.0, 10.0], color=0)
FALLING = Series("b", [0, 50, 100], [10.0, 5.0, 0.0], color=1)


def drawing(chart: Chart, letters: bool = True, width: int = 50, height: int = 9) -> list[str]:
    """The rows of the drawing without the axis."""
    lines = terminal_chart(chart, width, height, letters).plain.splitlines()
    return [line[MARGIN + 2 :] for line in lines[1 : height + 1]]


def test_line_goes_through_its_points_from_corner_to_corner() -> None:
    rows = drawing(Chart("loss", [RISING]))
    assert rows[-1][0] == "A"
    assert rows[0].rstrip().endswith("A")
    assert len(rows[0].rstrip()) == 40
    columns = [row.index("A") for row in rows]
    assert columns == sorted(columns, reverse=True)


def test_lines_have_their_letters_and_a_star_where_they_meet() -> None:
    rows = drawing(Chart("loss", [RISING, FALLING]))
    assert (rows[0][0], rows[-1][0]) == ("B", "A")
    assert "*" in rows[4]
    assert {letter for row in rows for letter in row} == set("AB* ")


def test_dots_of_lines_that_share_a_letter_add_up_in_the_colour_of_the_first() -> None:
    text = terminal_chart(Chart("loss", [RISING, FALLING]), 50, 9)
    alone = terminal_chart(Chart("loss", [RISING]), 50, 9)
    dots = [
        sum(bin(ord(c) - BRAILLE).count("1") for c in t.plain if ord(c) >= BRAILLE) for t in (text, alone)
    ]
    assert dots[1] < dots[0] <= 2 * dots[1]
    styles = {str(span.style) for span in text.spans}
    assert {"not bold blue", "not bold red"} <= styles


def test_nan_interrupts_a_line() -> None:
    whole = drawing(Chart("loss", [Series("a", range(5), [1.0] * 5)]))
    broken = drawing(Chart("loss", [Series("a", range(5), [1.0, 1.0, NAN, 1.0, 1.0])]))
    assert "".join(whole).count("A") > "".join(broken).count("A") > 2


@pytest.mark.parametrize("values", [[], [3.0], [2.0, 2.0], [NAN, NAN], [1e-9, 1e9], [-1e300, 1e300]])
def test_few_equal_and_huge_values_have_a_chart(values: list[float]) -> None:
    text = terminal_chart(Chart("loss", [Series("a", range(len(values)), values)]), 40, 5).plain
    assert len(text.splitlines()) == 8
    assert ("logarithmic" in text) == (values == [1e-9, 1e9])


def test_axis_names_round_values_and_its_unit() -> None:
    *_, line, words = terminal_chart(Chart("loss", [RISING], unit="steps"), 60, 6).plain.splitlines()
    assert words.split() == ["0", "50", "100", "steps"] or words.split()[-1] == "steps"
    assert line.count("┬") == len(words.split()) - 1
