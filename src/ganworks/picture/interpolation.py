"""Strips from one sample to another: smooth where the generator has learned more than single images."""

from __future__ import annotations

import torch
from PIL import Image

from ganworks.picture.sheet import Row, block, sheet
from ganworks.sample.sampler import Sampler


def interpolation_sheet(
    sampler: Sampler, seed: int = 0, num_strips: int = 8, num_steps: int = 11
) -> Image.Image:
    """Return strips along great circles between pairs of latents, each of one class of a conditional generator."""
    labels = sampler.inputs(num_strips, seed).get("label")
    images = sampler.interpolate(num_strips, num_steps, seed, labels).cpu()
    rows = [
        Row(strip, "" if labels is None or labels.dim() > 1 else f"class {labels[index]}")
        for index, strip in enumerate(images.unflatten(0, (num_strips, num_steps)))
    ]
    columns = [f"{share:.0%}" for share in torch.linspace(0, 1, num_steps).tolist()]
    note = (
        "Each row goes from one latent to another along the great circle between them. Sudden jumps, or the same image"
        " over most of a row, are signs that the generator knows few images."
    )
    return sheet("Interpolation", note, [block(rows, columns=columns)])
