"""Regularizers of the players: penalties on gradients, logits, samples and weights, and what changes a network."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.regularizer.alignment import Alignment, DinoTokens
    from ganworks.regularizer.approximate import ApproximateRegularizer, R1Approx, R2Approx
    from ganworks.regularizer.base import Regularizer
    from ganworks.regularizer.classes import (
        AuxiliaryClassifier,
        ClassHead,
        ClassRegularizer,
        UnconditionalClassifier,
    )
    from ganworks.regularizer.consistency import Consistency, LatentConsistency
    from ganworks.regularizer.contrastive import Contrastive, DataToDataCrossEntropy
    from ganworks.regularizer.feature_matching import FeatureMatching
    from ganworks.regularizer.gradient import (
        R1,
        R2,
        Dragan,
        GradientPenalty,
        GradientRegularizer,
        squared_gradient_norm,
    )
    from ganworks.regularizer.historical_average import HistoricalAverage
    from ganworks.regularizer.infogan import InfoGAN
    from ganworks.regularizer.level import Centring, LeCam
    from ganworks.regularizer.level_consistency import LevelConsistency
    from ganworks.regularizer.minibatch_std import MinibatchDeviation
    from ganworks.regularizer.mode_seeking import LatentDiversity, ModeSeeking
    from ganworks.regularizer.orthogonal import Orthogonal
    from ganworks.regularizer.packing import Packing
    from ganworks.regularizer.path_length import PathLength
    from ganworks.regularizer.reconstruction import Reconstruction
    from ganworks.regularizer.san import San
    from ganworks.regularizer.slope import LipschitzPenalty, MaxGradient, WassersteinDivergence
    from ganworks.regularizer.transport import NormalizedGradient, Transport
    from ganworks.regularizer.weight import CosineWeight
    from ganworks.regularizer.weight_clip import WeightClip
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "R1",
    "R2",
    "Alignment",
    "ApproximateRegularizer",
    "AuxiliaryClassifier",
    "Centring",
    "ClassHead",
    "ClassRegularizer",
    "Consistency",
    "Contrastive",
    "CosineWeight",
    "DataToDataCrossEntropy",
    "DinoTokens",
    "Dragan",
    "FeatureMatching",
    "GradientPenalty",
    "GradientRegularizer",
    "HistoricalAverage",
    "InfoGAN",
    "LatentConsistency",
    "LatentDiversity",
    "LeCam",
    "LevelConsistency",
    "LipschitzPenalty",
    "MaxGradient",
    "MinibatchDeviation",
    "ModeSeeking",
    "NormalizedGradient",
    "Orthogonal",
    "Packing",
    "PathLength",
    "R1Approx",
    "R2Approx",
    "Reconstruction",
    "Regularizer",
    "San",
    "Transport",
    "UnconditionalClassifier",
    "WassersteinDivergence",
    "WeightClip",
    "squared_gradient_norm",
]
