"""What the configuration of a stranger may name: classes of the kind that a place holds, of packages that are known.

A configuration names classes by their paths, and whoever builds it imports and calls what is named. That is what the
author of a command line wants, and nothing to grant to a file from elsewhere: a run directory, a generator folder, a
checkpoint. Each target in such a file is held against its place, by its text before anything is imported, and then by
what it is.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from ganworks.errors import GanworksError

ENVIRONMENT = "GANWORKS_TRUST"
KNOWN = ("ganworks", "torch", "pytorch_lightning", "lightning", "torchmetrics")
HOMES = (*KNOWN, "lightning_fabric")  # where classes that these hand on may be written
# Of torch, which also reads pickles and runs what it is given, the parts that hold networks and optimizers.
STARTS = (
    "ganworks.",
    "torch.nn.",
    "torch.optim.",
    "pytorch_lightning.",
    "lightning.pytorch.",
    "torchmetrics.",
)
NETWORK = ("torch.nn.Module", "ganworks.model.noise.Noise")
SCHEDULE = "ganworks.schedule.ValueSchedule"
LIGHTNING = "pytorch_lightning."
PLACES: dict[str, tuple[str, ...]] = {
    "generator": NETWORK,
    "kind": ("ganworks.sample.kind.Kind",),
    # An extractor's frozen features may be what a discriminator sees.
    "model": (*NETWORK, "ganworks.task.Critic", "ganworks.task.View", "ganworks.loss.AdversarialLoss",
              "ganworks.metric.Extractor", "ganworks.metric.extractor.Lpips", SCHEDULE),
    "data": ("ganworks.data.GanDataModule", "ganworks.sample.kind.Kind"),
    "loss": ("ganworks.loss.AdversarialLoss",),
    "regularizer": ("ganworks.regularizer.Regularizer", "ganworks.augment.Augment", SCHEDULE),
    "augment": ("ganworks.augment.Augment", SCHEDULE),
    "optimizer": ("torch.optim.Optimizer", "ganworks.optimizer.Schedule", SCHEDULE),
    "task": ("ganworks.task.ManualTask", "ganworks.task.ExponentialMovingAverage", "ganworks.task.Phase",
             "ganworks.task.Estimator", SCHEDULE),
    "metric": ("ganworks.metric.Suite", "ganworks.metric.Measure", "ganworks.metric.Extractor",
               "ganworks.metric.extractor.Lpips", "ganworks.metric.PixelDistance",
               "ganworks.metric.FeatureDistance"),
    "callback": (f"{LIGHTNING}Callback",),
    "logger": (f"{LIGHTNING}loggers.Logger",),
    "trainer": (f"{LIGHTNING}Trainer", f"{LIGHTNING}strategies.Strategy", f"{LIGHTNING}profilers.Profiler",
                f"{LIGHTNING}plugins.Precision", f"{LIGHTNING}plugins.CheckpointIO",
                f"{LIGHTNING}plugins.ClusterEnvironment", f"{LIGHTNING}plugins.LayerSync"),
}  # fmt: skip
FUNCTIONS = {"augment": ("ganworks.augment.identity",)}
# Their ``path`` names a function or a class; a configuration of an earlier release may have them.
GETTERS = ("hydra.utils.get_method", "hydra.utils.get_class", "hydra.utils.get_object")
COMPUTES = {"where", "share", "image_shape"}  # resolvers of ours that calculate, and read and import nothing
INTERPOLATION = re.compile(r"\$\{\s*([^:}$]*)([:}$]?)")
NAME = re.compile(r"[^\W\d_]\w*(\.[^\W\d_]\w*)+")  # no part of it begins with an underscore


class UntrustedError(GanworksError):
    """A configuration from elsewhere names what it may not."""


def trusted_packages(trust: str | Iterable[str] | None = None) -> frozenset[str]:
    """Return the packages that a user trusts: a list, or a text like ``mine,theirs``, and those of GANWORKS_TRUST."""
    named = [] if trust is None else trust.split(",") if isinstance(trust, str) else list(trust)
    named += os.environ.get(ENVIRONMENT, "").split(",")
    return frozenset(str(name).strip(" []'\"") for name in named) - {"", "null"}


def packages_of(config: DictConfig) -> list[str]:
    """Return the packages that a configuration of the user's own words names."""
    targets = targets_of(OmegaConf.to_container(config, resolve=True), "")
    names = [
        str(node.get("path") if node["_target_"] in GETTERS else node["_target_"]) for _, node in targets
    ]
    return sorted({name.partition(".")[0] for name in names} - {*KNOWN, "hydra"})


