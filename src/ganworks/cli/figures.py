"""The figures of an evaluation in the loggers of the run that was evaluated."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from ganworks.cli.build import build_loggers
from ganworks.picture import log_pictures


def log_figures(paths: list[Path], config: DictConfig, run_dir: Path, images_seen: int) -> None:
    """Log the pictures ``paths`` as ``figures/<name>`` in the loggers of ``config``, which go on in ``run_dir``.

    Args:
        config: of the run.
        images_seen: of the weights that were evaluated; the place on the axis.
    """
    loggers = build_loggers(config, run_dir)
    log_pictures({f"figures/{path.stem}": path for path in paths}, loggers, images_seen)
    for logger in loggers:
        logger.finalize("success")
