"""Regularizers of the players: gradient penalties and weight clipping."""

from ganworks.regularizer.base import Regularizer
from ganworks.regularizer.gradient import (
    R1,
    R2,
    Dragan,
    GradientPenalty,
    GradientRegularizer,
    squared_gradient_norm,
)
from ganworks.regularizer.weight import CosineWeight
from ganworks.regularizer.weight_clip import WeightClip

__all__ = [
    "R1",
    "R2",
    "CosineWeight",
    "Dragan",
    "GradientPenalty",
    "GradientRegularizer",
    "Regularizer",
    "WeightClip",
    "squared_gradient_norm",
]
