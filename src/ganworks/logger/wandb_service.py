"""W&B's own process, and its end."""

from __future__ import annotations

from contextlib import suppress

import wandb

from ganworks.logger.waiting import in_time


def end_service() -> None:
    """End W&B's process without waiting for what it has still to send; its files stay, for `wandb sync`.

    `wandb.teardown`, which Python calls at its end, waits for that process however long its server is silent.
    """
    connection = getattr(getattr(wandb.sdk.wandb_setup, "_singleton", None), "_connection", None)
    process = getattr(getattr(connection, "_proc", None), "_process", None)
    if process is not None:
        process.kill()
    if in_time(wandb.teardown, 2) is not None and connection is not None:
        with suppress(Exception):
            connection._cleanup()  # of Python's end
