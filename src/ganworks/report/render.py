"""One self-contained page: the style and the script inside, nothing from elsewhere allowed."""

from __future__ import annotations

import base64
import hashlib
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ganworks import chart
from ganworks.chart.mark import key
from ganworks.staged import write_text

TEMPLATES = Path(__file__).parent / "template"


def render(template: str, templates: Path = TEMPLATES, **content: Any) -> str:
    """Return a page that extends base.html; every value of ``content`` is escaped unless it is markup.

    The page carries a policy that lets nothing but its own script run and nothing be loaded.
    """
    environment = Environment(
        loader=FileSystemLoader([templates, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["key"] = key
    style = (chart.TEMPLATES / "chart.css").read_text(encoding="utf-8") + (TEMPLATES / "style.css").read_text(
        encoding="utf-8"
    )
    script = (chart.TEMPLATES / "chart.js").read_text(encoding="utf-8") + (TEMPLATES / "script.js").read_text(
        encoding="utf-8"
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        version=version("ganworks"),
        written=time.strftime("%Y-%m-%d %H:%M"),
        **content,
    )


def write(page: str, path: Path) -> Path:
    """Write a page, complete or not at all: a reader never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, page)
    return path
