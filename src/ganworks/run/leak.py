"""A discriminator on frozen features, measured in the same features or in those of the same data."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ganworks.metric import Suite
from ganworks.task import ManualTask

log = logging.getLogger(__name__)

# Data that the published networks were trained on. DINOv2's LVD-142M contains ImageNet.
TRAINED_ON = {"Inception": "ImageNet", "Lpips": "ImageNet", "DinoV2": "ImageNet"}
ADVICE = "figures in it flatter the generator: report one of another network beside them"


def warn_of_leak(task: ManualTask, suite: Suite) -> None:
    """Warn where a metric's network is the discriminator's own, or one that saw the same data.

    Kynkaanniemi et al. 2023 (https://arxiv.org/abs/2203.06026): features of a classifier of the metric's kind lower
    the metric more than they improve the images.
    """
    for line in leaks(task, suite):
        log.warning("%s", line)


def leaks(task: ManualTask, suite: Suite) -> Iterator[str]:
    """Yield a line for each extractor of the metric that a critic's features overlap with."""
    for critic in getattr(task, "critics", ()):
        maps = getattr(critic.network, "features", None)
        own = getattr(maps, "extractor", None)
        for name, extractor in suite.extractors.items() if own is not None else ():
            if is_same(own, extractor):
                yield f"metric.extractor.{name} is the network whose features the discriminator sees; {ADVICE}"
            elif data := shared_data(own, extractor):
                yield f"metric.extractor.{name} and the discriminator's features were trained on {data}; {ADVICE}"


def is_same(one: Any, other: Any) -> bool:
    """Say whether two extractors have the same network and weights."""
    return all(one.contract[name] == other.contract[name] for name in ("extractor", "weights_sha256"))


def shared_data(one: Any, other: Any) -> str:
    """Return the data that both extractors were trained on, "" where none is known."""
    data = [TRAINED_ON.get(type(each).__name__, type(each).__name__) for each in (one, other)]
    return data[0] if data[0] == data[1] else ""
