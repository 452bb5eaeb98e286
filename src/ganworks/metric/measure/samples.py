"""The measures that read the samples themselves, or draw their own from the generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from ganworks.errors import SettingError, check_choice, check_count, check_range, setting_path
from ganworks.metric.distance.path_length import (
    EPSILON,
    PathDistance,
    lerp,
    path_lengths,
    slerp,
    trimmed_mean,
)
from ganworks.metric.distance.spectrum import decibels, power_spectrum, spectrum_distance
from ganworks.metric.distance.structural_similarity import (
    SIGMA,
    WEIGHTS,
    check_scales,
    mean_similarity,
    random_pairs,
)
from ganworks.metric.distance.transport import NUM_DIRECTIONS, sliced_wasserstein
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet
from ganworks.sample.kind import kind_of
from ganworks.sample.sampler import Sampler
from ganworks.sample.styles import style_generator

INTERPOLATIONS = {"slerp": slerp, "lerp": lerp}


@dataclass(frozen=True)
class ImageSimilarity(Measure):
    """Mean MS-SSIM of random pairs of fakes, beside that of pairs of reals: `structural_similarity`.

    Args:
        num_pairs: pairs on each side.
        within_classes: take pairs of one class, as Odena et al. 2017 do; needs a conditional generator.
        num_scales, sigma: of the similarity; 5 and 1.5 need images of 176 pixels.
        num_rows: images of each side, the first ones, that pairs are drawn from; None: all.
        name: of the figure; that of the reals is noted as ``<name>_real`` and is its floor.
    """

    num_pairs: int = 1000
    within_classes: bool = False
    num_scales: int = len(WEIGHTS)
    sigma: float = SIGMA
    num_rows: int | None = None
    name: str = "ms_ssim"

    needs = frozenset({"samples"})

    def __post_init__(self) -> None:
        check_count("num_pairs", self.num_pairs)
        if self.within_classes:
            object.__setattr__(self, "needs", frozenset({"samples", "labels"}))

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images large enough for so many scales."""
        _check_images(self.name, data)
        with setting_path(f"measure.{self.name}"):
            check_scales(tuple(data.shape[-2:]), self.num_scales, self.sigma)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        values = {self.name: self._similarity(fake, rng), f"{self.name}_real": self._similarity(real, rng)}
        return values

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return the similarity among all reals."""
        return {self.name: self._similarity(real, rng)}

    def _similarity(self, side: SampleSet, rng: Generator) -> float:
        images = _images(side, self.num_rows)
        labels = side.labels if self.within_classes else None
        classes = torch.zeros(len(images), dtype=torch.long) if labels is None else labels[: len(images)]
        pairs = random_pairs(classes, self.num_pairs, rng)
        return mean_similarity(images, pairs, self.num_scales, self.sigma)


@dataclass(frozen=True)
class SpectrumDistance(Measure):
    """Distance in dB of the azimuthally averaged power spectra (after Durall et al. 2020): `spectrum`.

    Args:
        num_rows: images of each side, the first ones, that are read; None: all.
        name: of the figure; ``<name>_rings`` notes the difference ring by ring, fakes less reals.
    """

    num_rows: int | None = None
    name: str = "spectrum"

    needs = frozenset({"samples"})

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "min"}

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images."""
        _check_images(self.name, data)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = (power_spectrum(_images(side, self.num_rows)) for side in (real, fake))
        rings = (decibels(second) - decibels(first)).tolist()
        return {self.name: spectrum_distance(first, second), f"{self.name}_rings": rings}


@dataclass(frozen=True)
class SlicedWasserstein(Measure):
    """Sliced Wasserstein distance of vectors, in their own units; in one dimension W itself: `transport`.

    Args:
        order: 1 or 2.
        num_directions: projections that the mean is taken over.
        num_rows: samples of each side, the first ones, that are read; None: all.
        name: of the figure; None is ``sliced_w2``, with the order's number.
    """

    order: int = 2
    num_directions: int = NUM_DIRECTIONS
    num_rows: int | None = None
    name: str | None = None

    needs = frozenset({"samples"})

    def __post_init__(self) -> None:
        check_choice("order", str(self.order), ("1", "2"))
        check_count("num_directions", self.num_directions)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name or f"sliced_w{self.order}": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        first, second = (_images(side, self.num_rows).flatten(1) for side in (real, fake))
        (name,) = self.better
        return {name: sliced_wasserstein(first, second, self.order, self.num_directions)}


