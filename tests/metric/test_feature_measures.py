import pytest
import torch

from ganworks.errors import SettingError
from ganworks.metric import Authenticity, ClipDistance, FeatureSet, Memorised, SampleSet
from ganworks.metric.distance.clip_distance import clip_distance
from ganworks.metric.distance.memorisation import authenticity


def of(features: torch.Tensor) -> SampleSet:
    return SampleSet(len(features), {"x": FeatureSet(len(features), features)})


def test_figures_are_those_of_the_functions_on_the_first_rows(rng):
    real, fake = torch.randn(40, 3, generator=rng), torch.randn(30, 3, generator=rng)
    found = ClipDistance("x", num_rows=20).figures(of(real), of(fake), rng)
    assert found == {"cmmd": clip_distance(real[:20], fake[:20])}
    assert Authenticity("x").figures(of(real), of(fake), rng) == {"authenticity": authenticity(real, fake)}
    with pytest.raises(SettingError, match="sigma=0"):
        ClipDistance("x", sigma=0)


def test_floor_of_authenticity_complements_that_of_the_memorised_share_and_copies_lie_below(rng):
    real = torch.randn(60, 3, generator=rng)
    halves = of(real[:30]), of(real[30:])
    floor = Authenticity("x").floor(of(real), halves, rng)["authenticity"]
    assert floor == pytest.approx(1 - Memorised("x", ratio=1.0).floor(of(real), halves, rng)["memorised"])
    assert Authenticity("x").figures(of(real), of(real[:20]), rng)["authenticity"] == 0.0 < 0.3 < floor
