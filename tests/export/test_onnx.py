"""ONNX: run by onnxruntime it is the sampler, says what it takes and returns, and names the operator that strays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from exporting import CASES, build
from ganworks.errors import GanworksError, SettingError
from ganworks.export import onnx_file
from ganworks.export.baked import baked
from ganworks.export.interface import Exportable, describe, example_inputs
from ganworks.export.onnx_file import check_onnx, save_onnx
from ganworks.export.program import traced
from ganworks.export.verify import ExportError, failed
from ganworks.sample.direction import forwards
from ganworks.sample.sampler import Sampler


def information(sampler: Sampler) -> dict[str, Any]:
    inputs = example_inputs(sampler, 2, 0)
    return describe(sampler, inputs, Exportable(sampler).eval()(inputs))


def written(name: str, file: Path, **settings: Any) -> tuple[float, Sampler]:
    sampler = build(CASES[name])
    program = traced(baked(forwards(sampler)))
    return save_onnx(program, sampler, information(sampler), file, **settings), sampler


@pytest.mark.parametrize("name", ["dcgan", "lstm", "bending_cycle"])
def test_onnx_is_the_sampler_at_every_batch(name: str, tmp_path: Path) -> None:
    worst, _ = written(name, tmp_path / "model.onnx")
    assert worst <= 1e-5


def test_onnx_takes_inputs_by_name_and_tells_laws_ranges_and_classes(tmp_path: Path) -> None:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    _, sampler = written("r3gan", tmp_path / "model.onnx", opset=17)
    model = onnx.load(tmp_path / "model.onnx")
    assert model.opset_import[0].version == 17
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["ganworks.inputs"])["latent"]["law"] == "normal"
    assert json.loads(told["ganworks.inputs"])["label"]["num_classes"] == 4
    assert json.loads(told["ganworks.outputs"])["samples"]["range"] == [-1.0, 1.0]
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    for num in (1, 3):
        inputs = sampler.inputs(num, seed=7)
        (made,) = session.run(["samples"], {name: rows.numpy() for name, rows in inputs.items()})
        assert torch.allclose(torch.from_numpy(made), sampler.sample(num, seed=7), atol=1e-5)


def test_an_error_above_the_tolerance_names_the_operator_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"largest error is .* above 1e-12: (Gemm|MatMul|Tanh|Relu)"):
        written("mlp", tmp_path / "model.onnx", tolerance=1e-12)


def test_an_operator_that_the_converter_lacks_is_named() -> None:
    error = RuntimeError("conversion failed")
    error.__cause__ = ValueError(
        "No ONNX function found for <OpOverload(op='aten.special_zeta', overload='d')>"
    )
    assert str(failed("onnx", error)) == (
        "format=onnx: aten.special_zeta keeps it from that: conversion failed."
    )


def test_a_missing_package_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(GanworksError, match=r"pip install 'ganworks\[onnx\]'"):
        check_onnx()


def test_an_opset_that_is_not_written_is_refused_first() -> None:
    with pytest.raises(SettingError, match="a number from 17 to 23"):
        check_onnx(16)
