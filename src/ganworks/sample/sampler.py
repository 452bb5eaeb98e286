"""A trained generator outside of training: load it, sample from it, hand it on."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganworks.errors import GanworksError, SettingError, check_count
from ganworks.model import Generator
from ganworks.noise import keyed_rng

FORMAT = 1


class Sampler:
    """An averaged generator in evaluation mode, with what is needed to draw from it.

    Attributes:
        generator: the network.
        config: its configuration and where it comes from, plain types.
    """

    def __init__(self, generator: Generator, config: dict[str, Any]) -> None:
        self.generator, self.config = generator.eval().requires_grad_(False), config

    def sample(
        self,
        num: int,
        seed: int = 0,
        label: int | Tensor | None = None,
        truncation: float | None = None,
        batch_size: int = 256,
    ) -> Tensor:
        """Return ``num`` samples (num, *shape) in [-1, 1], a function of the arguments alone.

        Args:
            num: how many.
            seed: key of the latents and, without ``label``, of the labels of a conditional generator.
            label: one class for all samples or a class for each, (num,); only for conditional generators.
            truncation: latents are drawn from [-truncation, truncation]; None does not truncate.
            batch_size: samples made at a time.

        Raises:
            SettingError: a label that the generator does not have, or too many or few; a count below 1.
        """
        latent = self.draw_latent(num, seed, truncation)
        labels = self.labels(num, seed, label)
        return torch.cat(list(self.batches(latent, labels, batch_size)))

    def batches(self, latent: Tensor, labels: Tensor | None, batch_size: int = 256) -> Iterator[Tensor]:
        """Yield samples for latents (N, latent_dim) and labels (N,), ``batch_size`` at a time."""
        for start in range(0, len(latent), check_count("batch_size", batch_size)):
            part = slice(start, start + batch_size)
            with torch.inference_mode():  # not around the yield, or the caller would be in it as well
                samples = self.generator(latent[part], None if labels is None else labels[part])
            yield samples

    def interpolate(
        self,
        num_strips: int,
        num_steps: int,
        seed: int = 0,
        label: int | Tensor | None = None,
        truncation: float | None = None,
        batch_size: int = 256,
    ) -> Tensor:
        """Return strips (num_strips * num_steps, *shape), each on the great circle between two latents.

        Args:
            label: one class for all strips or a class for each, (num_strips,).
            seed, truncation, batch_size: as for `sample`.
        """
        ends = self.draw_latent(2 * num_strips, seed, truncation)
        shares = torch.linspace(0, 1, check_count("num_steps", num_steps), device=ends.device)
        latent = slerp(ends[0::2, None], ends[1::2, None], shares[None, :, None]).flatten(0, 1)
        labels = self.labels(num_strips, seed, label)
        labels = None if labels is None else labels.repeat_interleave(num_steps)
        return torch.cat(list(self.batches(latent, labels, batch_size)))

    def draw_latent(self, num: int, seed: int = 0, truncation: float | None = None) -> Tensor:
        """Return the latents (num, latent_dim) that ``seed`` stands for."""
        rng = keyed_rng(seed, "sample/latent")
        latent = self.generator.draw_latent(check_count("num", num), rng, truncation=truncation)
        return latent.to(next(self.generator.parameters()))

    def labels(self, num: int, seed: int = 0, label: int | Tensor | None = None) -> Tensor | None:
        """Return labels (num,): those asked for, else uniform draws; None for an unconditional generator."""
        num_classes = self.generator.num_classes
        if label is None:
            if not num_classes:
                return None
            return torch.randint(num_classes, (num,), generator=keyed_rng(seed, "sample/label")).to(
                self.device
            )
        labels = torch.as_tensor(label)
        if not num_classes:
            raise SettingError(
                "label",
                labels.flatten()[0].item(),
                "left out: this generator is unconditional (model.conditional=false)",
            )
        if labels.shape not in ((), (num,)):
            raise SettingError("label", tuple(labels.shape), f"one class, or one for each of {num} samples")
        for wrong in labels[(labels < 0) | (labels >= num_classes) | (labels != labels.long())][:1].tolist():
            raise SettingError("label", wrong, f"a class from 0 to {num_classes - 1}")
        return labels.expand(num).long().to(self.device)

    @property
    def device(self) -> torch.device:
        """Where the generator's weights are."""
        return next(self.generator.parameters()).device

    def save(self, folder: str | Path) -> None:
        """Write ``model.safetensors`` and ``config.json``: the generator for use elsewhere."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: tensor.detach().cpu().contiguous() for name, tensor in self.generator.state_dict().items()
        }
        save_file(weights, folder / "model.safetensors.tmp")
        (folder / "config.json.tmp").write_text(
            json.dumps({"format": FORMAT, **self.config}, indent=2) + "\n"
        )
        for name in ("model.safetensors", "config.json"):
            (folder / f"{name}.tmp").replace(folder / name)


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Interpolate latents along the great circle between them; a straight line would leave the Gaussian's shell.

    Args:
        start, end: latents (..., latent_dim).
        share: (..., 1) in [0, 1].
    """
    cosine = (start * end).sum(-1, keepdim=True) / (
        start.norm(dim=-1, keepdim=True) * end.norm(dim=-1, keepdim=True)
    )
    angle = torch.acos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / torch.sin(angle)


