"""Where a run's scalars and pictures go. W&B and TensorBoard are imported only where they are chosen."""

from ganworks.logger.csv import AXIS, CSVLogger, read_metrics

__all__ = ["AXIS", "CSVLogger", "read_metrics"]
