"""What a page has to know of a generator: which controls it can have, and what they are called."""

from __future__ import annotations

import logging
from typing import Any

from ganworks.errors import GanworksError
from ganworks.model.base import networks_of
from ganworks.model.codes import Coded
from ganworks.model.style import StyleGenerator
from ganworks.picture.move import moves_of
from ganworks.sample.direction import BACK
from ganworks.sample.kind import Kind
from ganworks.sample.sampler import Sampler
from ganworks.words import short

log = logging.getLogger(__name__)
NUM_DIRECTIONS = 8
MAX_CLASSES = 20  # of which a grid shows each in turn
SOURCE = "source"


def facts_of(sampler: Sampler) -> dict[str, Any]:
    """Return the facts in plain types."""
    directions, reason = directions_of(sampler)
    return {
        "about": about(sampler),
        "noun": sampler.kind.noun,
        "tabs": tabs_of(sampler),
        "is_cloud": sampler.kind.is_cloud,
        "forms": forms_of(sampler.kind),
        "films": [".gif"] if sampler.kind.is_image else [],
        "labels": labels_of(sampler),
        "num_ws": sampler.generator.num_ws if has_styles(sampler) else 0,
        "truncation": truncation_of(sampler),
        "directions": directions,
        "no_directions": reason,
        "codes": codes_of(sampler),
        "has_temperature": any(noise.law == "gumbel" for noise in sampler.noise.values()),
        "has_noise": bool(sampler.noise),
        "has_way_back": BACK in networks_of(sampler.generator),
    }


def about(sampler: Sampler) -> list[str]:
    """Return what kind of network it is, in a few words each."""
    size = " x ".join(map(str, sampler.shape))
    parameters = sum(parameter.numel() for parameter in sampler.generator.parameters())
    name = type(sampler.generator).__name__
    words = [] if name == "ModuleDict" else [name]
    words += [f"{sampler.kind.noun} of {size}"] if size else [sampler.kind.noun]
    images = sampler.config.get("images_seen")
    return [
        *words,
        f"{short(parameters)} weights",
        *([f"{short(images)} {sampler.kind.noun} seen"] if images else []),
    ]


def tabs_of(sampler: Sampler) -> list[str]:
    """Return the views that a generator can have."""
    translates = SOURCE in sampler.conditions
    can_draw = not set(sampler.conditions) - {"label"} or sampler.data is not None
    tabs = ["translate"] if translates else []
    tabs += [] if sampler.kind.is_cloud or not can_draw else ["sample"]
    tabs += ["grid"] if can_draw else []
    if "latent" in sampler.noise and not translates:
        tabs += ["between"]
    return [*tabs, *(["mix"] if has_styles(sampler) else [])]


def has_styles(sampler: Sampler) -> bool:
    """Say whether the generator has styles that can be mixed and truncated; see `style_generator`."""
    generator = sampler.generator
    return isinstance(generator, StyleGenerator) and not isinstance(generator, Coded) and generator.num_ws > 1


def truncation_of(sampler: Sampler) -> str | None:
    """Return what truncation is: "psi" toward the mean of w, "bound" of the latents, or None."""
    if has_styles(sampler):
        return "psi"
    return "bound" if any(noise.law == "normal" for noise in sampler.noise.values()) else None


def directions_of(sampler: Sampler) -> tuple[list[float], str]:
    """Return the shares of the strongest directions, or none and the reason."""
    try:
        return moves_of(sampler).directions.shares[:NUM_DIRECTIONS].tolist(), ""
    except GanworksError as error:
        return [], str(error)
    except Exception as error:  # a network that its author has not told to take its inputs by name
        log.info("No directions: %s", error)
        return [], "this network does not say which layer reads its latent"


def labels_of(sampler: Sampler) -> dict[str, Any] | None:
    """Return what labels a generator takes, with the names of its classes; None where it takes none."""
    if not sampler.num_classes:
        return None
    numbers = [str(number) for number in range(sampler.num_classes)]
    names = [str(name) for name in sampler.config.get("classes") or numbers]
    return {
        "kind": sampler.label_kind,
        "num": sampler.num_classes,
        "names": names if sampler.label_kind != "vector" else [],
        "in_turn": sampler.label_kind == "class" and len(names) <= MAX_CLASSES and "," not in "".join(names),
        "is_drawn": sampler.label_kind == "class" or sampler.data is not None,
    }


def codes_of(sampler: Sampler) -> dict[str, Any] | None:
    """Return the sizes of the categories and the number of continuous codes; None where there are none."""
    if not isinstance(sampler.generator, Coded):
        return None
    codes = sampler.generator.codes
    return {"categories": list(codes.categories), "continuous": codes.continuous}


def forms_of(kind: Kind) -> list[str]:
    """Return the endings of files that samples are saved in, that of a picture first."""
    pictures = [
        suffix for suffix in kind.picture_suffixes if suffix not in (".jpg", ".jpeg", ".webp", ".mp4")
    ]
    return [*pictures, ".npy"]
