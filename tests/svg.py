"""Charts as tests read them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
Point = tuple[float, float]


def parse(figure: Markup) -> ElementTree.Element:
    """Return the figure as XML, which is stricter than HTML; JSON and boolean attributes pass."""
    return ElementTree.fromstring(str(figure))


def points(figure: Markup, kind: str = "line") -> list[list[Point]]:
    """Return the points of each path whose classes begin with ``kind``."""
    paths = [p.attrib["d"] for p in parse(figure).iter("path") if p.get("class", "").startswith(kind)]
    return [[(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)] for path in paths]
