"""Downsampling keeps the extremes, the mean and the gaps of a curve."""

from __future__ import annotations

import math
import random

import pytest

from ganworks.chart.curve import Curve, downsample, segments

NAN, INF = float("nan"), float("inf")


def test_short_curve_stays_as_it_is() -> None:
    curve = downsample([1, 2, 3], [5.0, NAN, 7.0], num=10)
    assert curve.x == [1, 2, 3]
    assert (curve.y[0], curve.y[2]) == (5, 7)
    assert math.isnan(curve.y[1])


def test_extremes_of_a_long_curve_are_kept() -> None:
    rng = random.Random(0)
    y = [rng.gauss(0, 1) for _ in range(20_000)]
    y[7777], y[13_131] = 50.0, -40.0  # one step each
    curve = downsample(range(20_000), y, num=200)
    assert len(curve.x) == len(curve.y) == 200
    assert (max(curve.high), min(curve.low)) == (50, -40)
    assert max(curve.y) < 50  # control: the means alone lose them
    assert curve.x[7777 * 200 // 20_000] == pytest.approx(7777, abs=100)


def test_points_are_the_means_of_their_runs() -> None:
    curve = downsample([0, 1, 2, 3], [1.0, 3.0, 5.0, 9.0], num=2)
    assert curve == Curve([0.5, 2.5], [2.0, 7.0], [1.0, 5.0], [3.0, 9.0])
    assert not curve.is_exact


def test_values_that_are_no_numbers_do_not_spread() -> None:
    curve = downsample(range(6), [1.0, NAN, INF, -INF, NAN, 2.0], num=3)
    assert (curve.y[0], curve.y[2]) == (1, 2)
    assert math.isnan(curve.y[1])
    assert segments(curve) == [slice(0, 1), slice(2, 3)]


def test_huge_values_do_not_overflow() -> None:
    assert downsample(range(4), [1.7e308] * 4, num=1).y == [pytest.approx(1.7e308)]


def test_curve_without_points_is_empty() -> None:
    assert downsample([], [], num=10) == Curve([], [], [], [])
    assert segments(Curve([], [], [], [])) == []
