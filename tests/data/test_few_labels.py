"""Few labelled samples: keyed, disjoint from what is held out, each class as often as it is asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganworks.data import Digits, FewLabels, Ring, Sines
from ganworks.data.digits import halves
from ganworks.errors import SettingError


def few(**settings: Any) -> FewLabels:
    data = FewLabels(**{"source": Digits(split="train"), "batch_size": 16, **settings})
    data.check()
    return data


def every(data: Digits) -> torch.Tensor:
    return data.samples.read(torch.arange(len(data.samples)))  # type: ignore[return-value]


def as_set(images: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(image.flatten().tolist()) for image in images}


def test_each_class_has_as_many_as_asked_and_small_ones_fewer() -> None:
    data = few(per_class=20, num_small=4, per_small=3, seed=2)
    counts = torch.bincount(data.labelled[1], minlength=10)
    assert sorted(counts.tolist()) == [3] * 4 + [20] * 6
    assert data.small == [label for label, count in enumerate(counts.tolist()) if count == 3]
    assert data.small != few(per_class=20, num_small=4, per_small=3, seed=3).small
    assert few(per_class=5).small == list(range(10))  # none is smaller than the others


def test_the_gan_sees_every_class_equally_often_unless_told_otherwise() -> None:
    data = few(per_class=20, num_small=4, per_small=3)
    assert data.samples.labels is not None
    assert torch.bincount(data.samples.labels).unique().tolist() == [20]
    assert as_set(data.samples.read(torch.arange(200))) == as_set(data.labelled[0])  # type: ignore[arg-type]
    plain = few(per_class=20, num_small=4, per_small=3, oversample=False)
    assert plain.samples.labels is not None
    assert len(torch.bincount(plain.samples.labels).unique()) == 2


def test_digits_are_of_one_half_and_the_reference_is_the_other() -> None:
    data = few(per_class=20)
    images, labels = data.tested
    assert len(images) == 901
    assert not as_set(images) & as_set(data.labelled[0])
    assert as_set(images) == as_set(Digits().samples.values[halves()[1]])  # type: ignore[attr-defined]
    assert labels.bincount().min() > 80


def test_what_is_left_over_is_the_reference_where_the_source_holds_nothing_out() -> None:
    data = few(source=Digits(), per_class=30)
    assert len(data.labelled[1]) + len(data.tested[1]) == 1797
    shares = few(source=Digits(), held_out=0.25)
    assert len(shares.tested[1]) == pytest.approx(1797 / 4, abs=10)
    data = few(source=Digits(), test=Digits(split="train"), per_class=5)
    shared = as_set(data.labelled[0]) & as_set(every(Digits(split="train")))
    assert len(data.tested[1]) == 896 - len(shared)
    assert not as_set(data.tested[0]) & as_set(data.labelled[0])


def test_draws_are_keyed_by_the_seed() -> None:
    first, again, other = few(per_class=5, seed=0), few(per_class=5, seed=0), few(per_class=5, seed=1)
    assert torch.equal(first.labelled[0], again.labelled[0])
    assert not torch.equal(first.labelled[0], other.labelled[0])


def test_fewer_samples_than_a_batch_come_several_times() -> None:
    data = few(per_class=1, batch_size=64)
    assert len(data.samples) >= 64 * 8
    assert len(as_set(next(iter(data.train_dataloader()))["real"])) <= 10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"per_class": 200}, "per_class=200: must be 1 to 89"),
        ({"per_class": 0}, "per_class=0"),
        ({"per_class": 5, "num_small": 11}, "num_small=11: must be at most 10"),
        ({"per_class": 5, "num_small": 1, "per_small": 500}, "per_small=500"),
        ({"held_out": 2.0}, "held_out=2.0"),
        ({"source": Sines(num_samples=20, num_reference=5)}, "source=sines: must be data with one class"),
        ({"source": Digits(), "held_out": 0.0}, "per_class=None: must be less than all"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        few(**settings).tested  # noqa: B018


def test_points_with_classes_are_a_source_too() -> None:
    data = few(source=Ring(num_samples=400), per_class=10)
    assert data.shape == (2,)
    assert len(data.labelled[1]) == 80
