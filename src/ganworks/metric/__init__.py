"""Metrics: extractors of features, measures of sets of samples, and the suite that evaluates a generator."""

from ganworks.metric.contract import Contract, differences, terms_of
from ganworks.metric.digits import DigitsExtractor, digits_half, digits_images, load_digits_classifier
from ganworks.metric.extractor import Extractor, Features, Identity
from ganworks.metric.frechet import frechet_distance, frechet_distance_of_features
from ganworks.metric.inception import Inception
from ganworks.metric.kid import kernel_distance, kernel_distance_of_subsets
from ganworks.metric.measure import Measure
from ganworks.metric.measures import (
    ClassRatio,
    FrechetDistance,
    KernelDistance,
    Memorised,
    Modes,
    PrecisionRecall,
)
from ganworks.metric.memorisation import memorised_floor, memorised_share
from ganworks.metric.prdc import Prdc, precision_recall_density_coverage
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import FeatureSet, SampleSet
from ganworks.metric.suite import Evaluation, Suite

__all__ = [
    "ClassRatio",
    "Contract",
    "DigitsExtractor",
    "Evaluation",
    "Extractor",
    "FeatureSet",
    "Features",
    "FrechetDistance",
    "Identity",
    "Inception",
    "KernelDistance",
    "Measure",
    "Memorised",
    "Modes",
    "Prdc",
    "PrecisionRecall",
    "ReferenceData",
    "SampleSet",
    "Suite",
    "differences",
    "digits_half",
    "digits_images",
    "frechet_distance",
    "frechet_distance_of_features",
    "kernel_distance",
    "kernel_distance_of_subsets",
    "load_digits_classifier",
    "memorised_floor",
    "memorised_share",
    "precision_recall_density_coverage",
    "terms_of",
]
