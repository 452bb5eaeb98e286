"""A process that another one of the same command has started: light to import, so that it is watched from its start."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ganworks.interrupt import Interrupted

STARTED_BY = "GANWORKS_STARTED_BY"  # the environment variable with the process that started this one
LOST_PEER = 3  # exit code of a rank that ends because another one did


@contextmanager
def one_of_several() -> Iterator[None]:
    """Be a rank that another process started: end with that one, and quietly where another rank has failed."""
    starter = int(os.environ.get(STARTED_BY, os.getppid()))  # whoever that was may be gone by now
    threading.Thread(target=end_with, args=(starter,), daemon=True).start()
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:  # the first rank says so
        os._exit(128 + getattr(error, "signal", signal.SIGINT))
    except RuntimeError as error:
        if is_about_another_rank(error):  # that rank prints its own error
            os._exit(LOST_PEER)
        raise


def is_about_another_rank(error: RuntimeError) -> bool:
    """Say whether ``error`` tells no more than that the connection to another rank is cut."""
    import torch.distributed as dist  # by now it is loaded; when this module is imported it is not

    return isinstance(error, dist.DistError) or any(
        words in str(error) for words in ("closed by peer", "reset by peer")
    )


def end_with(starter: int) -> None:
    """End this process when the one that started it is gone, however that ended."""
    while os.getppid() == starter:
        time.sleep(1)
    os._exit(1)
