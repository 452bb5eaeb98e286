"""Metrics: extractors of features, measures of sets of samples, and the suite that evaluates a generator."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.metric.contract import Contract, differences, terms_of, warn_of_differences
    from ganworks.metric.distance.frechet import frechet_distance, frechet_distance_of_features
    from ganworks.metric.distance.kid import kernel_distance, kernel_distance_of_subsets
    from ganworks.metric.distance.memorisation import memorised_floor, memorised_share
    from ganworks.metric.distance.path_length import FeatureDistance, PixelDistance
    from ganworks.metric.distance.prdc import Prdc, precision_recall_density_coverage
    from ganworks.metric.extractor import Clip, DinoV2, Inception, Lpips
    from ganworks.metric.extractor.base import Extractor, Features, Identity
    from ganworks.metric.extractor.digits import (
        DigitsExtractor,
        digits_half,
        digits_images,
        load_digits_classifier,
    )
    from ganworks.metric.extractor.fashion import FashionExtractor
    from ganworks.metric.extractor.moving_digits import (
        MovingDigitsExtractor,
        load_moving_digits_classifier,
    )
    from ganworks.metric.extractor.stacked_digits import StackedDigitsExtractor
    from ganworks.metric.extractor.tokens import TokenIds
    from ganworks.metric.feature_cache import FeatureCache
    from ganworks.metric.generate import evaluate, evaluate_seeds
    from ganworks.metric.measure.accuracy import ImageAccuracy
    from ganworks.metric.measure.back import BackDistance
    from ganworks.metric.measure.base import Measure
    from ganworks.metric.measure.classes import (
        ClassDivergence,
        DigitsAccuracy,
        InceptionScore,
        IntraFrechetDistance,
        ProbeAccuracy,
        Recognised,
    )
    from ganworks.metric.measure.copies import Authenticity, ClipDistance
    from ganworks.metric.measure.features import (
        ClassRatio,
        FrechetDistance,
        KernelDistance,
        Memorised,
        Modes,
        PrecisionRecall,
    )
    from ganworks.metric.measure.motion import MotionStatistics
    from ganworks.metric.measure.samples import (
        ImageSimilarity,
        PathLength,
        SlicedWasserstein,
        SpectrumDistance,
    )
    from ganworks.metric.measure.series import DiscriminativeScore, PredictiveScore, SeriesDistance
    from ganworks.metric.measure.stacked import StackedModes
    from ganworks.metric.measure.text import (
        Bleu,
        Likelihood,
        NgramDivergence,
        Novelty,
        OracleLikelihood,
        Spelling,
    )
    from ganworks.metric.measure.translation import ClassConsistency, Paired
    from ganworks.metric.reference import ReferenceData
    from ganworks.metric.result import Result, merged
    from ganworks.metric.sample_set import FeatureSet, SampleSet
    from ganworks.metric.suite import Suite
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "Authenticity",
    "BackDistance",
    "Bleu",
    "ClassConsistency",
    "ClassDivergence",
    "ClassRatio",
    "Clip",
    "ClipDistance",
    "Contract",
    "DigitsAccuracy",
    "DigitsExtractor",
    "DinoV2",
    "DiscriminativeScore",
    "Extractor",
    "FashionExtractor",
    "FeatureCache",
    "FeatureDistance",
    "FeatureSet",
    "Features",
    "FrechetDistance",
    "Identity",
    "ImageAccuracy",
    "ImageSimilarity",
    "Inception",
    "InceptionScore",
    "IntraFrechetDistance",
    "KernelDistance",
    "Likelihood",
    "Lpips",
    "Measure",
    "Memorised",
    "Modes",
    "MotionStatistics",
    "MovingDigitsExtractor",
    "NgramDivergence",
    "Novelty",
    "OracleLikelihood",
    "Paired",
    "PathLength",
    "PixelDistance",
    "Prdc",
    "PrecisionRecall",
    "PredictiveScore",
    "ProbeAccuracy",
    "Recognised",
    "ReferenceData",
    "Result",
    "SampleSet",
    "SeriesDistance",
    "SlicedWasserstein",
    "SpectrumDistance",
    "Spelling",
    "StackedDigitsExtractor",
    "StackedModes",
    "Suite",
    "TokenIds",
    "differences",
    "digits_half",
    "digits_images",
    "evaluate",
    "evaluate_seeds",
    "frechet_distance",
    "frechet_distance_of_features",
    "kernel_distance",
    "kernel_distance_of_subsets",
    "load_digits_classifier",
    "load_moving_digits_classifier",
    "memorised_floor",
    "memorised_share",
    "merged",
    "precision_recall_density_coverage",
    "terms_of",
    "warn_of_differences",
]
