"""The figures of an evaluation: which of them a data set and a generator can have, and the files they go to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganworks.errors import GanworksError, check_choice
from ganworks.picture.classes import classified_sheet, conditional_sheet
from ganworks.picture.directions import directions_sheet
from ganworks.picture.embedding import MAX_POINTS, METHODS, Plane, cloud_plot, embed
from ganworks.picture.interpolation import interpolation_sheet
from ganworks.picture.neighbours import neighbour_sheet
from ganworks.picture.population import Population
from ganworks.picture.samples import save_image
from ganworks.picture.spectrum import spectrum_plot
from ganworks.sample.sampler import Sampler

log = logging.getLogger(__name__)

MAX_SIDE = 32  # of the images whose pixels are embedded
Plan = dict[str, Callable[[], Image.Image] | str]


def write_figures(
    folder: Path,
    real: Population,
    fake: Population,
    sampler: Sampler | None = None,
    seed: int = 0,
    embedding: str = "pca",
    extractor: str = "the metric's features",
) -> list[Path]:
    """Write every figure that there can be to ``folder`` as PNG; say of the others why there is none.

    Args:
        folder: where the figures go; made where it is missing.
        real, fake: samples of both kinds, perhaps with features and classes; the order of the samples has to be
            a fair draw. All reals are searched for neighbours.
        sampler: the generator; without one the figures that need it are left out.
        seed: key of the samples that are picked and of the latents that are drawn.
        embedding: "pca" or "tsne".
        extractor: words for what the features are.

    Raises:
        SettingError: another embedding.
    """
    check_choice("embedding", embedding, METHODS)
    paths = []
    for name, draw in plan(real.finite(), fake.finite(), sampler, seed, embedding, extractor).items():
        try:
            if isinstance(draw, str):
                raise GanworksError(draw)
            paths.append(save_image(draw(), folder / f"{name}.png"))
        except GanworksError as reason:
            log.info("No figure %s: %s.", name, str(reason).rstrip("."))
    return paths


def plan(
    real: Population, fake: Population, sampler: Sampler | None, seed: int, embedding: str, extractor: str
) -> Plan:
    """Return what draws each figure, or why there is none, by the figure's name."""
    if min(len(real), len(fake)) < 2:
        return {"of any kind": "it takes two samples of each kind whose values are finite"}
    if not real.is_images and not real.kind.is_cloud:
        return {"of any kind": f"there are none for {real.kind.noun}"}
    if real.kind.is_cloud:
        return {"scatter": partial(scatter_plot, real, fake, seed, embedding)}
    return {
        **neighbour_plans(real, fake, seed, extractor),
        "classes": class_plan(real, fake, sampler, seed),
        "embedding": partial(embedding_plot, real, fake, seed, embedding, extractor),
        "spectrum": partial(spectrum_plot, real.samples, fake.samples, seed),
        "interpolation": latent_plan(interpolation_sheet, sampler, seed),
        "directions": latent_plan(directions_sheet, sampler, seed),
    }


def latent_plan(
    draw: Callable[[Sampler, int], Image.Image], sampler: Sampler | None, seed: int
) -> Callable[[], Image.Image] | str:
    """Return what draws a picture of the latents, or why there is none."""
    if sampler is None:
        return "it takes a generator, and these are two sets of images"
    if "latent" not in sampler.noise:
        return "the generator takes no latent"
    return partial(draw, sampler, seed)


def neighbour_plans(real: Population, fake: Population, seed: int, extractor: str) -> Plan:
    """Return what draws the nearest neighbours, in pixels and in features."""
    draw = partial(neighbour_sheet, fake.samples, real.samples, seed=seed)
    plans: Plan = {"neighbours_pixels": draw, "neighbours_features": "the metric has no features"}
    if real.features is not None and fake.features is not None:
        plans["neighbours_features"] = partial(draw, (fake.features, real.features), extractor)
    return plans


def class_plan(
    real: Population, fake: Population, sampler: Sampler | None, seed: int
) -> Callable[[], Image.Image] | str:
    """Return what draws the grid of classes."""
    if sampler is not None and sampler.label_kind == "class":
        return partial(conditional_sheet, sampler, seed)
    if fake.classes is not None:
        words = fake.classified_by
        return partial(classified_sheet, fake.samples, fake.classes, real.classes, classified_by=words)
    return "neither the generator nor the metric knows classes"


def embedding_plot(
    real: Population, fake: Population, seed: int, embedding: str, extractor: str
) -> Image.Image:
    """Return both kinds in the plane, as many of each, by their features or else by their pixels."""
    num = min(len(real), len(fake), MAX_POINTS)
    real, fake = real[real.pick(num, seed, "real")], fake[fake.pick(num, seed, "fake")]
    if real.features is not None and fake.features is not None:
        words, points = extractor, (real.features, fake.features)
    else:
        words, points = "pixels", (pixels(real.samples), pixels(fake.samples))
    plane = embed(*points, embedding, seed)
    note = "A region of gray alone is missing among the fakes; one of blue alone holds what no real image looks like."
    if embedding == "tsne":
        note += " Distances between clusters mean nothing."
    if real.classes is not None:
        note += " Numbers: the middle of a class of the real images."
    return cloud_plot(plane, f"Real and fake in {words}", note, real.classes)


def scatter_plot(real: Population, fake: Population, seed: int, embedding: str) -> Image.Image:
    """Return vectors in the plane, as they are if they have two coordinates.

    Raises:
        GanworksError: they have one coordinate alone.
    """
    num = min(len(real), len(fake), MAX_POINTS)
    reals, fakes = (part.samples[part.pick(num, seed, "scatter")].double().cpu() for part in (real, fake))
    dimension = reals.shape[1]
    if dimension < 2:
        raise GanworksError("its points have one coordinate alone")
    plane = Plane(reals, fakes) if dimension == 2 else embed(reals, fakes, embedding, seed)
    return cloud_plot(plane, "Real and fake samples")


def pixels(images: Tensor) -> Tensor:
    """Return images (N, C, H, W) as vectors; large ones are averaged over patches first."""
    side = min(MAX_SIDE, *images.shape[2:])
    return (images if max(images.shape[2:]) <= MAX_SIDE else adaptive_avg_pool2d(images, side)).flatten(1)
