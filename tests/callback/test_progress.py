"""A bar on a terminal, lines everywhere."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ganworks.callback import Evaluation, ProgressBar
from ganworks.callback.progress import short


def train(bar: ProgressBar, trainer: Any, task: Any, num_batches: int) -> None:
    bar.on_train_start(trainer, task)
    for _ in range(num_batches):
        task.see(10)
        task.scalars = {"train/generator/adversarial": 0.5, "train/discriminator/adversarial": 1.25}
        bar.on_train_batch_end(trainer, task)
    bar.on_train_end(trainer, task)


def evaluation() -> Evaluation:
    """An evaluation that has a figure."""
    callback = Evaluation.__new__(Evaluation)
    callback.suite = SimpleNamespace(best="fd_digits")  # type: ignore[assignment]
    callback.figures = SimpleNamespace(values={"fd_digits": 12.345})  # type: ignore[assignment]
    callback.seconds_here = 0.0
    return callback


def test_log_gets_a_line_every_tenth_of_the_run(
    make_task: Callable, make_trainer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    bar = ProgressBar()
    bar.console, bar.evaluation = Console(file=io.StringIO()), evaluation()
    with caplog.at_level(logging.INFO):
        train(bar, make_trainer(), make_task(num_images=1000), num_batches=100)
    lines = caplog.messages
    assert [line.split()[0] for line in lines] == [f"{n}/1k" for n in range(100, 1000, 100)] + ["1k/1k"]
    for words in ("img/s", "D 1.250", "G 0.500", "fd_digits 12.3"):
        assert words in lines[-1]


def test_batch_that_passes_several_tenths_gives_one_line(
    make_task: Callable, make_trainer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    bar = ProgressBar()
    bar.console = Console(file=io.StringIO())
    with caplog.at_level(logging.INFO):
        train(bar, make_trainer(), make_task(num_images=30), num_batches=3)
    assert len(caplog.messages) == 3


def test_resumed_run_goes_on_with_its_lines(
    make_task: Callable, make_trainer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    bar, task = ProgressBar(), make_task(num_images=1000)
    bar.console = Console(file=io.StringIO())
    task.images_seen = 750
    with caplog.at_level(logging.INFO):
        train(bar, make_trainer(), task, num_batches=25)
    assert [line.split()[0] for line in caplog.messages] == ["800/1k", "900/1k", "1k/1k"]


def bar_on(width: int) -> tuple[ProgressBar, io.StringIO]:
    file = io.StringIO()
    bar = ProgressBar(refresh_seconds=0)
    bar.console = Console(
        file=file, force_terminal=True, width=width, color_system=None, legacy_windows=False
    )
    return bar, file


def test_terminal_gets_a_bar_with_what_one_wants_to_know(make_task: Callable, make_trainer: Callable) -> None:
    bar, file = bar_on(width=100)
    bar.evaluation = evaluation()
    train(bar, make_trainer(), make_task(num_images=1000), num_batches=100)
    text = file.getvalue()
    for words in ("500/1k", "50%", "img/s", "D 1.250", "G 0.500", "fd_digits 12.3", "left", "1k/1k", "100%"):
        assert words in text


def test_bar_fits_a_narrow_terminal(make_task: Callable, make_trainer: Callable) -> None:
    bar, file = bar_on(width=80)
    bar.evaluation, task = evaluation(), make_task(num_images=1_234_000)
    task.images_seen = 123_000
    train(bar, make_trainer(), task, num_batches=3)
    frames = [part for part in file.getvalue().replace("\x1b[2K", "\n").split("\n") if "fd_digits" in part]
    assert frames
    assert all("left" in frame for frame in frames)  # one line holds the first and the last column


def test_other_ranks_print_nothing(
    make_task: Callable, make_trainer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    bar, file = bar_on(width=100)
    trainer = make_trainer()
    trainer.is_global_zero = False
    with caplog.at_level(logging.INFO):
        train(bar, trainer, make_task(), num_batches=100)
    assert file.getvalue() == ""
    assert caplog.messages == []


def test_bar_is_taken_down_when_the_run_fails(make_task: Callable, make_trainer: Callable) -> None:
    bar, file = bar_on(width=100)
    trainer, task = make_trainer(), make_task()
    bar.on_train_start(trainer, task)
    assert file.getvalue().endswith("\x1b[?25l") or "\x1b[?25l" in file.getvalue()  # the cursor is hidden
    bar.on_exception(trainer, task, RuntimeError())
    assert "\x1b[?25h" in file.getvalue()  # and shown again


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1234, "1.23k"),
        (1_500_000, "1.5M"),
        (2e9, "2G"),
        (999_999, "1M"),
    ],
)
def test_counts_are_said_in_three_digits(count: float, text: str) -> None:
    assert short(count) == text
