"""`init_from=`: a new run whose networks start from trained weights, what fits of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from torch import Tensor, nn

from ganworks.digest import load_tensors
from ganworks.errors import GanworksError, SettingError
from ganworks.model.base import networks_of
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.official.read import read as read_official
from ganworks.sample.hub import local_place
from ganworks.sample.loading import (
    OFFICIAL,
    check_weights,
    last_checkpoint,
    read_checkpoint,
    reason,
    siblings,
)
from ganworks.task import ManualTask
from ganworks.words import relative_path

Weights = dict[str, Tensor]
FORMS = (
    "a run directory, a checkpoint (.ckpt), a generator folder, a .safetensors file or official weights (.pkl, .pth,"
    " .pt)"
)
FILES = (
    "checkpoints/last.ckpt",
    "generator/model.safetensors",
    "model.safetensors",
)  # of a folder, the first
NUM_NAMED = 3  # tensors that a line of the plan names


@dataclass(frozen=True)
class Source:
    """Trained weights in a file.

    Args:
        path: of the file.
        state: its tensors under the names that they have in it.
        images_seen: by the run that they come from, where the file says it.
    """

    path: Path
    state: Weights
    images_seen: int | None = None

    def __str__(self) -> str:
        return f"{relative_path(self.path)}{'' if self.images_seen is None else f', {self.images_seen:,} images seen'}"

    def parts(self, names: Iterable[str]) -> dict[str, Weights]:
        """Return the weights of each of the players and averages ``names`` that the file has, without its prefix.

        Where no tensor has such a prefix, all of them are one network's: a generator's.
        """
        parts = {
            name: {key[len(name) + 1 :]: t for key, t in self.state.items() if key.startswith(f"{name}.")}
            for name in names
        }
        return {name: part for name, part in parts.items() if part} or {"generator": self.state}


@dataclass(frozen=True)
class Fit:
    """What a player takes of a source: tensors of its name (`portable_names`) and its shape.

    Args:
        taken: by the player's own name.
        skipped: tensors of the source for which the player has no place, by their names there.
        new: tensors of the player that keep their initial weights.
        reshaped: new tensors whose namesake in the source has another shape, with that namesake.
    """

    taken: Weights = field(default_factory=dict)
    skipped: Weights = field(default_factory=dict)
    new: Weights = field(default_factory=dict)
    reshaped: Weights = field(default_factory=dict)

    @property
    def is_something(self) -> bool:
        """Whether it is worth anything: a bias that happens to fit is nothing without the weights of its layer."""
        return any(tensor.dim() > 1 for tensor in self.taken.values()) or bool(self.taken and not self.new)


def source_of(config: DictConfig) -> Source | None:
    """Return the weights that ``init_from`` names, or None; makes its path absolute for config.yaml.

    Raises:
        GanworksError: there is nothing at the path that holds weights, or it is damaged.
    """
    if config.get("init_from") in (None, ""):
        return None
    path = local_place(str(config.init_from)).expanduser()
    file = locate(path)
    OmegaConf.update(config, "init_from", str(path.resolve()))
    return read(file.resolve())


def locate(path: Path, setting: str = "init_from") -> Path:
    """Return the file with the weights of ``path``: of a run its last checkpoint, or else its generator.

    Args:
        setting: that names the path, for an error.
    """
    if not path.exists():
        raise SettingError(setting, path, f"there: {FORMS}", siblings(path))
    if path.is_file():
        return path
    if (checkpoint := last_checkpoint(path)) is not None:
        return checkpoint
    files = [path / name for name in FILES if (path / name).is_file()]
    if not files:
        raise SettingError(setting, path, f"{FORMS}; in this folder there is none of {', '.join(FILES)}")
    return files[0]


def read(file: Path, setting: str = "init_from") -> Source:
    """Return the weights of a checkpoint, a .safetensors file or a file of official weights; no code in it is run.

    Args:
        setting: that names the file, for an error.

    Raises:
        GanworksError: the file is damaged, or of another kind.
    """
    if file.suffix == ".safetensors":
        try:
            return Source(file, load_tensors(file))
        except (OSError, ValueError, SafetensorError) as error:
            raise GanworksError(
                f"{file} is no complete .safetensors file: damaged, cut off or of another kind ({reason(error)})."
            ) from error
    if file.suffix.lower() in OFFICIAL:
        official = read_official(file)
        return Source(file, official.state(), official.images_seen)
    if file.suffix != ".ckpt":
        raise SettingError(setting, file, FORMS)
    content = read_checkpoint(file)
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise GanworksError(f"{file} was not written by ganworks: it has no state_dict of tensors.")
    clock = content.get("time")  # of a checkpoint from elsewhere it may be anything
    return Source(file, state, clock.get("images_seen") if isinstance(clock, dict) else None)


def start_from(source: Source, task: ManualTask) -> dict[str, str]:
    """Give the players and averages of ``task`` what fits of ``source``; return a line of the plan for each.

    A player takes its namesake, or else the namesake's average; an average the other way round. So a generator
    that comes alone, which is an average, gives the weights of both.

    Raises:
        GanworksError: nothing fits; names the first differences.
    """
    roles = {role: role for role in task.roles}
    networks = dict(task.players)
    for name, module in task.named_children():
        for role, average in task.averages.items():
            if module is average:
                roles[name], networks[name] = role, module
    parts, lines, fits = source.parts(roles), {}, {}
    for name, role in roles.items():
        origin = next((each for each in (name, *roles) if roles[each] == role and each in parts), None)
        fits[name] = fit_of(networks[name], parts[origin]) if origin else Fit(new=networks[name].state_dict())
        lines[name] = line(networks[name], fits[name], origin if origin != name else None)
    if not any(each.is_something for each in fits.values()):
        own = {f"{name}.{key}": t for name in networks for key, t in networks[name].state_dict().items()}
        theirs = {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.items()}
        check_weights(own, theirs, str(source.path))
    for name, network in networks.items():
        take(network, fits[name].taken)
    return {"init_from": str(source), **{f"  {name}": text for name, text in lines.items()}}


def fit_of(player: nn.Module, weights: Weights) -> Fit:
    """Return what ``player`` can take of the ``weights`` of another one."""
    own = player.state_dict()
    here = {portable: name for name, portable in portable_names(player, own).items()}
    there = {portable: name for name, portable in portable_names(player, weights).items()}
    both = {name: there[portable] for portable, name in here.items() if portable in there}
    same = {name: other for name, other in both.items() if own[name].shape == weights[other].shape}
    used = set(same.values())
    return Fit(
        taken={name: weights[other] for name, other in same.items()},
        skipped={other: tensor for other, tensor in weights.items() if other not in used},
        new={name: tensor for name, tensor in own.items() if name not in same},
        reshaped={name: weights[other] for name, other in both.items() if name not in same},
    )


def portable_names(player: nn.Module, names: Iterable[str]) -> dict[str, str]:
    """Return by name of a tensor the name that holds across resolutions, for the networks that know such names.

    Args:
        names: of the tensors of ``player`` or of one like it, perhaps of another resolution.
    """
    portable = {name: name for name in names}
    for part, network in networks_of(player).items():
        names_by_resolution = getattr(network, "names_by_resolution", None)
        if names_by_resolution is None:
            continue
        prefix = f"{part}." if part else ""
        own = [name[len(prefix) :] for name in portable if name.startswith(prefix)]
        portable |= {prefix + name: prefix + other for name, other in names_by_resolution(own).items()}
    return portable


@torch.no_grad()
def take(player: nn.Module, taken: Weights) -> None:
    """Copy ``taken`` into the player's tensors, which keep their type, their place and their memory format."""
    own = player.state_dict()
    for name, tensor in taken.items():
        own[name].copy_(tensor)


