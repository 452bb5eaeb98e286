"""benchmarks/gpu.py in small on a CPU: every part runs, and one that fails costs its own row alone."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_benchmark", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_benchmark"] = module
    spec.loader.exec_module(module)
    return module


def test_every_part_runs_on_a_cpu_at_toy_size_and_correctness_holds(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "CASES", {"dcgan64": gpu.CASES["dcgan64"]})
    gpu.main(["--toy", "--device", "cpu", "--out", str(tmp_path)])
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert not [name for name, row in rows.items() if "failed" in row]
    assert all(row["ok"] for row in rows.values() if "ok" in row)
    assert {name.split(":")[0] for name in rows} >= {
        "step equals the CPU's",
        "resume to the bit",
        "finite in bf16-mixed",
        "compiled equals eager",
        "speed, eager float32",
    }
    assert "images/s" in (tmp_path / "gpu.md").read_text()


def test_steps_of_the_published_networks_run_as_toys(gpu):
    settings = gpu.Settings("cpu", is_toy=True, num_steps=1)
    for case in ("stylegan2_ada_cifar10", "r3gan_ffhq64"):
        assert gpu.step_agrees(case, settings)["ok"]


def test_the_step_that_is_compared_augments_and_penalizes_with_draws_of_the_cpu(gpu):
    checks = sys.modules["gpu_checks"]
    task, batch = checks.prepared("stylegan2_ada_cifar10")
    assert task.augment.p == 0.5
    assert task.rng("augment").device.type == "cpu"
    found = checks.gradients(copy.deepcopy(task), batch)
    assert {name.partition(".")[0] for name in found} == {
        "discriminator_terms", "discriminator_lazy_terms", "generator_terms"}  # fmt: skip
    assert checks.deviation(found, checks.gradients(copy.deepcopy(task), batch)) == 0
    task.rng = partial(task.rng, "of another device")  # control
    assert checks.deviation(found, checks.gradients(task, batch)) > 1e-3


def test_a_part_that_fails_costs_its_own_row(gpu):
    row = gpu.measured(lambda: 1 / 0)
    assert row["failed"].startswith("ZeroDivisionError")
    assert gpu.measured(lambda: {"ok": True})["ok"]
