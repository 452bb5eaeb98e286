"""Modes of stacked digits: real stacks reach the figures of a perfect sampler, a collapsed one pays."""

import math

import pytest
import torch

from ganworks.data import StackedDigits
from ganworks.errors import SettingError
from ganworks.metric.measure.stacked import stacked_classes


@pytest.fixture(scope="module")
def data() -> StackedDigits:
    return StackedDigits(num_samples=4000)


@pytest.fixture(scope="module")
def suite(make_suite, data):
    suite = make_suite("stacked_digits", num_samples=1000, num_reals=1000, num_samples_training="null")
    suite.prepare(data)
    return suite


def test_real_stacks_reach_the_kl_of_a_perfect_sampler(suite, data):
    fakes = data.samples.read(torch.arange(1000)).split(500)
    counts = torch.distributions.Poisson(1.0).sample((100_000,)).double()  # of a mode in 1000 perfect draws
    perfect = torch.special.xlogy(counts, counts).mean().item()
    for values in (suite.evaluate(fakes).values, suite.floor):
        assert values["stacked_modes"] == pytest.approx(1000 * (1 - math.exp(-1)), rel=0.06)
        assert values["stacked_kl"] == pytest.approx(perfect, rel=0.12)
        assert values["fd_stacked"] >= 0


def test_a_generator_of_five_stacks_covers_five_modes(suite, data):
    values = suite.evaluate([data.samples.read(torch.arange(5)).repeat(200, 1, 1, 1)]).values
    assert values["stacked_modes"] == 5
    assert values["stacked_kl"] == pytest.approx(math.log(200), abs=1e-6)


def test_classifier_names_each_channel(suite, data):
    images, labels = data.reference.read(torch.arange(500)), data.reference.labels[:500]
    extractor = suite.extractors["stacked_digits"]
    extractor.load()
    found = stacked_classes(extractor(images).features)
    assert (found == labels).float().mean() > 0.9
    swapped = stacked_classes(extractor(images.flip(1)).features)
    assert (swapped == labels).float().mean() < 0.3  # the control


def test_other_images_are_refused(suite, in_memory):
    with pytest.raises(SettingError, match="stacked_digits"):
        suite.check_data(in_memory(torch.zeros(4, 1, 8, 8)))
