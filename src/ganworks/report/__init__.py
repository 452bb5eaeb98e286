"""What a run did, on one self-contained page."""

from ganworks.report.page import write_report

__all__ = ["write_report"]
