"""The orbits of the Dirac-GAN as one SVG: a panel for each loss under each penalty."""

from __future__ import annotations

import math

from dirac_game import LOSSES, LOST, PENALTIES, Cell, Orbit
from markupsafe import Markup

from ganworks.chart.mark import Marker, polyline
from ganworks.chart.scale import Scale

SIDE, GAP, LEFT, TOP = 84, 6, 178, 58  # pixels of a panel, between panels, and of the names
REACH = 2.4  # of a panel, from its middle
NUM_SHOWN = 250  # steps, about two turns of the plain game
FINEST = 1.2  # pixels between the points that are drawn
STYLE = """
text { font: 11px system-ui, sans-serif; fill: #333 } .title { font-size: 15px; font-weight: 600 }
.head { font-size: 9px }
.paper { fill: #fff } .panel { fill: #f6f6f4 } .cross { stroke: #d5d5d0; fill: none }
.s { stroke: #0072b2; fill: none; stroke-width: 1.1 } .a { stroke: #d55e00; fill: none; stroke-width: 1.1 }
.se { fill: #0072b2 } .ae { fill: #d55e00 }
"""


def picture(cells: dict[tuple[str, str], Cell]) -> str:
    """Return the orbits of all cells as SVG, a row a loss and a column a penalty."""
    width = LEFT + len(PENALTIES) * (SIDE + GAP)
    height = TOP + len(LOSSES) * (SIDE + GAP) + GAP
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    head = f"""<svg xmlns="http://www.w3.org/2000/svg" {size}>
<style>{STYLE}</style>
<clipPath id="panel"><rect width="{SIDE}" height="{SIDE}"/></clipPath>
<rect class="paper" width="{width}" height="{height}"/>
<text class="title" x="10" y="20">The Dirac-GAN: theta to the right, psi upwards, from (1, -1)</text>
<text x="10" y="38">first {NUM_SHOWN} steps; <tspan class="se">blue: simultaneous</tspan>,
 <tspan class="ae">orange: alternating</tspan>; dots: where the whole run ends</text>
"""
    parts = []
    for column, penalty in enumerate(PENALTIES):
        x = LEFT + column * (SIDE + GAP) + SIDE / 2
        parts.append(f'<text x="{x:g}" y="{TOP - 5}" class="head" text-anchor="middle">{penalty}</text>')
    for row, loss in enumerate(LOSSES):
        y = TOP + row * (SIDE + GAP)
        parts.append(f'<text x="{LEFT - 8}" y="{y + SIDE / 2 + 4:g}" text-anchor="end">{loss}</text>')
        for column, penalty in enumerate(PENALTIES):
            x = LEFT + column * (SIDE + GAP)
            parts.append(f'<g transform="translate({x} {y})">{panel(cells[loss, penalty])}</g>')
    return head + "\n".join(parts) + "\n</svg>\n"


def panel(cell: Cell) -> Markup:
    """Return the drawing of one cell: its two orbits around the equilibrium, and where they end."""
    x, y = Scale(-REACH, REACH, 0, SIDE), Scale(-REACH, REACH, SIDE, 0)
    half = SIDE / 2
    parts = [
        Markup('<rect class="panel" width="{0}" height="{0}" rx="3"/>').format(SIDE),
        Markup('<path class="cross" d="M0 {0:g}H{1}M{0:g} 0V{1}"/>').format(half, SIDE),
        Markup('<g clip-path="url(#panel)">'),
    ]
    for orbit, look in ((cell.alternating, "a"), (cell.simultaneous, "s")):
        parts.append(polyline(thinned([(x(t), y(p)) for t, p in orbit[: NUM_SHOWN + 1]]), look))
        end = [min(max(each, -LOST), LOST) for each in orbit[-1]]
        parts.append(Marker(f"{look}e").draw(x(end[0]), y(end[1])))
    return Markup("").join([*parts, Markup("</g>")])


def thinned(points: Orbit) -> Orbit:
    """Return the points without those that lie too near to the one before to be seen."""
    found = points[:1]
    for point in points[1:]:
        if math.dist(point, found[-1]) >= FINEST:
            found.append(tuple(min(max(each, -1e4), 1e4) for each in point))  # type: ignore[arg-type]
    return found
