"""Kinds of samples, and the sampler of a trained generator."""

from ganworks.sample.kind import Array, Image, Kind, Points, Tokens, Video, kind_of

__all__ = ["Array", "Image", "Kind", "Points", "Tokens", "Video", "kind_of"]