def load_generator(path: str | Path, device: torch.device | str = "cpu") -> Sampler:
    """Load the averaged generator of a run, a checkpoint or a generator folder.

    Args:
        path: a run directory, a ``.ckpt`` file or a folder with ``model.safetensors`` and ``config.json``.
        device: where to put it.

    Raises:
        GanworksError: nothing to load there, or what is there is broken; says which file and why.
    """
    path = Path(path)
    if not path.exists():
        raise SettingError(
            "path", path, "an existing run directory, checkpoint or generator folder", _siblings(path)
        )
    if path.is_file():
        sampler = _from_checkpoint(path)
    elif (path / "model.safetensors").exists():
        sampler = _from_folder(path)
    elif (path / "generator" / "model.safetensors").exists():
        sampler = _from_folder(path / "generator")
    elif (path / "checkpoints" / "last.ckpt").exists():
        sampler = _from_checkpoint(path / "checkpoints" / "last.ckpt")
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


def build_generator(config: dict[str, Any]) -> Generator:
    """Instantiate the generator of a configuration; its ``_target_`` has to be a network class.

    A folder from elsewhere may name any callable: only subclasses of `torch.nn.Module` are called.
    """
    target = get_class(config["_target_"])
    if not issubclass(target, nn.Module):
        raise GanworksError(
            f"{config['_target_']} is no network: a generator's _target_ must be an nn.Module class."
        )
    try:
        return instantiate(config, _recursive_=False)
    except InstantiationException as error:
        raise GanworksError(f"{config['_target_']} can't be built: {error.__cause__ or error}") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return a checkpoint's content, tensors on the CPU; raise `GanworksError` where the file is damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, KeyError) as error:
        others = sorted(str(other) for other in path.parent.glob("*.ckpt") if other != path)
        hint = f" Others in the same folder: {', '.join(others)}." if others else ""
        raise GanworksError(
            f"{path} is no complete checkpoint: damaged, cut off or no checkpoint at all ({reason(error)}).{hint}"
        ) from error


def reason(error: BaseException) -> str:
    """Return the first sentence of an error, or its kind where it says nothing that helps."""
    text = re.split(r"(?<=[.!])\s|\n", str(error))[0].rstrip(".")[:150]
    return text if " " in text else type(error).__name__


def _from_folder(folder: Path) -> Sampler:
    try:
        config = json.loads((folder / "config.json").read_text())
        weights = load_file(folder / "model.safetensors")
        generator = build_generator(config["generator"])
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise GanworksError(
            f"{folder} holds no complete generator: {error or type(error).__name__}"
        ) from error
    check_weights(generator.state_dict(), weights, str(folder))
    generator.load_state_dict(weights)
    return Sampler(generator, {name: value for name, value in config.items() if name != "format"})


def _from_checkpoint(path: Path) -> Sampler:
    checkpoint = read_checkpoint(path)
    if "export" not in checkpoint:
        raise GanworksError(f"{path} was not written by ganworks: it does not say which generator it holds.")
    generator = build_generator(checkpoint["export"]["generator"])
    prefix = "ema_generator."
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(prefix)
    }
    check_weights(generator.state_dict(), weights, str(path))
    generator.load_state_dict(weights)
    return Sampler(generator, {**checkpoint["export"], "images_seen": checkpoint["time"]["images_seen"]})


def check_weights(expected: dict[str, Tensor], found: dict[str, Tensor], source: str) -> None:
    """Raise `GanworksError` naming the first tensors of ``found`` that differ in name or shape from ``expected``."""
    differences = [
        f"{name}: {_shape(found, name)} in the file, {_shape(expected, name)} in this configuration"
        for name in dict.fromkeys([*expected, *found])
        if _shape(found, name) != _shape(expected, name)
    ]
    if differences:
        more = f"\n  ... and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise GanworksError(f"{source} is from another model:\n  " + "\n  ".join(differences[:3]) + more)


def _shape(tensors: dict[str, Tensor], name: str) -> str:
    return str(tuple(tensors[name].shape)) if name in tensors else "absent"


def _siblings(path: Path) -> list[str]:
    return [str(sibling) for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
