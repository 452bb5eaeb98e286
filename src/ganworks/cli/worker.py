"""`python -m ganworks.cli.worker RUN_DIR CHECKPOINT`: another rank of a run, started by the first one."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from ganworks.interrupt import raised_by_signals
from ganworks.started import one_of_several


def main() -> None:
    """Join the run whose first rank has written ``RUN_DIR/config.yaml``."""
    with one_of_several(), raised_by_signals():
        from ganworks.cli.errors import user_errors
        from ganworks.run.fit import exit_code, fit
        from ganworks.run.resume import read_config

        run_dir, checkpoint = sys.argv[1:3]
        with user_errors():
            outcome = fit(
                read_config(
                    Path(run_dir), trusted=None
                ),  # the first rank wrote it, of settings that it had checked
                Path(run_dir),
                time.time(),
                Path(checkpoint) if checkpoint else None,
            )
    sys.exit(exit_code(outcome))


if __name__ == "__main__":
    main()
