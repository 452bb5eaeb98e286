"""Tensors of the official implementations, and how near to them ours has to be."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

log = logging.getLogger("deviation")
FOLDER = Path(__file__).parent / "golden"
OUTPUT, GRADIENT = 5e-5, 1e-4  # bounds in float32 on a CPU; two kernels of the same code differ by up to 3e-5


@dataclass(frozen=True)
class Golden:
    """What an official network computed: its ``tensors`` by name, and the ``facts`` about them."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name].clone()

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix`` and a dot, without it: a state dict, or gradients."""
        start = f"{prefix}."
        return {name[len(start) :]: t.clone() for name, t in self.tensors.items() if name.startswith(start)}

    @property
    def vanishing(self) -> set[str]:
        """Names of gradients that are zero but for rounding."""
        return set(self.facts.get("analytically_zero", {}).get("keys", ()))


@cache
def golden(name: str) -> Golden:
    """Return the tensors and the facts of the official network ``name``."""
    facts = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Golden(load_file(FOLDER / f"{name}.safetensors"), facts)


@cache
def full_size(name: str) -> dict[str, Any]:
    """Return parameter counts and shapes of a network at its published size."""
    return json.loads((FOLDER / "param_counts_full.json").read_text(encoding="utf-8"))[name]


def deviation(actual: Tensor, expected: Tensor, scale: float | None = None) -> float:
    """Return the largest difference as a share of ``scale``, by default the largest expected value."""
    assert actual.shape == expected.shape, f"{tuple(actual.shape)} is not {tuple(expected.shape)}"
    difference = (actual.detach().double() - expected.double()).abs().max().item()
    return difference / (scale if scale is not None else expected.double().abs().max().item())


def close(actual: Tensor, expected: Tensor, bound: float = OUTPUT) -> None:
    """Assert that no value differs by more than ``bound`` times the largest expected value."""
    log.info("%.1e, bound %.0e", found := deviation(actual, expected), bound)
    assert found <= bound, f"{found:.1e} of the largest value, above {bound:.0e}"


def close_group(
    actual: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    bound: float = GRADIENT,
    names: Iterable[str] | None = None,
) -> None:
    """Assert that no value of a group, such as the gradients of a network, differs by more than ``bound`` times its
    largest value; a gradient that vanishes then only has to be small.

    Args:
        names: of the tensors to compare; None for all, of which none may be missing.
    """
    assert names is not None or set(actual) == set(expected), set(actual) ^ set(expected)
    scale = max(tensor.double().abs().max().item() for tensor in expected.values())
    found = {name: deviation(actual[name], expected[name], scale) for name in names or expected}
    worst = max(found, key=found.__getitem__)
    log.info("%.1e, bound %.0e: %s, the worst of %d", found[worst], bound, worst, len(found))
    assert found[worst] <= bound, (
        f"{worst}: {found[worst]:.1e} of the group's largest value, above {bound:.0e}"
    )


def gradients(loss: Tensor, network: nn.Module, create_graph: bool = False) -> dict[str, Tensor]:
    """Return the gradients of ``loss`` by name of the parameter; zeros where it does not depend on one."""
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, create_graph=create_graph, allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for name, parameter, gradient in zip(names, parameters, found, strict=True)
    }
