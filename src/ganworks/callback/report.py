"""report.html in the run directory: the run on one page, whichever way it ended."""

from __future__ import annotations

import logging
from pathlib import Path

import pytorch_lightning as pl

from ganworks.logger.tell import tell
from ganworks.words import relative_path

log = logging.getLogger(__name__)


class Report(pl.Callback):
    """Write report.html at the end of a run, an interrupted or diverged one too; it stands behind `RunSummary`.

    A report that can't be written is a line in the log: it never fails a run.

    Attributes:
        path: the page; None before it is written.
    """

    def __init__(self) -> None:
        self.path: Path | None = None

    def on_train_end(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        self.write(trainer)

    def on_exception(self, trainer: pl.Trainer, task: pl.LightningModule, exception: BaseException) -> None:
        self.write(trainer)

    def write(self, trainer: pl.Trainer) -> None:
        """Write the page and say where it is."""
        if not trainer.is_global_zero:
            return
        try:
            from ganworks.report import write_report  # its parts are needed at the end alone

            self.path = write_report([Path(trainer.default_root_dir)])
            print(f"{'Read the report:':<22}{relative_path(self.path)}")
            tell(trainer.loggers, "log_page", "report", self.path)
        except Exception as error:
            log.warning("report.html was not written: %s: %s", type(error).__name__, error)
