"""Callbacks fall due on the clock of images, whatever the batch size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ganworks.callback import ImageInterval
from ganworks.errors import SettingError


class Recorder(ImageInterval):
    """Remember when it acted."""

    def __init__(self, every_images: float | None, at_start: bool = False) -> None:
        super().__init__(every_images, at_start)
        self.acted: list[int] = []

    def act(self, trainer: Any, task: Any) -> None:
        self.acted.append(task.images_seen)


def train(callback: Recorder, task: Any, batches: list[int]) -> list[int]:
    callback.on_train_start(None, task)  # type: ignore[arg-type]
    for size in batches:
        task.see(size)
        callback.on_train_batch_end(None, task)  # type: ignore[arg-type]
    callback.on_train_end(None, task)  # type: ignore[arg-type]
    return callback.acted


@pytest.mark.parametrize(
    ("every", "batches", "expected"),
    [
        (100, [50] * 6, [100, 200, 300]),
        (100, [64] * 5, [128, 256, 320]),  # past 100, 200 and 300, where 320 is the end as well
        (100, [64] * 6, [128, 256, 320, 384]),
        (100, [250] * 3, [250, 500, 750]),  # a batch may pass several multiples and acts once
        (100, [30] * 4, [120]),
        (1, [7] * 3, [7, 14, 21]),
        (1000, [100] * 3, [300]),
        (None, [100] * 3, [300]),
    ],
)
def test_acts_when_a_multiple_was_passed_and_at_the_end_once(
    make_task: Callable, every: int | None, batches: list[int], expected: list[int]
) -> None:
    assert train(Recorder(every), make_task(), batches) == expected


def test_batches_of_another_size_change_the_moment_and_not_the_number(make_task: Callable) -> None:
    counts = {
        size: len(train(Recorder(1000), make_task(), [size] * (9600 // size))) for size in (32, 64, 96, 320)
    }
    assert set(counts.values()) == {10}  # nine multiples and the end


def test_start_is_a_moment_of_its_own_unless_the_run_is_resumed(make_task: Callable) -> None:
    assert train(Recorder(100, at_start=True), make_task(), [50, 50]) == [0, 100]
    assert train(Recorder(100), make_task(), [50, 50]) == [100]
    resumed = make_task()
    resumed.images_seen = 150
    assert train(Recorder(100, at_start=True), resumed, [50, 50]) == [200, 250]


@pytest.mark.parametrize("every", [0, -1, 2.5, "often"])
def test_interval_has_to_be_a_count(every: Any) -> None:
    with pytest.raises(SettingError, match="every_images"):
        Recorder(every)


def test_whole_float_is_a_count() -> None:
    assert Recorder(1e3).every_images == 1000
