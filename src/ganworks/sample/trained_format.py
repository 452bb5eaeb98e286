"""Files as the training of a generator read its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganworks.data.sample_format import SampleFormat
from ganworks.data.value_range import Range

SETTINGS = ("fit", "background", "dtype", "pages")  # of the data, which say how a file becomes a sample


def trained_format(
    config: Mapping[str, Any],
    resolution: Sequence[int] | None,
    channels: int,
    value_range: Range | str | None = None,
) -> SampleFormat:
    """Return how the data of a generator's configuration read files; those that say nothing read as they always did."""
    data = config.get("data") or {}
    told = {name: data[name] for name in SETTINGS if data.get(name) is not None}
    return SampleFormat(resolution, channels, value_range, **told)
