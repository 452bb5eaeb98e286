"""Work that is done before it is asked for, by threads, while the caller is busy with what came before."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
NUM_THREADS = 4
MAX_BYTES = (
    2**28
)  # of what waits: an extractor's pass of large images, so that it never waits for all of them
MAX_RESULTS = 256


def ahead(function: Callable[[T], R], items: Iterable[T], num_bytes: Callable[[R], int]) -> Iterator[R]:
    """Yield ``function(item)`` in order, some computed by threads while the caller is busy.

    Args:
        function: what lets go of the interpreter's lock, as reading and decoding of files does.
        num_bytes: of a result; so many wait as have `MAX_BYTES` together, and no more than `MAX_RESULTS`.
    """
    items = iter(items)
    pool = ThreadPoolExecutor(NUM_THREADS)
    try:
        waiting = deque(pool.submit(function, item) for item in itertools.islice(items, NUM_THREADS))
        while waiting:
            result = waiting.popleft().result()
            room = max(1, min(MAX_RESULTS, MAX_BYTES // max(1, num_bytes(result))))
            missing = max(0, room - len(waiting))
            waiting.extend(pool.submit(function, item) for item in itertools.islice(items, missing))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)  # after an error nobody asks for the rest
