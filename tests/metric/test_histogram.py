import math

import pytest
import torch

from ganworks.metric.distance.histogram import class_ratio, reverse_kl, shares


def test_class_ratio_is_one_for_the_same_shares_and_the_larger_of_both_factors_otherwise():
    real = torch.arange(10).repeat(10)
    assert class_ratio(real, real.flip(0), 10) == 1.0
    too_seldom = torch.cat([real[real != 3], torch.tensor([3] * 2)])
    assert class_ratio(real, too_seldom, 10) == pytest.approx(0.1 / (2 / 92))
    too_often = torch.cat([real, torch.tensor([3] * 40)])
    assert class_ratio(real, too_often, 10) == pytest.approx((50 / 140) / 0.1)


def test_a_missing_class_counts_as_half_a_fake_and_stays_finite():
    real = torch.arange(2).repeat(50)
    assert class_ratio(real, torch.zeros(100, dtype=torch.long), 2) == pytest.approx(0.5 / (0.5 / 100))
    assert class_ratio(torch.zeros(100, dtype=torch.long), torch.zeros(9, dtype=torch.long), 2) == 1.0


def test_reverse_kl_equals_its_closed_forms():
    uniform = torch.full((8,), 1 / 8).double()
    assert reverse_kl(uniform, uniform) == pytest.approx(0.0, abs=1e-12)
    one_mode = shares(torch.zeros(5, dtype=torch.long), 8)
    assert reverse_kl(one_mode, uniform) == pytest.approx(math.log(8))
    half = shares(torch.arange(4), 8)
    assert reverse_kl(half, uniform) == pytest.approx(math.log(2))
