"""A trained generator from what a run has written, or from a file of official weights."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from hydra.utils import get_class
from safetensors import SafetensorError

from ganworks.digest import check_checkpoint_digest, load_tensors
from ganworks.errors import GanworksError, SettingError
from ganworks.model.base import produce
from ganworks.official.read import read as read_official
from ganworks.sample.build import build_generator, check_weights, reason
from ganworks.sample.hub import local_place
from ganworks.sample.sampler import PLAIN, Producer, Sampler
from ganworks.trust import check_targets, check_texts, trusted_packages

log = logging.getLogger(__name__)
OFFICIAL = (".pkl", ".pth", ".pt")  # endings of files of official weights
LAST, PREVIOUS, BEST = "last.ckpt", "last.previous.ckpt", "best.ckpt"


def load_generator(
    path: str | Path, device: torch.device | str = "cpu", trust: str | Iterable[str] | None = None
) -> Sampler:
    """Load the averaged generator of a run, a checkpoint, a generator folder or a file of official weights.

    Args:
        path: a run directory, a ``.ckpt`` file or a folder with ``model.safetensors`` and ``config.json``, perhaps on
            the Hugging Face Hub, ``hf://user/name@revision``; or a ``.pkl``, ``.pth`` or ``.pt`` file of the authors
            of a network, of which no code is run.
        device: where to put it.
        trust: packages other than ganworks and torch that the generator may be of: what is loaded may come from a
            stranger, and the classes that it names are run. Those of the environment variable GANWORKS_TRUST count too.

    Raises:
        GanworksError: nothing to load there, or what is there is broken; says which file and why.
    """
    path, trusted = local_place(path), trusted_packages(trust)
    if not path.exists():
        raise SettingError(
            "path",
            path,
            "an existing run directory, checkpoint, generator folder or file of official weights",
            siblings(path),
        )
    if path.suffix.lower() in OFFICIAL and path.is_file():
        sampler = read_official(path).sampler()
    elif path.is_file():
        sampler = _from_checkpoint(path, trusted)
    elif (path / "model.safetensors").is_file():
        sampler = _from_folder(path, trusted)
    elif (path / "generator" / "model.safetensors").is_file():
        sampler = _from_folder(path / "generator", trusted)
    elif (checkpoint := last_checkpoint(path)) is not None:
        sampler = _from_checkpoint(checkpoint, trusted)
    else:
        raise SettingError(
            "path", path, "a folder with generator/, checkpoints/last.ckpt or model.safetensors in it"
        )
    try:
        sampler.generator.to(device)
    except (RuntimeError, AssertionError) as error:  # torch raises either for a device that is not there
        raise SettingError(
            "device", device, f"a device of this machine, such as cpu ({reason(error)})"
        ) from error
    return sampler


def check_named(config: Mapping[str, Any], file: Path, trusted: frozenset[str]) -> None:
    """Raise `UntrustedError` unless all that a generator's configuration names may be there; see `ganworks.trust`."""
    places = {name: config[name] for name in ("generator", "kind") if config.get(name)}
    if config.get("task") is not None and config.get("produce") != PLAIN:
        places["task"] = {"_target_": config["task"]}
    check_texts(places, str(file))
    check_targets(places, file, trusted)


def producer(config: Mapping[str, Any]) -> Producer:
    """Return what makes samples of the player: the `produce` of the task that trained it.

    Where that is the plain one, as a generator's folder says, neither the task nor Lightning is imported.

    Raises:
        GanworksError: what is named as the task has no such function.
    """
    path = config.get("task")
    if path is None or config.get("produce") == PLAIN:  # no task: written before there were several
        return produce
    made = getattr(get_class(path), "produce", None)
    if made is None:
        raise GanworksError(f"{path} is no task: it has no function `produce`.")
    return made


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Return a checkpoint's content, tensors on ``device``; raise `GanworksError` where the file is damaged."""
    try:
        if not path.is_file():
            raise FileNotFoundError("no such file")
        check_checkpoint_digest(path)
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # a damaged pickle raises about anything
        raise GanworksError(
            f"{path} is no complete checkpoint: damaged, cut off or no checkpoint at all ({reason(error)})."
            + others_beside(path)
        ) from error


def last_checkpoint(run_dir: Path) -> Path | None:
    """Return `last.ckpt` of a run or, with a warning, its predecessor where that is missing or damaged.

    None where the run has neither; `last.ckpt` where both are damaged, for whoever reads it says so.
    """
    last, previous = (run_dir / "checkpoints" / name for name in (LAST, PREVIOUS))
    if (damage := damage_of(last)) is None:
        return last
    if not previous.is_file() or damage_of(previous) is not None:
        return last if last.exists() else None
    log.warning("%s %s: taken is the one before, %s.", last, damage, previous.name)
    return previous


def damage_of(checkpoint: Path) -> str | None:
    """Return in words what is wrong with one of our checkpoints, or None."""
    try:
        if not checkpoint.is_file():
            return "is missing"
        if not is_zipfile(checkpoint):
            return "is cut off"
        check_checkpoint_digest(checkpoint)
    except (OSError, ValueError) as error:
        return f"is damaged ({reason(error)})"
    return None


def others_beside(path: Path) -> str:
    """Return the sentence that names the other checkpoints in the folder of ``path``; empty where there is none."""
    others = sorted(str(other) for other in path.parent.glob("*.ckpt") if other != path)
    return f" Others in the same folder: {', '.join(others)}." if others else ""


def _from_folder(folder: Path, trusted: frozenset[str]) -> Sampler:
    try:
        config = json.loads(read_text(folder / "config.json"))
        weights = load_tensors(folder / "model.safetensors")
        check_named(config, folder / "config.json", trusted)
        generator = build_generator(config["generator"])
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        others = others_beside(folder.parent / "checkpoints" / "-")
        raise GanworksError(
            f"{folder} holds no complete generator: {str(error).rstrip('.') or type(error).__name__}.{others}"
        ) from error
    check_weights(generator.state_dict(), weights, str(folder))
    generator.load_state_dict(weights)
    settings = {name: value for name, value in config.items() if name not in ("format", "produce")}
    return Sampler(generator, with_own_decoder(settings, folder), producer(config))


def with_own_decoder(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a configuration whose decoder of latents, where it lies in the generator's folder, is named as there."""
    kind = config.get("kind") or {}
    if not kind.get("vae") or not (folder / kind["vae"] / "config.json").is_file():
        return config
    return {**config, "kind": {**kind, "vae": str(folder / kind["vae"])}}


def _from_checkpoint(path: Path, trusted: frozenset[str]) -> Sampler:
    checkpoint = read_checkpoint(path)
    if "export" not in checkpoint:
        raise GanworksError(f"{path} was not written by ganworks: it does not say which generator it holds.")
    check_named(checkpoint["export"], path, trusted)
    generator = build_generator(checkpoint["export"]["generator"])
    prefix = "ema_generator."  # what an averaged player is called in the state of its task
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(prefix)
    }
    check_weights(generator.state_dict(), weights, str(path))
    generator.load_state_dict(weights)
    config = {**checkpoint["export"], "images_seen": checkpoint["time"]["images_seen"]}
    return Sampler(generator, config, producer(config))


def read_text(path: Path) -> str:
    """Return the text of a file; of a pipe, which would wait for a writer, raise `OSError`."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is missing")
    return path.read_text(encoding="utf-8")


def siblings(path: Path) -> list[str]:
    """Return what lies beside a path that is not there, for the nearest name."""
    return [str(sibling) for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
