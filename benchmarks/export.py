"""Which generators can be exported, and how far a program of torch.export and ONNX are from the sampler.

    python benchmarks/export.py [--only dcgan cycle ...] [--threads 1] [--write docs/export.md]

Every model of conf/model and the generator of every application, small, with weights of no training. Each file is
written, read again and run at batches of 1, 2 and 5; the error is the largest difference from the sampler. Latents with
a decoder need diffusers (`pip install 'ganworks[latents]'`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))
from export_cases import APPLICATIONS, MODELS, Case, build, decoded

from ganworks.export.folder import ONNX, TORCH, export
from ganworks.export.verify import error_words

BEGIN, END = "<!-- made by benchmarks/export.py -->\n", "<!-- end -->\n"
HEAD = "| generator | samples | takes | `format=torch` | `format=onnx` |\n|---|---|---|---|---|\n"
DECODED = "latents with their decoder"


@dataclass
class Row:
    """A line of the table: what a generator is, and its errors or the reasons why there are none."""

    name: str
    shape: tuple[int, ...]
    inputs: list[str]
    said: dict[str, str]

    def __str__(self) -> str:
        shape, inputs = " x ".join(map(str, self.shape)), ", ".join(shortened(self.inputs))
        return f"| {self.name} | {shape} | {inputs} | {self.said[TORCH]} | {self.said[ONNX]} |"


def shortened(names: list[str]) -> list[str]:
    """Return names of inputs, of the many noise maps of a generator the first and the last."""
    maps = [name for name in names if name.startswith("noise_")]
    others = [name for name in names if name not in maps]
    return others + ([f"{maps[0]} … {maps[-1]}"] if len(maps) > 1 else maps)


def measure(name: str, case: Case) -> Row:
    """Export a case in both formats and read what came of it."""
    sampler = build(case)
    with tempfile.TemporaryDirectory() as folder:
        exported = export(sampler, Path(folder) / "export", (TORCH, ONNX), say=lambda line: None)
    said = {form: error_words(error) for form, error in exported.errors.items()}
    said |= {form: reason.partition(": ")[2] for form, reason in exported.failures.items()}
    return Row(name, sampler.shape, list(exported.information["inputs"]), said)


def write(rows: Sequence[str], page: Path) -> None:
    """Put rows in the table of a page, in the place of earlier ones of the same generators."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    merged = {line.split("|")[1].strip(): line for line in [*lines, *rows]}
    order = [name_of(name) for name in MODELS] + [*APPLICATIONS, DECODED]
    known = [merged[name] for name in order if name in merged]
    page.write_text(f"{before}{BEGIN}\n{HEAD}" + "\n".join(known) + f"\n\n{END}{after}", encoding="utf-8")


def name_of(model: str) -> str:
    """Return how a model of conf/model is called in the table."""
    return f"`model={model}`"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    console = Console()
    with tempfile.TemporaryDirectory() as place:
        cases = {name_of(name): case for name, case in MODELS.items()} | APPLICATIONS
        if find_spec("diffusers") is not None:
            cases[DECODED] = decoded(Path(place))
        for name, case in cases.items():
            if arguments.only and name.removeprefix("`model=").rstrip("`") not in arguments.only:
                continue
            start = time.process_time()
            row = measure(name, case)
            console.print(f"{row}  {time.process_time() - start:.1f} s", highlight=False, soft_wrap=True)
            if arguments.write is not None:
                write([str(row)], arguments.write)


if __name__ == "__main__":
    main()
