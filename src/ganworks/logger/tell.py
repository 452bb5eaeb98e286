"""What a run has to say beside scalars, to those of its loggers that can keep it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def tell(loggers: Iterable[object], method: str, *args: Any, **kwargs: Any) -> None:
    """Call ``method`` of each logger that has it; Lightning's own and those of others need not.

    Ours may have: ``log_contract``, ``log_page``, ``log_alert``, ``log_code``, ``log_outcome``, ``keep_artifact``,
    ``rewind``.
    """
    for logger in loggers:
        if (call := getattr(logger, method, None)) is not None:
            call(*args, **kwargs)
