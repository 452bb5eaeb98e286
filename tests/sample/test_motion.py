"""Centres, masses and windows of clips in half precision are those of the same clips in float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganworks.data import MovingDigits
from ganworks.noise import keyed_rng
from ganworks.sample.motion import centres, masses, windows
from ganworks.task import CentredFrames, Trajectory, View


def clips() -> Tensor:
    """Return real clips that the type has rounded, so that nothing but the arithmetic differs."""
    return MovingDigits(resolution=64).samples.read(torch.arange(64)).bfloat16().float()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_moves_no_centre_and_no_window(dtype: torch.dtype) -> None:
    expected = clips()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        path, mass = centres(expected.to(dtype)), masses(expected.to(dtype))
        frames = expected.to(dtype).movedim(2, 1).flatten(0, 1)
        found = windows(frames, path.flatten(0, 1), 8)
    assert path.dtype == mass.dtype == torch.float32
    assert torch.allclose(path, centres(expected), atol=1e-2)
    assert torch.allclose(mass, masses(expected), atol=1e-4)
    whole = windows(frames.float(), centres(expected).flatten(0, 1), 8)
    assert found.dtype == dtype
    assert torch.equal(found.float(), whole)


@pytest.mark.parametrize("view", [CentredFrames(8), Trajectory(), Trajectory(apart=True)])
def test_views_of_half_precision_show_what_those_of_float32_show(view: View) -> None:
    expected = clips()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = view(expected.bfloat16(), {}, keyed_rng(0))
    assert torch.allclose(found.float(), view(expected, {}, keyed_rng(0)), atol=1e-5)


def test_double_precision_stays() -> None:
    assert centres(clips().double()).dtype == torch.float64
