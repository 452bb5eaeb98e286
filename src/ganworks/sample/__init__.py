"""Kinds of samples, and the sampler of a trained generator."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.sample.columns import Columns, Series, Table
    from ganworks.sample.kind import Array, Image, Kind, Points, Tokens, Video, kind_of
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = ["Array", "Columns", "Image", "Kind", "Points", "Series", "Table", "Tokens", "Video", "kind_of"]
