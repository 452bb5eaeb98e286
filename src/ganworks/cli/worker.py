"""`python -m ganworks.cli.worker RUN_DIR CHECKPOINT`: another rank of a run, started by the first one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganworks.cli.errors import user_errors


def main() -> None:
    """Join the run whose first rank has written ``RUN_DIR/config.yaml``."""
    with one_of_several():
        from ganworks.cli.resume import read_config
        from ganworks.cli.run import exit_code, fit

        run_dir, checkpoint = sys.argv[1:3]
        with user_errors():
            outcome = fit(
                read_config(Path(run_dir)),
                Path(run_dir),
                time.time(),
                Path(checkpoint) if checkpoint else None,
            )
    sys.exit(exit_code(outcome))


@contextmanager
def one_of_several() -> Iterator[None]:
    """Be a rank that another process started: end with that one, and quietly where another rank has failed."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    try:
        yield
    except KeyboardInterrupt:  # the first rank says so
        os._exit(128 + signal.SIGINT)
    except RuntimeError as error:
        from ganworks.strategy.ranks import LOST_PEER, is_about_another_rank

        if is_about_another_rank(error):  # that rank prints its own error
            os._exit(LOST_PEER)
        raise


def end_with(parent: int) -> None:
    """End this process when the first rank is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
