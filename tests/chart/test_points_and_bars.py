"""Dots, traces, threads and bars stand where their values belong, and names from outside stay text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from markupsafe import Markup

from ganworks.chart import (
    Dot,
    Job,
    Marker,
    Thread,
    Trace,
    bar_chart,
    parallel_chart,
    scatter_chart,
    timeline_chart,
    trace_chart,
)
from ganworks.chart.frame import SMALL, UPRIGHT, WIDE
from ganworks.chart.mark import key, stroke
from ganworks.chart.scale import Choices, fit, range_scale
from svg import HOSTILE, parse, points

DOT, CROSS = Marker("dot f0"), Marker("cross", 0)
X, Y = range_scale(0, 10, *SMALL.x_ends), fit([0, 5], *SMALL.y_ends)


def circles(figure: Markup) -> list[tuple[float, float]]:
    return [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in parse(figure).iter("circle")]


def drawn(*places: tuple[float, float]) -> list[tuple[float, float]]:
    """Pixels as a drawing writes them, with one digit."""
    return [(float(f"{x:.1f}"), float(f"{y:.1f}")) for x, y in places]


def test_dots_stand_where_their_axes_say_in_the_order_given() -> None:
    figure = scatter_chart("loss", [Dot(10, 5, DOT, "b"), Dot(0, 0, DOT, "a", nudge=3)], X, Y, "words")
    assert circles(figure) == drawn((X(10), Y(5)), (X(0) + 3, Y(0)))
    assert [title.text for title in parse(figure).iter("title")] == ["b", "a"]


def test_dots_over_choices_stand_over_their_option() -> None:
    x = Choices(["none", "r1"], *SMALL.x_ends)
    ((at, _),) = circles(scatter_chart("loss", [Dot("r1", 5, DOT, "a")], x, Y, "words"))
    labels = {t.text: float(t.attrib["x"]) for t in parse(scatter_chart("", [], x, Y, "")).iter("text")}
    assert at == labels["r1"] != labels["none"]


def test_line_in_steps_holds_each_value_until_the_next() -> None:
    figure = scatter_chart("best", [], X, Y, "words", levels=[(1, 5.0), (4, 2.0), (10, 2.0)])
    (line,) = points(figure, "step")
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(line))
    assert line[:3] == drawn((X(1), Y(5)), (X(4), Y(5)), (X(4), Y(2)))


def test_trace_ends_in_its_marker_if_it_has_one() -> None:
    x, y = range_scale(0, 10, *WIDE.x_ends), fit([0, 5], *WIDE.y_ends)
    traces = [Trace([(0, 1), (10, 5)], "path", "a"), Trace([(0, 2), (5, 3)], "path", "b", DOT)]
    figure = trace_chart("fd", traces, x, y, "words", "images")
    assert [len(line) for line in points(figure, "path")] == [2, 2]
    assert circles(figure) == drawn((x(5), y(3)))


def test_thread_passes_by_the_axis_on_which_it_has_no_value() -> None:
    axis = range_scale(0, 1, *UPRIGHT.y_ends)
    threads = [Thread([axis(0), None, axis(1)], "path", "a"), Thread([axis(1)] * 3, "path best", "b")]
    part, whole = points(parallel_chart([("x", axis), ("y", axis), ("z", axis)], threads, "words"), "path")
    left, right = UPRIGHT.x_ends
    bottom, top = UPRIGHT.y_ends
    assert part == [(left, bottom), (right, top)]
    assert whole == [(left, top), ((left + right) / 2, top), (right, top)]


def test_jobs_are_as_long_as_they_took_in_the_lane_of_who_did_them() -> None:
    jobs = [Job("a", 0, 2, "", "1"), Job("b", 1, 4, "bad", "2"), Job("a", 2, 4, "", "3")]
    rows = [dict(rect.attrib) for rect in parse(timeline_chart(jobs, "words", "hours")).iter("rect")]
    start, width = ([float(row[name]) for row in rows] for name in ("x", "width"))
    assert rows[0]["y"] == rows[2]["y"] < rows[1]["y"]
    assert start[2] - start[0] == pytest.approx(2 * (start[1] - start[0]), abs=0.2)
    assert width[1] + 1 == pytest.approx(1.5 * (width[0] + 1), abs=0.2)  # one is the gap between bars


def test_bars_are_as_long_as_their_shares_and_none_is_out_of_sight() -> None:
    figure = parse(bar_chart({"lr": 0.8, "beta1": 0.2, "width": 0.0}, "Importance"))
    long, short, least = (float(rect.attrib["width"]) for rect in figure.iter("rect"))
    assert long == pytest.approx(4 * short, abs=0.1)
    assert least == 1
    assert figure.find("svg").attrib["aria-label"] == "Importance: lr 80%, beta1 20%, width 0%"  # type: ignore[union-attr]


def test_colours_that_come_round_again_are_dashed() -> None:
    assert (stroke(1), stroke(9)) == ("s1", "s1 dashed")
    assert 'class="key f1 dashed"' in key(9)
    assert "dashed" not in key(7)  # control


@pytest.mark.parametrize(
    "figure",
    [
        scatter_chart(HOSTILE, [Dot(1, 1, DOT, HOSTILE)], X, Y, HOSTILE, HOSTILE),
        scatter_chart("", [Dot(HOSTILE, 1, CROSS, HOSTILE)], Choices([HOSTILE], 0, 9), Y, ""),
        trace_chart(HOSTILE, [Trace([(0, 1)], "path", HOSTILE, CROSS)], X, Y, HOSTILE, HOSTILE),
        parallel_chart([(HOSTILE, X), (HOSTILE, Y)], [Thread([0, 0], "path", HOSTILE)], HOSTILE),
        timeline_chart([Job(HOSTILE, 0, 1, "bad", HOSTILE)], HOSTILE, HOSTILE),
        bar_chart({HOSTILE: 0.5}, HOSTILE),
    ],
    ids=["scatter", "choices", "traces", "parallel", "timeline", "bars"],
)
def test_names_from_outside_stay_text(figure: Markup) -> None:
    assert "<img" not in figure
    assert "<script" not in figure
    assert HOSTILE in list(parse(figure).itertext())
