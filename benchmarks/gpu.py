"""What a GPU makes of the networks: is it right there, and how quick is it.

    python benchmarks/gpu.py [--device cuda|cpu] [--minutes 9] [--out FOLDER] [--toy] [--only PART ...]

First correctness: the gradients of a step on the device against those on the CPU, a resumed run against an
uninterrupted one to the bit, bf16 and fp16 without an overflow, compiled code against eager. Then images a second and
memory of the recipes, each eager in float32, in bf16 with channels last, compiled, and with CUDA graphs, with the share
of Lightning, the kernels that a step launches and the share of a step in which the GPU waits for one.

Every part stands alone: what fails costs its own row, and says why. What was found is written after each part to
FOLDER/gpu.json and FOLDER/gpu.md, so that a run which is cut off keeps its rows; no part begins after the minutes.
The pictures are enlarged digits: data that needs no file, and no loader that the GPU waits for.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))
from gpu_cases import CASES, COMPILED, SIDES, Row, Settings
from gpu_checks import compiled_equals_eager, resumes_to_the_bit, stays_finite, step_agrees
from gpu_speed import speed

from ganworks.run.log import quieten


def parts(settings: Settings) -> dict[str, Callable[[], Row]]:
    """Return what is measured, in its order, by name."""
    found: dict[str, Callable[[], Row]] = {}
    for case in CASES:
        found[f"step equals the CPU's: {case}"] = partial(step_agrees, case, settings)
    found["resume to the bit: digits_dcgan"] = partial(resumes_to_the_bit, settings)
    for case in CASES:
        for precision in ("bf16-mixed", "16-mixed"):
            if settings.device == "cuda" or precision == "bf16-mixed":
                found[f"finite in {precision}: {case}"] = partial(stays_finite, case, precision, settings)
    for case in CASES:
        found[f"compiled equals eager: {case}"] = partial(compiled_equals_eager, case, settings)
    for side in SIDES:
        if side not in COMPILED or settings.device == "cuda":
            for case in CASES:
                found[f"speed, {side}: {case}"] = partial(speed, case, side, settings)
    return found


def measured(part: Callable[[], Row]) -> Row:
    """Return the row of a part, or why there is none."""
    began = time.perf_counter()
    try:
        row = part()
    except Exception as error:
        row = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]}
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return {**row, "seconds": time.perf_counter() - began}


def write(rows: dict[str, Row], out: Path, device: str) -> str:
    """Write what was found so far as JSON and as Markdown; return the latter."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu.json").write_text(json.dumps({"device": device, "rows": rows}, indent=1))
    lines = [f"{device}, torch {torch.__version__}", "", "| part | found |", "|---|---|"]
    lines += [
        f"| {name} | {', '.join(cell(key, value) for key, value in row.items())} |"
        for name, row in rows.items()
    ]
    text = "\n".join(lines) + "\n"
    (out / "gpu.md").write_text(text)
    return text


def cell(key: str, value: Any) -> str:
    """Return a figure with its name."""
    if isinstance(value, bool):
        return "ok" if value else "NOT OK"
    if key in ("Lightning", "GPU waits"):
        return f"{key} {100 * value:.0f} %"
    if isinstance(value, float):
        return f"{key} {value:.2g}" if value < 1 else f"{key} {value:,.1f}"
    return f"{key} {value}"


def main(arguments: list[str] | None = None) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default=device)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--out", type=Path, default=Path("gpu"))
    parser.add_argument("--toy", action="store_true", help="small networks and few steps, for a CPU")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument(
        "--only", nargs="*", default=[], help="parts whose names have one of these texts in them"
    )
    given = parser.parse_args(arguments)
    quieten()
    settings = Settings(given.device, given.toy, 2 if given.toy else given.steps)
    name = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    began, rows, console = time.perf_counter(), {}, Console()
    for part, call in parts(settings).items():
        if given.only and not any(text in part for text in given.only):
            continue
        if time.perf_counter() - began > 60 * given.minutes:
            rows[part] = {"failed": "no time left"}
        else:
            rows[part] = measured(call)
        console.print(part, rows[part], highlight=False)
        text = write(rows, given.out, name)
    console.print(text)


if __name__ == "__main__":
    main()
