"""A callback whose import ends every process but the first one of a run: a rank that dies while it starts."""

from __future__ import annotations

import os
import signal

import pytorch_lightning as pl


class Die(pl.Callback):
    """End a rank that another process has started as soon as it is built.

    Args:
        how: "exit" ends it with the code 7, "kill" with SIGKILL.
    """

    def __init__(self, how: str) -> None:
        if os.environ.get("LOCAL_RANK", "0") != "0":
            os.kill(os.getpid(), signal.SIGKILL) if how == "kill" else os._exit(7)
