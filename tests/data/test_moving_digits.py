"""Moving digits: keyed, other paths every epoch, resumable, one half for training and the other for the metrics."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from ganworks.data import MovingDigits
from ganworks.data.digits import digits_images, halves
from ganworks.data.moving_digits import SPEEDS, bounced
from ganworks.errors import SettingError
from ganworks.sample.motion import centres


def test_a_digit_bounces_as_a_ball_that_is_followed_step_by_step() -> None:
    for first in range(9):
        for number, speed in enumerate(SPEEDS):
            place, expected = first, []
            for _ in range(8):
                expected.append(place)
                place += speed
                if not 0 <= place <= 8:
                    place = -place if place < 0 else 16 - place
                    speed = -speed
            found = bounced(torch.tensor([[first, 0]]), torch.tensor([[number, 0]]), 8, 9)
            assert found[0, :, 0].tolist() == expected


def test_a_clip_shows_its_digit_in_every_frame_and_nothing_else() -> None:
    clips = MovingDigits().samples.read(torch.arange(50))
    images, labels = digits_images()
    rows = halves()[0]
    for index, clip in enumerate(clips):
        digit = images[rows[index % len(rows)]]
        for frame in clip[0]:
            windows = frame.unfold(0, 8, 1).unfold(1, 8, 1)
            assert (windows == digit[0]).all((-1, -2)).any()
            assert (frame + 1).sum() == pytest.approx(float((digit + 1).sum()), rel=1e-5)
    assert MovingDigits().samples.labels[:50].tolist() == labels[rows[:50]].tolist()


def test_every_epoch_has_other_paths_of_the_same_digits() -> None:
    samples, rows = MovingDigits().samples, torch.arange(200)
    first, second = samples.read_epoch(rows, 0), samples.read_epoch(rows, 1)
    assert torch.equal(first, samples.read(rows))
    assert (first != second).flatten(1).any(1).float().mean() > 0.95
    assert torch.allclose(first.sum((1, 2, 3, 4)), second.sum((1, 2, 3, 4)))


def test_clips_depend_on_the_seed_and_their_number_and_on_nothing_else() -> None:
    rows = torch.arange(20)
    alike = MovingDigits(batch_size=3, min_batches=7, num_classes=0).samples.read(rows)
    assert torch.equal(alike, MovingDigits().samples.read(rows))
    assert not torch.equal(alike, MovingDigits(num_clips=3583).samples.read(rows))
    first, again, other = (MovingDigits(seed=seed).samples.read(rows) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_resumed_loader_goes_on_with_the_same_clips_in_a_later_epoch() -> None:
    data = MovingDigits(batch_size=64, num_clips=256, min_batches=100)
    whole = list(islice(iter(data.train_dataloader()), 12))
    data = MovingDigits(batch_size=64, num_clips=256, min_batches=100)
    list(islice(iter(data.train_dataloader()), 6))
    resumed = MovingDigits(batch_size=64, num_clips=256, min_batches=100)
    resumed.load_state_dict(data.state_dict())
    for batch, expected in zip(iter(resumed.train_dataloader()), whole[6:], strict=False):
        assert torch.equal(batch["real"], expected["real"])
        assert torch.equal(batch["label"], expected["label"])


def test_the_metrics_see_digits_that_no_training_clip_shows() -> None:
    data = MovingDigits(num_clips=1000)
    train, reference = data.samples.read(torch.arange(1000)), next(data.reference_batches(1000))["real"]
    assert not values(train) & values(reference)
    assert len(values(train)) > 800
    assert data.num_reals == 1000


def values(clips: torch.Tensor) -> set[bytes]:
    """Return what clips show, wherever it is: the sorted values of a frame of each."""
    return {clip.numpy().tobytes() for clip in clips[:, :, 0].flatten(1).sort().values}


def test_velocities_and_digits_are_even() -> None:
    samples = MovingDigits().samples
    path = centres(samples.read(torch.arange(len(samples)))).round(decimals=4)
    step = path.diff(dim=1).abs().round()
    assert set(step.unique().tolist()) <= {0.0, 1.0, 2.0}
    assert torch.bincount(samples.labels).min() > 300


def test_baselines_spoil_real_clips() -> None:
    lines = MovingDigits().baselines(64, 0)
    assert list(lines) == ["frozen frames", "shuffled frames", "noise .3"]
    frozen, shuffled, noised = (lines[name]["real"] for name in lines)
    assert torch.equal(frozen, frozen[:, :, :1].expand_as(frozen))
    assert not torch.equal(frozen, shuffled)
    assert torch.allclose(shuffled.sum((2, 3, 4)), 8 * frozen[:, :, 0].sum((2, 3)), atol=1e-2)
    assert noised.min() >= -1
    assert noised.max() <= 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"frames": 1}, "frames=1"),
        ({"resolution": 8}, "resolution=8"),
        ({"num_classes": 3}, "num_classes=3: must be 10"),
        ({"shape": [1, 8, 8, 8]}, r"shape=\[1, 8, 8, 8\]"),
    ],
)
def test_what_it_cannot_make_is_an_error(settings: dict[str, object], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        MovingDigits(**settings)
