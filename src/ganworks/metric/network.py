"""The path at which earlier configurations name the extractors."""

from ganworks.metric.extractor import Clip, DinoV2, ImageExtractor, Inception, Lpips

__all__ = ["Clip", "DinoV2", "ImageExtractor", "Inception", "Lpips"]
