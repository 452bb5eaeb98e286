"""Which family a state dict is of: told by names that only that family has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ganworks.errors import GanworksError

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
MAX_WRAPPERS = 4  # around each other
WRAPPERS = ("module.", "Model.", "model.", "G.", "D.", "generator.", "discriminator.")


@dataclass(frozen=True)
class Layout:
    """The names by which one kind of network is known.

    Args:
        family: the module of `ganworks.official` that takes it.
        source: whose files have it, in words.
        role: "generator" or "discriminator".
        marks: patterns, each of which must fit the whole of a name.
        dialect: the module of `ganworks.official` whose `official_state` gives it the family's names; None if it has
            them.
    """

    family: str
    source: str
    role: str
    marks: tuple[str, ...]
    dialect: str | None = None


NVIDIA, ROSINALITY = "stylegan2-ada-pytorch, stylegan3", "stylegan2-pytorch by rosinality"
BIGGAN, STUDIO = "BigGAN-PyTorch", "PyTorch-StudioGAN"
LAYOUTS = (
    Layout("stylegan2", NVIDIA, GENERATOR, (r"synthesis\.b4\.const", r"mapping\.fc0\.weight")),
    Layout("stylegan2", NVIDIA, DISCRIMINATOR, (r"b4\.conv\.weight", r"b4\.fc\.weight", r"b4\.out\.weight")),
    Layout("stylegan3", "stylegan3", GENERATOR, (r"synthesis\.input\.freqs", r"synthesis\.L0_.*\.weight")),
    Layout("r3gan", "R3GAN", GENERATOR, (r"MainLayers\.0\.Layers\.0\.Basis", r"AggregationLayer\..*weight")),
    Layout("r3gan", "R3GAN", DISCRIMINATOR, (r"ExtractionLayer\..*weight", r"MainLayers\..*\.Basis\.weight")),
    Layout(
        "fastgan", "projected GAN", GENERATOR, (r"synthesis\.init\.init\.0\..*", r"synthesis\.feat_8\..*")
    ),
    Layout(
        "biggan", BIGGAN, GENERATOR, (r"blocks\.0\.0\.conv1\.u0", r"output_layer\.0\.gain", r"linear\.u0")
    ),
    Layout("biggan", BIGGAN, DISCRIMINATOR, (r"blocks\.0\.0\.conv1\.u0", r"linear\.u0")),
    Layout(
        "stylegan2",
        ROSINALITY,
        GENERATOR,
        (r"input\.input", r"conv1\.conv\.modulation\.weight"),
        "rosinality",
    ),
    Layout(
        "stylegan2",
        ROSINALITY,
        DISCRIMINATOR,
        (r"convs\.0\.0\.weight", r"final_linear\.1\.weight"),
        "rosinality",
    ),
    Layout(
        "biggan",
        STUDIO,
        GENERATOR,
        (r"linear0\..*", r"blocks\.0\.0\.conv2d1\..*", r"conv2d5\..*"),
        "studiogan",
    ),
    Layout("biggan", STUDIO, DISCRIMINATOR, (r"linear1\..*", r"blocks\.0\.0\.conv2d1\..*"), "studiogan"),
)


def known() -> str:
    """Return in words whose weights can be read."""
    return ", ".join(dict.fromkeys(f"{layout.family} ({layout.source})" for layout in LAYOUTS))


def unwrapped(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state dict without the prefix that all of its names have, such as that of `DataParallel`."""
    state = dict(state)
    for _ in range(MAX_WRAPPERS):
        prefix = next((p for p in WRAPPERS if state and all(name.startswith(p) for name in state)), None)
        if prefix is None:
            break
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def recognise(names: Iterable[str], role: str | None = None) -> Layout:
    """Return the layout that a network's tensors are in.

    Args:
        names: of all its tensors.
        role: what the file says that it is; None if it does not.

    Raises:
        GanworksError: it is none that is known; names those, and what the nearest one lacks.
    """
    names = list(names)
    layouts = [layout for layout in LAYOUTS if role in (None, layout.role)]
    lacking = {layout: [mark for mark in layout.marks if not _fits(mark, names)] for layout in layouts}
    if found := next((layout for layout, missing in lacking.items() if not missing), None):
        return found
    nearest = min(lacking, key=lambda layout: len(lacking[layout]) / len(layout.marks))
    hint = ""
    if len(lacking[nearest]) < len(nearest.marks):
        absent = ", ".join(mark.replace("\\", "") for mark in lacking[nearest])
        hint = f" The nearest is a {nearest.role} of {nearest.family} ({nearest.source}), which would have {absent}."
    raise GanworksError(
        f"These are the weights of no {role or 'network'} that is known (the first of {len(names)} is"
        f" {names[0] if names else 'none'}). Known are {known()}.{hint}"
    )


def _fits(mark: str, names: list[str]) -> bool:
    return any(re.fullmatch(mark, name) for name in names)
