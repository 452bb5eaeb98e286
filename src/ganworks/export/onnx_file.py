"""The generator in ONNX: runs wherever there is a runtime of that format."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from ganworks.errors import GanworksError, check_range
from ganworks.export.interface import example_inputs
from ganworks.export.verify import TOLERANCE, ExportError, Run, failed, largest_error
from ganworks.sample.sampler import Sampler

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
OPSET, OPSETS = 18, (17, 23)
MAX_BYTES = 1_900_000_000  # a file of protobuf ends at 2 GiB; beyond, weights go beside it


def check_onnx(opset: int = OPSET) -> None:
    """Raise where the packages of ONNX are missing, or an opset that is not written.

    Raises:
        SettingError: ``opset``.
        GanworksError: names what to install.
    """
    check_range("opset", opset, *OPSETS)
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise GanworksError(f"format=onnx needs {', '.join(missing)}: pip install 'ganworks[onnx]'")


def save_onnx(
    program: ExportedProgram, sampler: Sampler, information: Mapping[str, Any], file: Path,
    opset: int = OPSET, tolerance: float = TOLERANCE,
) -> float:  # fmt: skip
    """Write a program as ONNX, run it by onnxruntime, and return its largest error.

    Raises:
        ExportError: an operator has no form in ONNX, or differs from the sampler's by more than ``tolerance``.
    """
    inputs, outputs = list(information["inputs"]), list(information["outputs"])
    try:
        with silent():
            converted: Any = torch.onnx.export(
                program, (), kwargs=example_inputs(sampler, 2, seed=0), dynamo=True, opset_version=opset,
                input_names=inputs, output_names=outputs,
            )  # fmt: skip
    except Exception as failure:  # the converter raises about anything
        raise failed("onnx", failure) from failure
    converted.model.metadata_props.update(metadata(information))
    num_bytes = sum(tensor.nbytes for tensor in program.state_dict.values())
    converted.save(str(file), external_data=num_bytes > MAX_BYTES)
    try:
        worst = largest_error(session(file, outputs), sampler)
    except ExportError:
        raise
    except Exception as failure:  # of the runtime, which may not know an operator
        raise failed("onnx", failure) from failure
    if not worst <= tolerance:
        where = stray_operator(converted, sampler, tolerance)
        raise ExportError(
            f"format=onnx: the largest error is {worst:.1e}, above {tolerance:g}: {where} keeps it from that."
        )
    return worst


def metadata(information: Mapping[str, Any]) -> dict[str, str]:
    """Return ``information`` as the texts that an ONNX file holds: a text as it is, everything else as JSON."""
    return {
        f"ganworks.{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in information.items()
    }


def session(file: Path, outputs: list[str]) -> Run:
    """Return what runs an ONNX file on the CPU, from tensors by name to tensors by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.intra_op_num_threads = torch.get_num_threads()
    runtime = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        values = runtime.run(outputs, {name: rows.numpy() for name, rows in inputs.items()})
        return {name: torch.from_numpy(value) for name, value in zip(outputs, values, strict=True)}

    return run


def stray_operator(converted: Any, sampler: Sampler, tolerance: float) -> str:
    """Return the first operator of an ONNX program whose values stray from those of the network."""
    from torch.onnx import verification

    producers = {value.name: node.op_type for node in converted.model.graph for value in node.outputs}
    inputs = example_inputs(sampler, 2, seed=0)
    try:
        with silent(), spared_objects():
            found = verification.verify_onnx_program(converted, kwargs=inputs, compare_intermediates=True)
    except Exception:  # a value between two operators may have no counterpart
        return "an operator that cannot be told"
    strays = (each for each in found if each.max_abs_diff > tolerance and each.name in producers)
    first = next(strays, None)
    return "the sum of many small errors" if first is None else f"{producers[first.name]} ({first.name})"


@contextlib.contextmanager
def spared_objects() -> Iterator[None]:
    """Keep what exists out of garbage collections, which the comparison asks for twice an operator."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep the converter's progress, warnings and notes off the screen."""
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