@dataclass(frozen=True)
class PathLength(Measure):
    """Mean squared speed of the images along paths through the latents (Karras et al. 2019): `path_length`.

    The figure is called ``path_length_<distance>``, in W ``path_length_w_<distance>``: with LPIPS it is the perceptual
    path length (PPL), with any other distance it is not. A generator of short paths may have collapsed, so it says
    nothing alone, and has no floor.

    Args:
        distance: `PixelDistance`, `FeatureDistance` or `ganworks.metric.extractor.Lpips`.
        num_paths: 100,000 in the paper.
        interpolation: ``slerp`` for Gaussian latents, ``lerp`` for others.
        ends: measure at the start of each path, as torch-fidelity does, instead of anywhere on it.
        epsilon: the step.
        batch_size: paths at a time.
        space: ``z`` or None walks between latents; ``w`` in straight lines between the styles w of a generator that has
            them, whatever ``interpolation`` is.
    """

    distance: PathDistance
    num_paths: int = 10_000
    interpolation: str = "slerp"
    ends: bool = False
    epsilon: float = EPSILON
    batch_size: int = 64
    space: str | None = None

    needs = frozenset({"sampler"})

    def __post_init__(self) -> None:
        check_choice("interpolation", self.interpolation, INTERPOLATIONS)
        check_count("num_paths", self.num_paths)
        check_count("batch_size", self.batch_size)
        check_range("epsilon", self.epsilon, 1e-6, 0.1)
        if self.space is not None:
            check_choice("space", self.space, ("z", "w"))

    @property
    def is_in_w(self) -> bool:
        """Whether the paths lead through W."""
        return self.space == "w"

    @property
    def better(self) -> Mapping[str, str]:
        return {f"path_length_{'w_' if self.is_in_w else ''}{self.distance.name}": "min"}

    @property
    def settings(self) -> dict[str, Any]:
        settings = {**super().settings, "distance": self.distance.name, **self.distance.contract}
        if self.is_in_w:
            settings["interpolation"] = "lerp"
        else:
            settings.pop("space", None)  # figures in z were without it before
        return settings

    def check(self) -> None:
        """Raise `GanworksError` unless the distance has its weights."""
        self.distance.check()

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images that the distance can compare."""
        _check_images("path_length", data)
        self.distance.check_shape(data.shape)

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        sampler = fake.sampler
        assert sampler is not None
        self.distance.load()
        seeds = torch.randint(2**62, (2,), generator=rng).tolist()
        start, end = (sampler.draw_latent(self.num_paths, seed, fake.truncation) for seed in seeds)
        inputs = sampler.inputs(self.num_paths, seeds[0], truncation=fake.truncation)
        share = torch.zeros(len(start)) if self.ends else torch.rand(len(start), generator=rng)

        def generate(latent: Tensor, rows: slice) -> Tensor:
            return sampler.make({**{name: value[rows] for name, value in inputs.items()}, "latent": latent})

        draw: Callable[[Tensor, slice], Tensor] = generate
        interpolate = INTERPOLATIONS[self.interpolation]
        if self.is_in_w:
            start, end, draw = _styles_of(sampler, start, end, inputs)
            interpolate = lerp
        lengths = path_lengths(
            draw,
            start,
            end,
            share,
            self.distance,
            interpolate,
            self.epsilon,
            self.batch_size,
        )
        (name,) = self.better
        return {name: trimmed_mean(lengths)}

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return nothing: real images have no latents."""
        return {}


def _styles_of(
    sampler: Sampler, start: Tensor, end: Tensor, inputs: Mapping[str, Tensor]
) -> tuple[Tensor, Tensor, Callable[[Tensor, slice], Tensor]]:
    """Return the styles (N, w_dim) of latents, one for all layers, and what makes images of such rows."""
    generator = style_generator(sampler, "metric.measure.path_length.space")
    labels = inputs.get("label")
    ends = [generator.to_w(latent, labels)[:, 0] for latent in (start, end)]
    noise = {name: value for name, value in inputs.items() if name not in ("latent", "label")}

    @torch.inference_mode()
    def generate(ws: Tensor, rows: slice) -> Tensor:
        styles = ws[:, None].expand(-1, generator.num_ws, -1)
        return generator.from_w(styles, **{name: value[rows] for name, value in noise.items()})

    return ends[0], ends[1], generate


def _images(side: SampleSet, num: int | None) -> Tensor:
    assert side.samples is not None
    return side.samples[:num]


def _check_images(name: str, data: ReferenceData) -> None:
    if not kind_of(data.shape).is_image:
        allowed = (
            f"left out (~metric.measure.{name}): it measures images, and {data.name} has {tuple(data.shape)}"
        )
        raise SettingError(f"measure.{name}", name, allowed)
