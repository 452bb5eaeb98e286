"""Work that is done before it is asked for."""

from __future__ import annotations

import threading

import pytest

from ganworks.data.ahead import MAX_BYTES, ahead


def test_results_come_in_order_however_long_each_takes() -> None:
    second = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0:
            assert second.wait(30)
        second.set()
        return 10 * item

    assert list(ahead(slow_first, range(9), lambda result: 1)) == [10 * item for item in range(9)]


def test_the_next_result_is_computed_while_the_caller_is_busy() -> None:
    done = [threading.Event() for _ in range(9)]
    results = ahead(lambda item: done[item].set(), range(9), lambda result: 1)
    next(results)
    assert all(event.wait(30) for event in done)  # nobody has asked for them


def test_no_more_waits_than_there_is_room_for() -> None:
    started: list[int] = []
    results = ahead(lambda item: started.append(item), range(50), lambda result: MAX_BYTES)
    for _ in range(10):
        next(results)
    assert len(started) <= 14
    results.close()


def test_an_error_is_the_callers_and_ends_the_work() -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise ArithmeticError(item)
        return item

    results = ahead(fail, range(10**9), lambda result: 1)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ArithmeticError):
        next(results)
