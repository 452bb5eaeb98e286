"""Is it right there: gradients of a step, a resumed run, half precision, compiled code; parts of `gpu.py`."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from gpu_cases import APART, CASES, QUIET, Row, Settings
from gpu_speed import timed_run
from torch import Tensor

from ganworks.augment.adaptive import UNIT, Adaptive
from ganworks.noise import keyed_rng
from ganworks.run.build import build_run
from ganworks.run.compose import compose
from ganworks.run.resume import resume
from ganworks.run.speed import compile_networks
from ganworks.run.start import start


def gradients(task: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradients of one step's terms, those of its lazy penalties too, by name of term and parameter."""
    found = {}
    for role, kind in itertools.product(("discriminator", "generator"), ("terms", "lazy_terms")):
        task.zero_grad(set_to_none=True)
        terms = getattr(task, f"{role}_{kind}")(dict(batch))
        if not terms:
            continue
        torch.stack(tuple(terms.values())).sum().backward()
        found |= {
            f"{role}_{kind}.{name}": parameter.grad
            for name, parameter in task.players[role].named_parameters()
            if parameter.grad is not None
        }
    return found


def prepared(case: str, *overrides: str) -> tuple[Any, dict[str, Tensor]]:
    """Return the task of a toy and a batch, on the CPU; wherever it is copied to, the task draws what it draws here."""
    config = compose([*QUIET, *CASES[case][1], *overrides, "trainer.accelerator=cpu", "channels_last=false"])
    run = build_run(config)
    # A device's own random numbers are other ones. All that a step draws is moved to where it is used.
    run.task.rng = partial(keyed_rng, 0, "gpu")
    if isinstance(run.task.augment, Adaptive):
        run.task.augment.level.fill_(UNIT // 2)  # at its first p of 0 it would let images pass untouched
    return run.task, drawn(run.task, 8, run.datamodule.example())


def drawn(task: Any, num: int, example: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch of ``num`` samples with its noise, on the CPU."""
    noise = task.draw_noise(num, lambda name: keyed_rng(0, "gpu", name))
    fields = {name: value[:1].expand(num, *value.shape[1:]).clone() for name, value in example.items()}
    fields["real"] = torch.randn(fields["real"].shape, generator=keyed_rng(0, "gpu", "real")).clamp(-1, 1)
    return {**fields, **noise}


def deviation(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Return the largest difference between gradients as a share of the largest gradient of their terms."""
    worst = 0.0
    for terms in {name.partition(".")[0] for name in first}:
        names = [name for name in first if name.startswith(f"{terms}.")]
        scale = max(first[name].abs().max().item() for name in names)
        worst = max(worst, *((first[n] - second[n].to(first[n])).abs().max().item() / scale for n in names))
    return worst


def step_agrees(case: str, settings: Settings) -> Row:
    """Compare the gradients of a step on the device with those on the CPU, in float64 and in float32."""
    row: Row = {}
    task, batch = prepared(case)
    for dtype in (torch.float64, torch.float32):
        here = copy.deepcopy(task).to(dtype)
        there = copy.deepcopy(task).to(dtype).to(settings.device)
        cast = {
            name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()
        }
        moved = {name: value.to(settings.device) for name, value in cast.items()}
        found = {name: gradient.cpu() for name, gradient in gradients(there, moved).items()}
        row[str(dtype).removeprefix("torch.")] = deviation(gradients(here, cast), found)
    return {**row, "ok": row["float64"] < 1e-5 and row["float32"] < 1e-3}


def resumes_to_the_bit(settings: Settings) -> Row:
    """Compare the weights of a resumed run with those of an uninterrupted one."""
    common = ["experiment=digits_dcgan", "metric=none", "callback=basic", "callback.sample_grid.every_images=null",
              "num_images=2560", "trainer.deterministic=true", settings.accelerator]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        start(compose(common), whole, launched_at=0.0)
        start(compose([*common, "trainer.max_steps=17"]), parts, launched_at=0.0)
        resume(str(parts), ["trainer.max_steps=-1"], launched_at=0.0)
        first, second = (
            torch.load(run / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
            for run in (whole, parts)
        )
    state, other = first["state_dict"], second["state_dict"]
    different = [name for name in state if not torch.equal(state[name], other[name])]
    same_length = first["time"] == second["time"]
    return {"tensors": len(state), "different": len(different), "ok": not different and same_length}


def compiled_equals_eager(case: str, settings: Settings) -> Row:
    """Compare the gradients of a step of compiled networks with those of eager ones."""
    task, batch = prepared(case, *APART)
    batch = {name: value.to(settings.device) for name, value in batch.items()}
    eager, compiled = (copy.deepcopy(task).to(settings.device) for _ in range(2))
    torch._dynamo.reset()
    compile_networks(compiled)
    found = deviation(gradients(eager, batch), gradients(compiled, batch))
    return {"float32": found, "ok": found < 1e-3}


def stays_finite(case: str, precision: str, settings: Settings) -> Row:
    """Train some steps in half precision and look for what is not finite."""
    timed = timed_run(case, [f"trainer.precision={precision}"], settings, num_warm_up=0)
    bad = sum(int((~torch.isfinite(p)).any()) for p in timed.task.parameters())
    return {"steps": settings.num_steps, "tensors not finite": bad, "ok": bad == 0}
