"""Pictures, clips and texts in W&B, MLflow and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

METHODS = {".gif": "log_clip", ".txt": "log_page_of_text"}  # of a logger, by the file's suffix


def log_pictures(pictures: dict[str, Path], loggers: Iterable[Logger], images_seen: int) -> None:
    """Log picture files under their names at ``images_seen``, in the loggers that take such files."""
    for logger in loggers:
        for name, path in pictures.items():
            method = getattr(logger, METHODS.get(path.suffix, "log_image"), None)
            if method is not None:
                method(name, [str(path)], step=images_seen)
