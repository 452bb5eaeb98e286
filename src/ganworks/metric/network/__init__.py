"""Networks with published weights, as extractors of images."""

from ganworks.metric.network.base import ImageExtractor
from ganworks.metric.network.clip import Clip
from ganworks.metric.network.dinov2 import DinoV2
from ganworks.metric.network.inception import Inception
from ganworks.metric.network.lpips import Lpips

__all__ = ["Clip", "DinoV2", "ImageExtractor", "Inception", "Lpips"]
