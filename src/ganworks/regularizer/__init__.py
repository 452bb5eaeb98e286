"""Regularizers of the players: penalties on gradients, logits, path lengths and weights, and weight clipping."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.regularizer.alignment import Alignment, DinoTokens
    from ganworks.regularizer.approximate import ApproximateRegularizer, R1Approx, R2Approx
    from ganworks.regularizer.base import Regularizer
    from ganworks.regularizer.gradient import (
        R1,
        R2,
        Dragan,
        GradientPenalty,
        GradientRegularizer,
        squared_gradient_norm,
    )
    from ganworks.regularizer.level import Centring, LeCam
    from ganworks.regularizer.orthogonal import Orthogonal
    from ganworks.regularizer.path_length import PathLength
    from ganworks.regularizer.reconstruction import Reconstruction
    from ganworks.regularizer.san import San
    from ganworks.regularizer.slope import LipschitzPenalty, MaxGradient, WassersteinDivergence
    from ganworks.regularizer.weight import CosineWeight
    from ganworks.regularizer.weight_clip import WeightClip
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "R1",
    "R2",
    "Alignment",
    "ApproximateRegularizer",
    "Centring",
    "CosineWeight",
    "DinoTokens",
    "Dragan",
    "GradientPenalty",
    "GradientRegularizer",
    "LeCam",
    "LipschitzPenalty",
    "MaxGradient",
    "Orthogonal",
    "PathLength",
    "R1Approx",
    "R2Approx",
    "Reconstruction",
    "Regularizer",
    "San",
    "WassersteinDivergence",
    "WeightClip",
    "squared_gradient_norm",
]
