"""The figures of series against naive computations; each sees what it is for, and a control that must fail."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

from ganworks.data import Ring, Sines
from ganworks.errors import SettingError
from ganworks.metric import DiscriminativeScore, PredictiveScore, SampleSet, SeriesDistance
from ganworks.metric.distance.series import (
    asked,
    autocorrelation,
    autocorrelation_distance,
    discriminative_score,
    marginal_distance,
    predictive_score,
)
from ganworks.noise import keyed_rng


def sines(num: int, seed: int = 0, length: int = 12) -> Tensor:
    data = Sines(length=length, num_columns=2, num_samples=num, num_reference=2, seed=seed, max_frequency=0.3)
    return data.samples.read(torch.arange(num))


def shuffled(series: Tensor) -> Tensor:
    order = torch.rand(series.shape[:2], generator=keyed_rng("test")).argsort(1)
    return series.gather(1, order[..., None].expand_as(series))


def naive_autocorrelation(series: Tensor) -> list[list[float]]:
    """Return rho by lag and column, with loops over series, steps and columns."""
    num, length, columns = series.shape
    found = []
    for lag in range(1, length):
        row = []
        for column in range(columns):
            values = [float(series[i, t, column]) for i in range(num) for t in range(length)]
            mean = sum(values) / len(values)
            variance = sum((value - mean) ** 2 for value in values) / len(values)
            products = [
                (float(series[i, t, column]) - mean) * (float(series[i, t + lag, column]) - mean)
                for i in range(num)
                for t in range(length - lag)
            ]
            row.append(sum(products) / len(products) / variance)
        found.append(row)
    return found


def test_autocorrelation_equals_loops_over_series_and_steps() -> None:
    series = sines(7, length=5)
    expected = torch.tensor(naive_autocorrelation(series), dtype=torch.float64)
    torch.testing.assert_close(autocorrelation(series), expected, atol=1e-9, rtol=0)
    assert not torch.allclose(autocorrelation(shuffled(series)), expected, atol=1e-2)


def test_autocorrelation_of_white_noise_is_none_and_its_distance_sees_lost_time() -> None:
    noise = torch.randn(4000, 8, 2, generator=keyed_rng("noise"))
    assert autocorrelation(noise).abs().max() < 0.05
    real, other = sines(1000), sines(1000, seed=1)
    assert autocorrelation_distance(real, other) < 0.05 < autocorrelation_distance(real, shuffled(real))


def test_marginal_distance_is_scipys_mean_over_columns_in_shares_of_the_range() -> None:
    real, fake = sines(50), 0.7 * sines(40, seed=1)
    expected = [
        wasserstein_distance(real[..., i].flatten().numpy(), fake[..., i].flatten().numpy()) / 2
        for i in (0, 1)
    ]
    assert marginal_distance(real, fake) == pytest.approx(sum(expected) / 2, abs=1e-6)
    assert marginal_distance(real, shuffled(real)) == pytest.approx(0, abs=1e-9)  # it knows no time
    assert marginal_distance(real, 0.5 * real) > 0.05


def test_discriminative_score_is_near_chance_for_the_same_law_and_near_half_for_noise() -> None:
    real, same = sines(600), sines(600, seed=1)
    assert discriminative_score(real, same, num_updates=150) < 0.12
    assert discriminative_score(real, shuffled(same), num_updates=150) > 0.4
    assert discriminative_score(real, same[:100], num_updates=20) <= 0.5  # sets of other sizes


def test_predictive_score_is_low_for_who_learned_from_reals_and_high_for_who_learned_from_other_series() -> (
    None
):
    real, same = sines(600), sines(600, seed=1)
    alike = predictive_score(real, same, num_updates=300)
    assert alike < predictive_score(real, -same, num_updates=300) / 2
    inputs, targets = asked(real)
    assert inputs.shape == (600, 11, 1)
    assert torch.equal(targets, real[:, 1:, 1])
    assert torch.equal(asked(real[..., :1])[0], real[:, :-1, :1])  # a single column is read itself


def test_scores_are_functions_of_sets_and_key_and_touch_no_global_state() -> None:
    real, fake = sines(100), sines(100, seed=1)
    torch.manual_seed(5)
    first = torch.rand(1)
    torch.manual_seed(5)
    scores = [discriminative_score(real, fake, seed=3, num_updates=5) for _ in range(2)]
    assert torch.equal(torch.rand(1), first)
    assert scores[0] == scores[1]


def test_measures_have_their_figures_and_refuse_samples_that_are_no_series() -> None:
    real, fake = (SampleSet(50, samples=sines(50, seed)) for seed in (0, 1))
    found: dict[str, float] = {}
    measures = DiscriminativeScore(num_updates=3), PredictiveScore(num_updates=3), SeriesDistance()
    for measure in measures:
        found |= measure.figures(real, fake, keyed_rng(0))
        assert set(measure.better) <= set(found)
        with pytest.raises(SettingError, match="no series"):
            measure.check_data(Ring())
    assert set(found) == {"discriminative", "predictive", "autocorrelation", "marginal"}
    with pytest.raises(SettingError, match="num_updates=0"):
        DiscriminativeScore(num_updates=0)