def vetted(config: DictConfig, file: Path, trusted: frozenset[str]) -> DictConfig:
    """Return the settings of a run with all references resolved, checked before anything that they name is imported.

    Raises:
        UntrustedError: a target or a reference that they may not have.
    """
    check_texts(OmegaConf.to_container(config), str(file), COMPUTES)
    settings = OmegaConf.to_container(config, resolve=True)
    assert isinstance(settings, dict)
    check_texts(settings, str(file))
    check_targets({str(name): node for name, node in settings.items()}, file, trusted)
    return OmegaConf.create(settings)


def check_targets(places: Mapping[str, Any], file: Path, trusted: frozenset[str]) -> None:
    """Raise `UntrustedError` unless all that is named in each of ``places`` is of its kind; see `PLACES`."""
    found = [(place, path, node) for place, tree in places.items() for path, node in targets_of(tree, place)]
    for _, path, node in found:  # all of them, before the first is imported
        check_package(node["_target_"], path, file, trusted)
        if node["_target_"] in GETTERS:
            check_package(node.get("path"), path, file, trusted)
    for place, path, node in found:
        name = str(node["path"] if node["_target_"] in GETTERS else node["_target_"])
        check_object(name, place, path, file, trusted)


def check_package(name: object, path: str, file: Path, trusted: frozenset[str]) -> None:
    """Raise `UntrustedError` unless ``name`` is of a package that is known or trusted; imports nothing."""
    package = name.partition(".")[0] if isinstance(name, str) else ""
    if package in trusted or name in GETTERS:
        return
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UntrustedError(f"{file}: {path} names {name!r}, which is no path of a class.")
    if package not in KNOWN:
        raise UntrustedError(
            f"{file}: {path} names {name}, which is not from ganworks, torch or Lightning, and would run code from"
            f" {package}; if you trust that package, add trust={package}"
        )
    if not name.startswith(STARTS) or name.startswith("ganworks.cli.") or lies_beside(package, file):
        raise UntrustedError(f"{file}: {path} names {name}, which no configuration needs.")


def check_object(name: str, place: str, path: str, file: Path, trusted: frozenset[str]) -> None:
    """Raise `UntrustedError` unless what ``name`` stands for may be in ``place``; it is imported."""
    if name in FUNCTIONS.get(place, ()):
        return
    try:
        found = get_object(name)
    except Exception as error:
        raise UntrustedError(f"{file}: {path} names {name}, which cannot be imported ({error}).") from error
    home = str(getattr(found, "__module__", "")).partition(".")[0]
    if home in trusted and name.partition(".")[0] in trusted:
        return
    bases = PLACES.get(place, ())
    if (
        home not in HOMES
        or not isinstance(found, type)
        or not issubclass(found, tuple(map(get_object, bases)))
    ):
        allowed = ", ".join(base.rpartition(".")[2] for base in bases) or "nothing"
        where = f", which is written in {home}" if home not in (*HOMES, "") else ""
        raise UntrustedError(
            f"{file}: {path} names {name}{where}; there may be {allowed}, and classes below that."
            + (f" If you trust that package, add trust={home}" if where else "")
        )


def lies_beside(package: str, file: Path) -> bool:
    """Whether a known package that is not yet imported would come from the current directory or that of ``file``."""
    if package in sys.modules:
        return False
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return True
    folders = {Path.cwd(), file.resolve().parent, file.resolve().parent.parent}
    return bool(folders & {*Path(spec.origin).resolve().parents[:2]})


def check_texts(node: Any, file: str, resolvers: Iterable[str] = ()) -> None:
    """Raise `UntrustedError` for a reference ``${...}`` that does more than point at a setting or calculate.

    Without ``resolvers`` no reference may be there at all: one that is the result of another would be read again.
    """
    for text in texts_of(node):
        for match in INTERPOLATION.finditer(text):
            is_plain = match[2] == "}" or (match[2] == ":" and match[1].strip() in resolvers)
            if not resolvers or not is_plain:
                raise UntrustedError(
                    f"{file}: {text!r} may read more than settings: a run's file has no use for it."
                )


def texts_of(node: Any) -> Iterator[str]:
    """Yield every text in a tree of plain types, the keys of mappings too."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from texts_of(key)
            yield from texts_of(value)
    elif isinstance(node, Sequence):
        for value in node:
            yield from texts_of(value)


def targets_of(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (path, node) for every node of a tree that has a ``_target_``, at any depth."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield path, node
        for name, child in node.items():
            yield from targets_of(child, f"{path}.{name}" if path else str(name))
    elif isinstance(node, list | tuple):
        for index, child in enumerate(node):
            yield from targets_of(child, f"{path}[{index}]")
