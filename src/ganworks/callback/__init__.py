"""What happens around the training step, on the clock of images seen."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.callback.checkpoint import Checkpoint
    from ganworks.callback.doctor import Doctor
    from ganworks.callback.evaluation import Evaluation
    from ganworks.callback.interval import ImageInterval
    from ganworks.callback.progress import ProgressBar
    from ganworks.callback.report import Report
    from ganworks.callback.sample_grid import SampleGrid
    from ganworks.callback.stop import GracefulStop
    from ganworks.callback.summary import RunSummary
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "Checkpoint",
    "Doctor",
    "Evaluation",
    "GracefulStop",
    "ImageInterval",
    "ProgressBar",
    "Report",
    "RunSummary",
    "SampleGrid",
]
