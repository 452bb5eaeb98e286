"""`python -m ganworks.cli.worker RUN_DIR CHECKPOINT`: another rank of a run, started by the first one."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from ganworks.cli.errors import user_errors


def main() -> None:
    """Join the run whose first rank has written ``RUN_DIR/config.yaml``."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    from ganworks.cli.resume import read_config
    from ganworks.cli.run import exit_code, fit

    run_dir, checkpoint = sys.argv[1:3]
    try:
        with user_errors():
            outcome = fit(
                read_config(Path(run_dir)),
                Path(run_dir),
                time.time(),
                Path(checkpoint) if checkpoint else None,
            )
    except RuntimeError as error:
        from ganworks.strategy.launcher import LOST_PEER, is_about_another_rank

        if is_about_another_rank(error):  # that rank prints its own error
            os._exit(LOST_PEER)
        raise
    sys.exit(exit_code(outcome))


def end_with(parent: int) -> None:
    """End this process when the first rank is gone, however that ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main()
