"""Charts of pages, as SVG that needs no library: one set of scales, ticks, axes, marks and colours for all of them.

A page carries `chart.css` and `chart.js` of ``TEMPLATES``: the looks of the classes that are written here, and the
read-out of values under the pointer. `terminal_chart` draws a line chart in the letters of a terminal. Pictures that
loggers take, PNG files, are drawn in `ganworks.picture`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.chart.band import Band
    from ganworks.chart.bar import Job, bar_chart, timeline_chart
    from ganworks.chart.line import Chart, Series, line_chart
    from ganworks.chart.mark import Marker
    from ganworks.chart.parallel import Thread, parallel_chart
    from ganworks.chart.scatter import Dot, scatter_chart
    from ganworks.chart.terminal import terminal_chart
    from ganworks.chart.trace import Trace, trace_chart
else:
    __getattr__, __dir__ = on_first_use(__name__)

TEMPLATES = Path(__file__).parent / "template"

__all__ = [
    "TEMPLATES",
    "Band",
    "Chart",
    "Dot",
    "Job",
    "Marker",
    "Series",
    "Thread",
    "Trace",
    "bar_chart",
    "line_chart",
    "parallel_chart",
    "scatter_chart",
    "terminal_chart",
    "timeline_chart",
    "trace_chart",
]
