"""Samples moved along several of the strongest directions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.model.style import StyleGenerator
from ganworks.picture.directions import (
    Directions,
    any_label,
    deviations_of,
    movable,
    semantic_directions,
    style_directions,
)
from ganworks.sample.sampler import Sampler
from ganworks.sample.styles import Styles


@dataclass(frozen=True)
class Moves:
    """Moves along the directions of a generator, in deviations of its latent along each.

    Args:
        directions: all of them, the strongest first.
        deviations: of w, or of the latent, along each, (K,).
    """

    directions: Directions
    deviations: Tensor

    def offset(self, lengths: Sequence[float]) -> Tensor:
        """Return the move (latent_dim,) whose part along each direction is of these lengths, fewer or all.

        Raises:
            SettingError: more lengths than directions.
        """
        num = len(self.deviations)
        if len(lengths) > num:
            text = ",".join(f"{length:g}" for length in lengths)
            raise SettingError("move", text, f"at most {num} numbers, one for each direction")
        steps = torch.tensor(lengths, dtype=torch.float64) * self.deviations[: len(lengths)]
        return steps @ self.directions.vectors[: len(lengths)].cpu()


@lru_cache(maxsize=1)  # a page asks at every touch of a slider
def moves_of(sampler: Sampler) -> Moves:
    """Return the moves of a generator: in W where it has styles, else in its latents.

    Raises:
        GanworksError: no layer of the generator reads the latent as it is.
    """
    generator = movable(sampler)
    if isinstance(generator, StyleGenerator):
        directions = style_directions(generator, generator.w_dim)
        return Moves(directions, deviations_of(sampler, directions))
    # Directions are the same for all labels.
    label = sampler.inputs(1, label=any_label(sampler)).get("label")
    directions = semantic_directions(generator, generator.latent_dim, label)
    return Moves(directions, torch.ones(len(directions.vectors), dtype=torch.float64))


def moved_styles(sampler: Sampler, styles: Styles, lengths: Sequence[float]) -> Styles:
    """Return styles (num, num_ws, w_dim) moved along the directions of W, all layers alike."""
    return styles.at(styles.ws + moves_of(sampler).offset(lengths).to(styles.ws))


def moved_inputs(sampler: Sampler, inputs: dict[str, Tensor], lengths: Sequence[float]) -> dict[str, Tensor]:
    """Return inputs of samples with their ``latent`` (num, latent_dim) moved; all else stays."""
    latent = inputs["latent"]
    return {**inputs, "latent": latent + moves_of(sampler).offset(lengths).to(latent)}
