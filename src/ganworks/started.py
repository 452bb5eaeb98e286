"""A process that another one of the same command has started: light to import, so that it is watched from its start."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STARTED_BY = "GANWORKS_STARTED_BY"  # the environment variable with the process that started this one


@contextmanager
def one_of_several() -> Iterator[None]:
    """Be a rank that another process started: end with that one, and quietly where another rank has failed."""
    starter = int(os.environ.get(STARTED_BY, os.getppid()))  # whoever that was may be gone by now
    threading.Thread(target=end_with, args=(starter,), daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:  # the first rank says so
        os._exit(128 + signal.SIGINT)
    except RuntimeError as error:
        from ganworks.strategy.ranks import LOST_PEER, is_about_another_rank

        if is_about_another_rank(error):  # that rank prints its own error
            os._exit(LOST_PEER)
        raise


def end_with(starter: int) -> None:
    """End this process when the one that started it is gone, however that ended."""
    while os.getppid() == starter:
        time.sleep(1)
    os._exit(1)
