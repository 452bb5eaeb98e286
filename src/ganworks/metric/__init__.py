"""Metrics: feature extractors, distances between sets of features, and suites that measure a generator."""

from ganworks.metric.digits import digits_half, digits_images, load_digits_classifier
from ganworks.metric.digits_suite import DigitsSuite
from ganworks.metric.fid_suite import FidSuite
from ganworks.metric.frechet import frechet_distance, frechet_distance_of_features
from ganworks.metric.kid import kernel_distance, kernel_distance_of_subsets
from ganworks.metric.memorisation import memorised_floor, memorised_share
from ganworks.metric.mixture_suite import MixtureSuite
from ganworks.metric.prdc import Prdc, precision_recall_density_coverage
from ganworks.metric.suite import Evaluation, NoSuite, ReferenceData, Suite

__all__ = [
    "DigitsSuite",
    "Evaluation",
    "FidSuite",
    "MixtureSuite",
    "NoSuite",
    "Prdc",
    "ReferenceData",
    "Suite",
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
]
