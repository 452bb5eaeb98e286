"""What a run did, on one self-contained page."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.report.page import write_report
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = ["write_report"]
