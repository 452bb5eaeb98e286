"""Stacks are three digits of one half each, with the label that says which."""

import pytest
import torch

from ganworks.data import StackedDigits
from ganworks.data.digits import digits_half
from ganworks.errors import SettingError


@pytest.fixture(scope="module")
def data() -> StackedDigits:
    return StackedDigits(num_samples=5000)


@pytest.mark.parametrize("train", [True, False])
def test_every_channel_is_the_digit_that_the_label_says(data: StackedDigits, train: bool) -> None:
    stacks = data.samples if train else data.reference
    digits, labels = digits_half(train)
    label_of = {digit.numpy().tobytes(): int(label) for digit, label in zip(digits, labels, strict=True)}
    images = stacks.read(torch.arange(50))
    assert images.shape == (50, 3, 8, 8)
    for image, label in zip(images, stacks.labels[:50].tolist(), strict=True):
        found = [label_of[channel.numpy().tobytes()] for channel in image]
        assert found == [label // 100, label // 10 % 10, label % 10]


def test_no_digit_of_the_reference_is_trained_on(data: StackedDigits) -> None:
    trained = {digit.numpy().tobytes() for digit in data.samples.read(torch.arange(5000)).flatten(0, 1)}
    held_out = {digit.numpy().tobytes() for digit in data.reference.read(torch.arange(5000)).flatten(0, 1)}
    assert len(trained) == 896
    assert not trained & held_out


def test_channels_are_independent_and_all_modes_are_in_the_reference(data: StackedDigits) -> None:
    counts = torch.bincount(data.reference.labels, minlength=1000)
    assert (counts > 0).all()
    share = 26_000 / 1000
    assert abs(((counts - share) ** 2 / share).sum() / 999 - 1) < 0.3  # chi-squared over its degrees


def test_stacks_of_the_training_are_a_function_of_the_seed(data: StackedDigits) -> None:
    again, other = StackedDigits(num_samples=5000), StackedDigits(num_samples=5000, seed=1)
    assert torch.equal(again.samples.labels, data.samples.labels)
    assert not torch.equal(other.samples.labels, data.samples.labels)
    assert torch.equal(other.reference.labels, data.reference.labels)


@pytest.mark.parametrize("setting", ["resolution=16", "channels=1", "num_samples=0"])
def test_another_size_is_refused_with_its_name(setting: str) -> None:
    name, value = setting.split("=")
    with pytest.raises(SettingError, match=setting):
        StackedDigits(**{name: int(value)})
