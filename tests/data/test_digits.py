"""The bundled digits, whole and unchanged."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ganworks.data import Digits, GanDataModule
from ganworks.errors import SettingError


def everything(data: GanDataModule) -> tuple[torch.Tensor, torch.Tensor]:
    batches = list(data.reference_batches(batch_size=400))
    return torch.cat([b["real"] for b in batches]), torch.cat([b["label"] for b in batches])


def rows(images: np.ndarray, labels: np.ndarray) -> list[tuple]:
    return sorted((*image.ravel().tolist(), int(label)) for image, label in zip(images, labels, strict=True))


def test_reference_set_is_all_digits_at_x_over_8_minus_1_with_their_labels() -> None:
    images, labels = everything(Digits())
    truth = load_digits()
    assert images.shape == (1797, 1, 8, 8)
    assert rows(images.numpy(), labels.numpy()) == rows(truth.images / 8 - 1, truth.target)
    assert rows(images.numpy(), labels.numpy()[::-1]) != rows(truth.images / 8 - 1, truth.target)


def test_an_epoch_of_batches_is_made_of_digits_in_range() -> None:
    digits = Digits(batch_size=64)
    loader = digits.train_dataloader()
    batches = list(loader)
    assert len(loader) == len(batches) == 28
    assert all(batch["real"].shape == (64, 1, 8, 8) and batch["label"].shape == (64,) for batch in batches)
    assert batches[0]["real"].dtype == torch.float32
    assert batches[0]["label"].dtype == torch.int64
    assert min(batch["real"].min() for batch in batches) == -1
    assert max(batch["real"].max() for batch in batches) == 1


def test_other_resolutions_and_channels_resize_within_range() -> None:
    images, _ = everything(Digits(resolution=32, channels=3))
    assert images.shape == (1797, 3, 32, 32)
    assert images.min() >= -1
    assert images.max() <= 1
    assert torch.equal(images[:, 0], images[:, 2])
    small, _ = everything(Digits())
    assert torch.allclose(small.mean(), images.mean(), atol=0.02)


def test_reference_order_is_the_same_for_every_seed_and_its_start_holds_all_classes() -> None:
    first, labels = everything(Digits(seed=0))
    second, _ = everything(Digits(seed=1))
    assert torch.equal(first, second)
    assert labels[:200].unique().tolist() == list(range(10))


def test_fingerprint_tells_contents_apart() -> None:
    assert Digits(seed=0).fingerprint == Digits(seed=1, batch_size=7, horizontal_flip=True).fingerprint
    assert len({Digits().fingerprint, Digits(resolution=16).fingerprint, Digits(channels=3).fingerprint}) == 3


def test_labels_can_be_left_out() -> None:
    assert Digits().num_classes == 10
    without = Digits(num_classes=0)
    assert without.num_classes == 0
    assert set(next(iter(without.train_dataloader()))) == {"real"}


def test_min_batches_makes_an_epoch_of_several_passes() -> None:
    assert len(Digits(min_batches=100).train_dataloader()) == 4 * 28
    assert len(Digits(min_batches=28).train_dataloader()) == 28


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 1798}, r"batch_size=1798: must be at most 1797"),
        ({"resolution": -8}, "resolution=-8"),
        ({"channels": 4}, r"channels=4: must be 1 \(gray\) or 3"),
        ({"num_classes": 9}, "num_classes=9: must be 10"),
        ({"shape": [3, 8, 8]}, r"shape=\[3, 8, 8\]: must be \[1, 8, 8\]"),
        ({"min_batches": 0}, "min_batches=0"),
    ],
)
def test_settings_that_cannot_be_raise_an_error_with_their_name(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Digits(**settings).check()


def test_good_settings_pass_the_check() -> None:
    Digits(batch_size=1797, shape=[1, 8, 8], num_classes=10).check()


def test_each_process_of_a_distributed_run_reads_its_own_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_batch(rank: int, world_size: int) -> set[tuple[float, ...]]:
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: world_size > 1)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world_size)
        real = next(iter(Digits(batch_size=64 // world_size).train_dataloader()))["real"]
        return {tuple(image.flatten().tolist()) for image in real}

    assert first_batch(0, 2) | first_batch(1, 2) == first_batch(0, 1)
    assert first_batch(0, 2).isdisjoint(first_batch(1, 2))
