"""A notebook as a page: its words, its code, and what the code has put out."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

MATH = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+)\$", flags=re.S)


def fenced(code: str, language: str = "") -> str:
    """Return a block of code, behind more backticks than it has itself."""
    ticks = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", code + "`")))
    return f"{ticks}{language}\n{code.rstrip()}\n{ticks}\n"


def with_mathml(text: str) -> str:
    """Return words whose formulas are MathML, which browsers draw by themselves."""

    def converted(match: re.Match[str]) -> str:
        formula = (match["block"] or match["inline"]).replace(
            r"\arg\max", r"\operatorname{argmax}"
        )  # not known
        return convert(formula, display="block" if match["block"] else "inline")

    return MATH.sub(converted, text)


def output(data: dict[str, Any], name: str, pictures: dict[str, bytes]) -> str:
    """Return what a cell of a notebook has put out; a PNG goes to ``pictures`` under ``name``."""
    bundle = data.get("data", {})
    if "image/png" in bundle:
        pictures[name] = base64.b64decode("".join(bundle["image/png"]))
        return f"![output of the cell above]({name})\n"
    text = "".join(data.get("text") or bundle.get("text/plain", ""))
    return fenced(text, "text") if text.strip() else ""


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return the page of a notebook and, by name, the pictures that its cells drew."""
    parts, pictures = [], dict[str, bytes]()
    for index, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        text = "".join(cell["source"])
        parts.append(with_mathml(text) + "\n" if cell["cell_type"] == "markdown" else fenced(text, "python"))
        for number, data in enumerate(cell.get("outputs", [])):
            parts.append(output(data, f"{path.stem}_{index}_{number}.png", pictures))
    return "\n".join(parts), pictures
