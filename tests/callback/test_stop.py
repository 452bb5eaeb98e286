"""A signal ends the run after the batch in hand, and the handlers from before come back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from ganworks.callback import GracefulStop
from ganworks.interrupt import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def noted() -> Iterator[list[int]]:
    """Handlers that only note what they get, as those from before the run; restored at the end."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: received.append(number)) for number in SIGNALS
    }
    yield received
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_first_signal_stops_after_the_batch_and_the_second_acts_at_once(
    noted: list[int],
    make_task: Callable,
    make_trainer: Callable,
    number: signal.Signals,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganworks.callback.stop.ECHO", 0.0)
    stop, trainer, task = GracefulStop(), make_trainer(), make_task()
    stop.on_train_start(trainer, task)
    stop.on_train_batch_end(trainer, task)
    assert not trainer.should_stop
    signal.raise_signal(number)
    assert (stop.received, noted, trainer.should_stop) == (number, [], False)
    assert (
        f"{number.name}: stopping after this batch" in capfd.readouterr().err
    )  # at once, not after the batch
    stop.on_train_batch_end(trainer, task)
    assert trainer.should_stop
    with pytest.raises(Interrupted, match=number.name):
        signal.raise_signal(number)
    assert noted == []
    stop.teardown(trainer, task, "fit")


def test_a_batch_systems_signal_that_arrives_twice_is_one(
    noted: list[int], make_task: Callable, make_trainer: Callable
) -> None:
    stop, trainer, task = GracefulStop(), make_trainer(), make_task()
    stop.on_train_start(trainer, task)
    for _ in range(2):
        signal.raise_signal(signal.SIGTERM)
    stop.on_train_batch_end(trainer, task)
    assert (stop.received, trainer.should_stop) == (signal.SIGTERM, True)
    stop.teardown(trainer, task, "fit")


def test_a_hangup_that_nohup_ignores_stays_ignored(make_task: Callable, make_trainer: Callable) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stop, trainer, task = GracefulStop(), make_trainer(), make_task()
    stop.on_train_start(trainer, task)
    signal.raise_signal(signal.SIGHUP)
    assert stop.received is None
    stop.teardown(trainer, task, "fit")
    signal.signal(signal.SIGHUP, before)


def test_handlers_from_before_come_back(
    noted: list[int], make_task: Callable, make_trainer: Callable
) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    stop, trainer, task = GracefulStop(), make_trainer(), make_task()
    stop.on_train_start(trainer, task)
    assert [signal.getsignal(number) for number in SIGNALS] != before
    stop.teardown(trainer, task, "fit")
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert stop.received is None


def test_thread_beside_the_main_one_leaves_signals_alone(make_task: Callable, make_trainer: Callable) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    stop, trainer, task = GracefulStop(), make_trainer(), make_task()
    thread = threading.Thread(target=stop.on_train_start, args=(trainer, task))
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    stop.on_train_batch_end(trainer, task)
    assert not trainer.should_stop


def test_stop_that_something_else_asked_for_stays(make_task: Callable, make_trainer: Callable) -> None:
    stop, trainer = GracefulStop(), make_trainer()
    trainer.should_stop = True
    stop.on_train_batch_end(trainer, make_task())
    assert trainer.should_stop
