"""A chart draws what it is given where it belongs, and nothing of a hostile name gets out of its text."""

from __future__ import annotations

import json
import re

import pytest
from markupsafe import Markup

from ganworks.chart import Band, Chart, Series, line_chart
from ganworks.chart.frame import SMALL
from svg import HOSTILE, parse, points

NAN = float("nan")
(LEFT, RIGHT), (BOTTOM, TOP) = SMALL.x_ends, SMALL.y_ends


def data(figure: Markup) -> dict:
    return json.loads(str(parse(figure).find("script").text))  # type: ignore[union-attr]


def test_line_goes_through_its_points() -> None:
    figure = line_chart(Chart("loss", [Series("a", [0, 50, 100], [0.0, 5.0, 10.0])]))
    ((first, middle, last),) = points(figure)
    assert (first[0], last[0]) == (LEFT, RIGHT)
    assert middle == pytest.approx(((first[0] + last[0]) / 2, (first[1] + last[1]) / 2), abs=0.11)
    assert TOP < last[1] < first[1] <= BOTTOM


def test_values_over_decades_get_a_logarithmic_axis() -> None:
    ((a, b, c),) = points(line_chart(Chart("norm", [Series("a", [0, 1, 2], [0.01, 1.0, 100.0])])))
    assert a[1] - b[1] == pytest.approx(b[1] - c[1], abs=0.2)
    ((a, b, c),) = points(line_chart(Chart("norm", [Series("a", [0, 1, 2], [0.01, 1.0, 100.0])], log=False)))
    assert a[1] - b[1] < 0.1 * (b[1] - c[1])  # control


def test_nan_interrupts_a_line_and_a_lone_value_is_a_dot() -> None:
    figure = line_chart(Chart("loss", [Series("a", range(5), [1.0, 2.0, NAN, 3.0, NAN])]))
    assert [len(line) for line in points(figure)] == [2]
    assert len(list(parse(figure).iter("circle"))) == 1
    assert data(figure)["series"][0][1] == [1, 2, None, 3, None]


def test_long_line_comes_with_the_band_of_its_extremes() -> None:
    y = [0.0] * 5000
    y[1234] = 9.0
    figure = line_chart(Chart("loss", [Series("a", range(5000), y)]), num_points=100)
    ((line,), (area,)) = points(figure), points(figure, "range")
    assert len(line) == 100
    assert min(py for _, py in area) < min(py for _, py in line) - 50
    assert points(line_chart(Chart("loss", [Series("a", range(50), y[:50])])), "range") == []  # control


def test_bands_lie_where_the_episode_was() -> None:
    chart = Chart("loss", [Series("a", [0, 100], [0.0, 1.0])], bands=[Band(25, 75, "collapse", mark="1")])
    (band,) = parse(line_chart(chart)).iter("rect")
    inside = RIGHT - LEFT
    assert float(band.attrib["x"]) == pytest.approx(LEFT + inside / 4, abs=0.1)
    assert float(band.attrib["width"]) == pytest.approx(inside / 2, abs=0.1)


def test_bands_on_each_other_are_one_area_as_grave_as_the_gravest() -> None:
    marked = [Band(0, 50, "a", mark="1"), Band(0, 60, "b", mark="2"), Band(40, 80, "c", "critical", mark="3")]
    figure = parse(line_chart(Chart("loss", [Series("a", [0, 100], [0.0, 1.0])], bands=marked)))
    inside = RIGHT - LEFT
    areas = list(figure.iter("rect"))
    assert [area.attrib["class"] for area in areas] == ["band warning", "band critical"]
    starts = [(float(area.attrib["x"]) - LEFT) / inside for area in areas]
    widths = [float(area.attrib["width"]) / inside for area in areas]
    assert starts == pytest.approx([0, 0.4], abs=1e-3)
    assert widths == pytest.approx([0.4, 0.4], abs=1e-3)
    assert [t.text for t in figure.iter("text") if t.get("class") == "mark"] == ["1,2", "3"]


def test_band_without_length_can_be_seen() -> None:
    for at in (0, 50, 100):
        chart = Chart("loss", [Series("a", [0, 100], [0.0, 1.0])], bands=[Band(at, at, "a")])
        (rect,) = parse(line_chart(chart)).iter("rect")
        assert float(rect.attrib["width"]) == 2
        assert float(rect.attrib["x"]) + 2 <= RIGHT


def test_rule_at_or_below_zero_leaves_the_logarithmic_axis_alone() -> None:
    chart = Chart("kid", [Series("a", [0, 1], [0.1, 100.0])], rules=[(-0.8, "floor")])
    figure = line_chart(chart)
    assert data(figure)["y"][4] is True
    assert 'class="rule"' not in str(figure)
    assert "floor -0.8" in str(figure)  # it stands in the legend
    assert 'class="rule"' in str(line_chart(Chart("kid", chart.series, rules=[(0.5, "floor")])))  # control


def test_hostile_names_stay_text() -> None:
    chart = Chart(
        HOSTILE, [Series(HOSTILE, [0, 1], [0.0, 1.0])], bands=[Band(0, 1, HOSTILE)], rules=[(0.5, HOSTILE)]
    )
    figure = str(line_chart(chart))
    assert "<img" not in figure
    assert figure.count("<script") == figure.count("</script>") == 1
    assert data(Markup(figure))["bands"][0][2] == HOSTILE
    assert parse(Markup(figure)).find("figcaption/h4").text == HOSTILE  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "values", [[], [NAN], [NAN, NAN], [1.0], [0.0, 0.0], [float("inf"), 1.0], [1e300, -1e300]]
)
def test_chart_of_whatever_values_has_no_nan_in_it(values: list[float]) -> None:
    figure = str(line_chart(Chart("loss", [Series("a", range(len(values)), values)])))
    assert not re.search(r"\b(nan|inf)\b", figure.replace("Infinity", "inf"), flags=re.I)
    parse(Markup(figure))
