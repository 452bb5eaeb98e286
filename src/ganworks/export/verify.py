"""Whether an exported file does what the sampler does: the largest error, and the operator that makes it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.export.interface import SAMPLES, Exportable, example_inputs
from ganworks.sample.sampler import Sampler

TOLERANCE = 1e-4
SIZES = (1, 2, 5)  # of batches; a file that was traced for one size fails at the others
SIZES_WORDS = f"{', '.join(map(str, SIZES[:-1]))} and {SIZES[-1]}"
Run = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""From inputs by name to outputs by name."""


class ExportError(GanworksError):
    """A format that this generator cannot be had in, and why."""


@torch.inference_mode()
def largest_error(run: Run, sampler: Sampler, sizes: Iterable[int] = SIZES, seed: int = 0) -> float:
    """Return the largest `error` of what ``run`` makes of the sampler's own inputs, over batches of ``sizes``."""
    network, worst = Exportable(sampler).eval(), 0.0
    for size in sizes:
        inputs = example_inputs(sampler, size, seed)
        expected = {**network(inputs), SAMPLES: sampler.make(inputs)}
        made = run(inputs)
        worst = max(worst, *(error(made[name], rows) for name, rows in expected.items()))
    return worst


def error(made: Tensor, expected: Tensor) -> float:
    """Return the largest difference of two tensors, as a share of the largest value where that is above 1.

    Samples in [-1, 1] so have their absolute error; those without a range are judged by the digits of float32.
    Infinite where the shapes differ, or where one is not finite.

    >>> error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0])), error(torch.ones(2), torch.ones(3))
    (0.5, inf)
    """
    if made.shape != expected.shape:
        return math.inf
    made, expected = made.double(), expected.double()
    worst = float((made - expected).abs().max()) / max(1.0, float(expected.abs().max()))
    return worst if math.isfinite(worst) else math.inf


def error_words(value: float) -> str:
    """Return an error as it is printed.

    >>> error_words(0.0), error_words(8.31e-7)
    ('0', '8.3e-07')
    """
    return f"{value:.1e}" if value else "0"


def operators(exception: BaseException | None) -> list[str]:
    """Return the operators that an exception and its causes name, such as ``aten.grid_sampler_2d``."""
    texts: list[str] = []
    while exception is not None:
        texts.append(str(exception))
        exception = exception.__cause__ or exception.__context__
    found = re.findall(r"\b((?:aten|prims|torchvision|prim)(?:\.|::)\w+)", "\n".join(texts))
    return list(dict.fromkeys(name.replace("::", ".") for name in found))


def first_sentence(exception: BaseException) -> str:
    """Return the first line of an exception that says something, at most 160 letters of it."""
    lines = [line.strip() for line in str(exception).splitlines()]
    text = next((line for line in lines if " " in line), type(exception).__name__)
    return text[:160].rstrip(".:")


def failed(name: str, exception: BaseException) -> ExportError:
    """Return the error of a format that the exporter refused: the operator where it names one, and its own words."""
    named: Sequence[str] = operators(exception)
    before = f"{named[0]} keeps it from that: " if named else ""
    return ExportError(f"format={name}: {before}{first_sentence(exception)}.")
