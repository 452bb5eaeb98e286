"""Ticks stand at round numbers inside of the axis; scales map its ends to its ends."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from ganworks.chart.scale import Choices, Scale, fit, range_scale, spans_decades
from ganworks.chart.tick import linear_ticks, log_ticks, tick_label


def intervals(num: int = 300) -> list[tuple[float, float]]:
    rng = random.Random(0)
    lows = [rng.gauss(0, 1) * 10 ** rng.uniform(-6, 6) for _ in range(num)]
    return [(low, low + abs(low) * 10 ** rng.uniform(-2, 2) + 1e-9) for low in lows]


@pytest.mark.parametrize("num", [3, 5, 8])
def test_linear_ticks_are_inside_evenly_spaced_round_and_about_as_many_as_asked_for(num: int) -> None:
    for low, high in intervals():
        ticks = linear_ticks(low, high, num)
        assert num / 2 - 1 <= len(ticks) <= 2 * num + 1
        air = 1e-6 * (high - low)
        assert low - air <= ticks[0]
        assert ticks[-1] <= high + air
        steps = [b - a for a, b in pairwise(ticks)]
        if steps:
            leading = steps[0] / 10 ** math.floor(math.log10(steps[0] * 1.0001))
            assert min(abs(leading - nice) for nice in (1, 2, 5)) < 1e-3
            assert max(steps) - min(steps) < 1e-6 * max(steps) + 1e-9 * abs(high)


def test_ticks_have_no_digits_of_rounding() -> None:
    assert linear_ticks(0, 0.5, 5) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert 3 * 0.1 != 0.3  # control: what a sum of steps would give


def test_log_ticks_are_powers_of_ten_where_the_axis_spans_them() -> None:
    assert log_ticks(0.03, 4000) == [0.1, 1.0, 10.0, 100.0, 1000.0]
    many = log_ticks(1e-20, 1e20)
    assert 3 <= len(many) <= 8
    assert all(math.log10(tick) == round(math.log10(tick)) for tick in many)


@pytest.mark.parametrize(("low", "high"), [(1.5, 9), (0.9, 9.5), (3, 4), (2.1, 2.2)])
def test_log_ticks_of_a_short_axis_are_more_than_one(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert len(ticks) >= 2
    assert all(low <= tick <= high for tick in ticks)


@pytest.mark.parametrize("log", [False, True])
def test_scale_maps_ends_to_ends_and_keeps_the_order(log: bool) -> None:
    scale = Scale(0.01, 100, 200, 10, log)
    assert (scale(0.01), scale(100)) == (200, pytest.approx(10))
    pixels = [scale(value) for value in (0.01, 0.1, 1, 10, 100)]
    assert pixels == sorted(pixels, reverse=True)
    assert (scale(1) == pytest.approx(105)) == log


@pytest.mark.parametrize(
    "values",
    [
        [],
        [float("nan")],
        [3.0],
        [0.0],
        [0.0, 0.0],
        [-5.0, -5.0],
        [1e-300, 1e300],
        [-1.7e308, 1.7e308],
        [1.0, float("inf")],
    ],
)
def test_scale_fits_whatever_values_there_are(values: list[float]) -> None:
    for log in {False, spans_decades(values)}:
        scale = fit(values, 100, 0, log)
        assert scale.low < scale.high
        assert all(-1 <= scale(v) <= 101 for v in values if math.isfinite(v) and abs(v) < 1e300)
        assert all(math.isfinite(tick) for tick in scale.ticks())


def test_axis_is_logarithmic_for_positive_values_a_factor_of_thirty_apart_alone() -> None:
    assert spans_decades([0.1, 3.2])
    assert not spans_decades([0.1, 3.1])
    assert not spans_decades([0.0, 1000])
    assert not spans_decades([-1, 1000])
    assert not spans_decades([])


def test_axis_of_counts_does_not_go_below_zero() -> None:
    assert fit([0.0, 10.0], 100, 0).low == 0
    assert fit([-0.1, 10.0], 100, 0).low < -0.1  # control


def test_tick_labels_are_short_and_exact() -> None:
    labels = [tick_label(value) for value in (0, 0.05, 1500, 10_000, 1_250_000, 2e9, 1e-9, -2e-5, 5e14)]
    assert labels == ["0", "0.05", "1500", "10k", "1.25M", "2G", "10⁻⁹", "−2·10⁻⁵", "5·10¹⁴"]


def test_options_of_an_axis_stand_in_the_middle_of_equal_shares() -> None:
    axis = Choices(["none", "r1", 0.123456, None], 0, 100)
    assert [axis(option) for option in axis.options] == [12.5, 37.5, 62.5, 87.5]
    assert axis.labels() == [(12.5, "none"), (37.5, "r1"), (62.5, "0.1235"), (87.5, "None")]
    assert Choices(["a", "b"], 300, 40).labels() == [(235, "a"), (105, "b")]  # upright


def test_axis_of_a_single_number_is_one_unit_long() -> None:
    assert range_scale(3, 3, 0, 100)(4) == 100
    assert range_scale(3, 5, 0, 100)(5) == 100  # control
