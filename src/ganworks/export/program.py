"""The generator as a program of torch.export (.pt2): runs in PyTorch without this package."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from ganworks.export.interface import BATCH, Exportable, example_inputs
from ganworks.export.verify import TOLERANCE, ExportError, failed, largest_error
from ganworks.sample.sampler import Sampler

INFORMATION = "ganworks.json"  # inside the file
NUM_TRACED = 2  # a batch of 1 would be taken for a constant
SMALL_BATCH = 63  # the decoders of diffusers take another way from 64 latents on, of which a program has one
RANDOM = ("rand", "bernoulli", "dropout", "normal", "multinomial")


class Named(nn.Module):
    """An `Exportable` whose inputs are arguments of their own, so that a program takes them by name.

    Args:
        network: called with a mapping.
        names: of the inputs.
    """

    def __init__(self, network: Exportable, names: list[str]) -> None:
        super().__init__()
        self.network = network
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD

        def forward(*values: Tensor, **inputs: Tensor) -> dict[str, Tensor]:
            return network({**dict(zip(names, values, strict=False)), **inputs})

        # The exporter reads the names from here; of **inputs it would make one argument.
        forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        self.forward = forward


@torch.no_grad()
def traced(sampler: Sampler) -> ExportedProgram:
    """Return the sampler's program, with a batch of any size; with a decoder of latents of at most `SMALL_BATCH`.

    Raises:
        ExportError: something in the network cannot be traced, or fixes the size of the batch.
    """
    inputs = example_inputs(sampler, NUM_TRACED, seed=0)
    network = Named(Exportable(sampler).eval(), list(inputs)).eval()
    for largest in (None, SMALL_BATCH):
        batch = Dim(BATCH, min=1, max=largest)
        shapes = {name: {0: batch} for name in inputs}
        try:
            program = torch.export.export(network, (), kwargs=inputs, dynamic_shapes=shapes, strict=False)
            break
        except Exception as error:  # the tracer raises about anything
            if largest is not None or network.network.decoder is None:
                raise failed("torch", error) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # names files of this machine, and would lie in the file
    return program


def save_program(
    program: ExportedProgram, sampler: Sampler, information: Mapping[str, Any], file: Path,
    tolerance: float = TOLERANCE,
) -> float:  # fmt: skip
    """Write a program, read it again, and return its largest error.

    Raises:
        ExportError: it differs from the sampler by more than ``tolerance``.
    """
    torch.export.save(program, file, extra_files={INFORMATION: json.dumps(information)})
    module = torch.export.load(file).module()
    worst = largest_error(lambda inputs: module(**inputs), sampler)
    if not worst <= tolerance:
        drawn = [node for node in names_of_operators(program) if any(word in node for word in RANDOM)]
        why = f"{drawn[0]} draws in the program" if drawn else "the trace left out what depends on the values"
        raise ExportError(f"format=torch: the largest error is {worst:.1e}, above {tolerance:g}: {why}.")
    return worst


def names_of_operators(program: ExportedProgram) -> list[str]:
    """Return the operators that a program calls, in order."""
    return [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
