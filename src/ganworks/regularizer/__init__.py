"""Regularizers of the players: gradient penalties, path length and weight clipping."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.regularizer.base import Regularizer
    from ganworks.regularizer.gradient import (
        R1,
        R2,
        Dragan,
        GradientPenalty,
        GradientRegularizer,
        squared_gradient_norm,
    )
    from ganworks.regularizer.path_length import PathLength
    from ganworks.regularizer.weight import CosineWeight
    from ganworks.regularizer.weight_clip import WeightClip
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "R1",
    "R2",
    "CosineWeight",
    "Dragan",
    "GradientPenalty",
    "GradientRegularizer",
    "PathLength",
    "Regularizer",
    "WeightClip",
    "squared_gradient_norm",
]
