"""Where a run's log records go: the terminal, and train.log in the run directory."""

from __future__ import annotations

import logging
import sys
import warnings
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import TextIO

from pytorch_lightning.utilities.rank_zero import rank_zero_only


class Soft:
    """A handler that loses a record rather than end a run: the terminal may be gone, and the disk full."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing: logging's own would print a traceback."""


class File(Soft, logging.FileHandler):
    """Writes to a file."""


class Terminal(Soft, logging.StreamHandler):
    """Writes to what `sys.stdout` is at the moment: while a bar is drawn, that is a place above it."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """Leave the stream as it is: the base class sets one."""


def is_first_rank() -> bool:
    """Say whether this process is the one that writes; known before the processes of a run have met."""
    return getattr(rank_zero_only, "rank", 0) == 0


def log_to_terminal() -> None:
    """Send log records to the terminal alone, and keep them for the file that `log_to_file` opens."""
    terminal, kept = Terminal(), MemoryHandler(capacity=1000, flushLevel=logging.CRITICAL + 1)
    terminal.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.handlers = [terminal, kept]
    root.setLevel(
        logging.INFO if is_first_rank() else logging.WARNING
    )  # other ranks would say the same again
    logging.captureWarnings(True)


def log_to_file(path: Path) -> None:
    """Write log records to the file ``path`` too, those that were kept first."""
    file = File(path, encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, MemoryHandler):
            handler.setTarget(file)
            root.removeHandler(handler)
            handler.close()
    root.addHandler(file)


def quieten() -> None:
    """Silence remarks of Lightning that do not concern a GAN's user."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    for remark in (
        ".*many workers.*",
        ".*weights_only.*",
        ".*LeafSpec.*",
        ".*number of training batches.*",
        ".*in eval mode.*",
        ".*FSDP2-wrapped module.*returned a view tensor.*",  # nothing of ours writes into logits
    ):
        warnings.filterwarnings("ignore", remark)
