"""Training on few samples of a data set: which, how often, and what they are compared with."""

from __future__ import annotations

import pytest
import torch

from ganworks.data import Digits
from ganworks.data.base import GanDataModule
from ganworks.errors import SettingError


def trained_on(data: GanDataModule) -> torch.Tensor:
    """Return the samples of a pass, (N, *shape)."""
    return torch.cat([batch["real"] for batch in data.train_dataloader()])


def test_training_sees_so_many_samples_each_equally_often() -> None:
    data = Digits(batch_size=64, num_train=100)
    samples, counts = data.samples.read(torch.arange(len(data.samples))).unique(dim=0, return_counts=True)
    assert len(samples) == 100
    assert counts.unique().tolist() == [6]  # so that a pass has 8 batches or more
    assert len(trained_on(data).unique(dim=0)) <= 100
    assert data.describe()["num_samples"] == 100


def test_figures_compare_with_all_samples_and_the_baseline_is_the_few() -> None:
    data, whole = Digits(num_train=50), Digits()
    assert data.num_reals == 1797
    assert data.fingerprint == whole.fingerprint
    assert data.has_own_reference
    few = data.training_data()
    assert few.num_reals == 50
    assert few.fingerprint != whole.fingerprint


def test_the_seed_draws_them() -> None:
    first, again, other = (Digits(num_train=20, seed=seed).samples.rows for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_labels_stay_with_their_samples_and_go_where_there_are_none() -> None:
    data = Digits(num_train=30)
    assert torch.equal(data.samples.labels, Digits().samples.labels[data.samples.rows])
    assert Digits(num_train=30, num_classes=0).samples.labels is None
    assert Digits(num_train=30, num_classes=0).reference.labels is None


@pytest.mark.parametrize("num", [0, 1798])
def test_more_than_there_are_or_none_is_refused(num: int) -> None:
    with pytest.raises(SettingError, match=f"num_train={num}"):
        len(Digits(num_train=num).samples)
