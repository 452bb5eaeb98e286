"""From samples to features: networks with published weights, the classifier of digits, the samples themselves."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.metric.extractor.base import Extractor, Features, Identity
    from ganworks.metric.extractor.clip import Clip
    from ganworks.metric.extractor.digits import DigitsExtractor
    from ganworks.metric.extractor.dinov2 import DinoV2
    from ganworks.metric.extractor.fashion import FashionExtractor
    from ganworks.metric.extractor.i3d import I3D
    from ganworks.metric.extractor.inception import Inception
    from ganworks.metric.extractor.lpips import Lpips
    from ganworks.metric.extractor.moving_digits import MovingDigitsExtractor
    from ganworks.metric.extractor.network import ImageExtractor
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = [
    "I3D",
    "Clip",
    "DigitsExtractor",
    "DinoV2",
    "Extractor",
    "FashionExtractor",
    "Features",
    "Identity",
    "ImageExtractor",
    "Inception",
    "Lpips",
    "MovingDigitsExtractor",
]
