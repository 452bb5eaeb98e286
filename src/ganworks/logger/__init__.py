"""Where a run's scalars and pictures go. W&B, MLflow and TensorBoard are imported only where they are chosen."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.logger.csv import CSVLogger
    from ganworks.logger.table import AXIS, read_metrics
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = ["AXIS", "CSVLogger", "read_metrics"]