def line(player: nn.Module, fit: Fit, origin: str | None) -> str:
    """Return what the plan says of a player.

    Args:
        origin: the name in the source of what it took, where that is another than its own.
    """
    start = f"from {origin}: " if origin else ""
    if not fit.taken and not fit.skipped:
        return f"new, {counted(fit.new, player)}: the source has none"
    if not fit.new and not fit.skipped:
        return f"{start}takes all {counted(fit.taken, player)}"
    texts = [f"takes {counted(fit.taken, player)}"]
    texts += [f"new {counted(fit.new, player)}: {first(fit.new)}"] * bool(fit.new)
    texts += [f"skipped {counted(fit.skipped)}: {first(fit.skipped)}"] * bool(fit.skipped)
    return start + "; ".join([*texts, *about_classes(player, fit)])


def about_classes(player: nn.Module, fit: Fit) -> list[str]:
    """Return the note that embeddings of another number of classes start new, where some do.

    The rows of an embedding stand for classes, and those of another data set are other ones: none is taken.
    """
    layers = [f"{name}." for name, layer in player.named_modules() if isinstance(layer, ConditionEmbedding)]
    for name, tensor in fit.reshaped.items():
        if name.startswith(tuple(layers)) and tensor.shape[1:] == fit.new[name].shape[1:]:
            return [f"its classes are others ({len(tensor)} in the source, {len(fit.new[name])} here)"]
    return []


def counted(tensors: Weights, player: nn.Module | None = None) -> str:
    """Return the number of tensors and of the parameters in them, buffers of ``player`` left out."""
    return (
        f"{len(tensors)} tensor{'s' * (len(tensors) != 1)} ({num_parameters(tensors, player):,} parameters)"
    )


def num_parameters(tensors: Weights, player: nn.Module | None = None) -> int:
    """Return the number of parameters in ``tensors``, buffers of ``player`` left out."""
    buffers = {} if player is None else dict(player.named_buffers())
    return sum(tensor.numel() for name, tensor in tensors.items() if name not in buffers)


def first(tensors: Weights) -> str:
    """Return the first names with their shapes."""
    named = [f"{name} {tuple(tensor.shape)}" for name, tensor in list(tensors.items())[:NUM_NAMED]]
    return ", ".join([*named, *(["..."] if len(tensors) > NUM_NAMED else [])])
