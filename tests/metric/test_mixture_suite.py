import math

import pytest
import torch

from ganworks.errors import SettingError


class RingData:
    name, fingerprint, shape = "ring", "0", (2,)

    num_classes, num_reals = 8, 5000

    def __init__(self, num_modes: int = 8, sigma: float = 0.01) -> None:
        angles = torch.arange(num_modes) * 2 * math.pi / num_modes
        self.means, self.sigma = torch.stack([angles.cos(), angles.sin()], dim=1), sigma

    def reference_batches(self, batch_size: int = 500, start: int = 0, stop: int | None = None):
        rng = torch.Generator().manual_seed(1)
        modes = torch.randint(len(self.means), (self.num_reals,), generator=rng)
        yield {"real": draws(self, modes, rng)[start:stop]}


@pytest.fixture
def suite(make_suite):
    suite = make_suite("mixture")
    suite.check()
    suite.prepare(RingData())
    return suite


def draws(data: RingData, modes: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    return data.means[modes] + data.sigma * torch.randn(len(modes), 2, generator=rng)


def test_real_draws_reach_the_published_figures_of_real_data(suite, rng):
    """PacGAN, table 1: 8 modes, 99.0 %, .002; 25 modes, 98.8 %, .006. Within 3 sigma lie 1 - exp(-9/2)."""
    for num_modes, published_kl in ((8, 0.002), (25, 0.006)):
        data = RingData(num_modes)
        suite.prepare(data)
        fakes = draws(data, torch.randint(num_modes, (2500,), generator=rng), rng)
        for values in (suite.evaluate(fakes.split(300)).values, suite.floor):
            assert values["modes"] == num_modes
            assert values["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.006)
            assert values["reverse_kl"] == pytest.approx(published_kl, abs=0.003)


def test_a_generator_of_three_modes_covers_three_and_pays_in_reverse_kl(suite, rng):
    values = suite.evaluate([draws(RingData(), torch.randint(3, (2500,), generator=rng), rng)]).values
    assert values["modes"] == 3
    assert values["reverse_kl"] == pytest.approx(math.log(8 / 3), abs=0.01)


def test_samples_between_the_modes_are_of_low_quality_and_cover_nothing(suite):
    values = suite.evaluate([0.9 * RingData().means.repeat(400, 1)]).values
    assert values["modes"] == 0
    assert values["high_quality"] == 0
    assert values["reverse_kl"] == pytest.approx(0.0, abs=1e-3)  # they are spread evenly, though


def test_figures_are_nan_where_samples_are_not_finite(suite):
    evaluation = suite.evaluate([torch.full((2500, 2), torch.nan)])
    assert evaluation.values.keys() == suite.floor.keys()
    assert evaluation.notes == {"num_not_finite": 2500}


def test_data_without_known_modes_are_refused(suite, in_memory):
    with pytest.raises(SettingError, match=r"metric=mixture.*digits.*fid.*none"):
        suite.check_data(in_memory(torch.zeros(4, 1, 8, 8)))
