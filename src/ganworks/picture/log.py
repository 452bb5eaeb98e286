"""Pictures in W&B and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


def log_pictures(pictures: dict[str, Path], loggers: Iterable[Logger], images_seen: int) -> None:
    """Log picture files under their names at ``images_seen``, in the loggers that take pictures."""
    for logger in loggers:
        if hasattr(logger, "log_image"):
            for name, path in pictures.items():
                logger.log_image(name, [str(path)], step=images_seen)
