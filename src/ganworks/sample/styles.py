"""Where a sample comes from: latents z, or styles w of a generator that has them, drawn, mixed, and kept in files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from ganworks.digest import load_tensors, save_tensors
from ganworks.errors import GanworksError, SettingError, check_choice, check_count, check_range
from ganworks.model.codes import Coded
from ganworks.model.style import StyleGenerator
from ganworks.sample.label import Label
from ganworks.sample.sampler import Sampler
from ganworks.sample.seed import Seed

SPACES = ("z", "w", "w+")


def style_generator(sampler: Sampler, setting: str = "space", value: object = "w") -> StyleGenerator:
    """Return the generator of ``sampler``, which has styles.

    Raises:
        SettingError: it has none; names the setting that asked for them.
    """
    if not isinstance(sampler.generator, StyleGenerator):
        name = type(sampler.generator).__name__
        allowed = f"left out: {name} has no styles w, as model=stylegan2 and stylegan3 have"
        raise SettingError(setting, value, allowed)
    if isinstance(sampler.generator, Coded):
        raise SettingError(setting, value, "left out: the latents of this generator end in codes (code=)")
    return sampler.generator


@dataclass(frozen=True)
class Styles:
    """Styles of some samples, and the noise beside them.

    Args:
        ws: (num, num_ws, w_dim).
        noise: of the synthesis by name, a row each.
    """

    ws: Tensor
    noise: dict[str, Tensor]

    def rows(self, index: Tensor) -> Styles:
        """Return those of the rows ``index`` (M,)."""
        return Styles(self.ws[index], {name: rows[index] for name, rows in self.noise.items()})

    def at(self, ws: Tensor) -> Styles:
        """Return other styles (num, num_ws, w_dim) with the same noise."""
        return Styles(ws, self.noise)


@torch.inference_mode()
def draw_styles(
    sampler: Sampler,
    num: int,
    seed: Seed = 0,
    label: Label = None,
    psi: float | None = None,
    cutoff: int | None = None,
) -> Styles:
    """Return the styles that ``seed`` stands for: those of the samples of `Sampler.sample` where nothing is truncated.

    Args:
        psi: truncation toward the mean of w, Karras et al. 2019 (StyleGAN), appendix B: 1 leaves all as it is, 0 gives
            the mean; None does not truncate.
        cutoff: layers from the first on that are truncated; None for all.

    Raises:
        SettingError: the generator has no styles, or a number that is out of range.
    """
    generator = style_generator(sampler)
    inputs = sampler.inputs(num, seed, label)
    labels = inputs.get("label")
    ws = generator.to_w(inputs["latent"], labels)
    if psi is not None:
        if cutoff is not None:
            check_range("cutoff", cutoff, 0, generator.num_ws)
        ws = generator.truncated(ws, check_range("truncation", psi, -2, 2), cutoff, labels)
    noise = {name: rows for name, rows in inputs.items() if name not in ("latent", "label")}
    return Styles(ws, noise)


@torch.inference_mode()
def make_from_styles(sampler: Sampler, styles: Styles, batch_size: int = 64) -> Iterator[Tensor]:
    """Yield the samples (B, *shape) of styles, ``batch_size`` at a time."""
    generator = style_generator(sampler)
    for rows in torch.arange(len(styles.ws)).split(check_count("batch_size", batch_size)):
        part = styles.rows(rows.to(styles.ws.device))
        yield generator.from_w(part.ws, **part.noise)


def between(styles: Styles, num_steps: int) -> Styles:
    """Return straight lines from styles 0 to 1, 2 to 3, ..., of ``num_steps`` each; the noise is that of the first.

    In W a straight line stays among the styles of samples; latents need a great circle.
    """
    first, last = styles.rows(torch.arange(0, len(styles.ws), 2)), styles.ws[1::2]
    shares = torch.linspace(0, 1, check_count("num_steps", num_steps)).to(last)
    ws = first.ws[:, None].lerp(last[:, None], shares[None, :, None, None]).flatten(0, 1)
    noise = {name: rows.repeat_interleave(num_steps, 0) for name, rows in first.noise.items()}
    return Styles(ws, noise)


def mixed(styles: Styles, crossover: int) -> Styles:
    """Return all pairs of N styles, (N * N): layers below ``crossover`` of the first, the others of the second.

    Style mixing, Karras et al. 2019 (StyleGAN), section 3.1: pose and shape come from the coarse layers, colours from
    the fine ones. The noise is that of the first.

    Raises:
        SettingError: ``crossover`` leaves no layer to one of them.
    """
    num, num_ws, _ = styles.ws.shape
    check_range("crossover", crossover, 1, num_ws - 1)
    coarse, fine = torch.meshgrid(torch.arange(num), torch.arange(num), indexing="ij")
    chosen = styles.rows(coarse.flatten())
    ws = torch.cat([chosen.ws[:, :crossover], styles.ws[fine.flatten(), crossover:]], 1)
    return chosen.at(ws)


# Latents in files


def save_latent(tensors: dict[str, Tensor], file: Path) -> None:
    """Write latents: ``z`` (num, latent_dim) or ``w`` (num, num_ws, w_dim), and the inputs beside them by name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, file)


def load_latent(sampler: Sampler, file: Path) -> Iterator[Tensor]:
    """Return the samples of the latents that `save_latent` wrote, in one batch.

    Raises:
        SettingError: there is no such file.
        GanworksError: it holds no latents, or those of another generator.
    """
    if not file.is_file():
        raise SettingError("latent", file, "a file that project= wrote (latent.safetensors)")
    try:
        tensors = load_tensors(file)
    except (OSError, ValueError, SafetensorError) as error:
        raise GanworksError(f"{file} holds no latents: {error}") from error
    like = next(sampler.generator.parameters())
    moved = {name: t.to(like) if t.is_floating_point() else t.to(like.device) for name, t in tensors.items()}
    if "w" in moved:
        generator = style_generator(sampler, "latent", file)
        ws = moved.pop("w")
        if ws.shape[1:] != (generator.num_ws, generator.w_dim):
            raise GanworksError(f"{file} holds styles {tuple(ws.shape[1:])} of another generator")
        return make_from_styles(sampler, Styles(ws, moved))
    if "z" not in moved:
        raise GanworksError(f"{file} holds no latents: it has neither w nor z")
    if moved["z"].shape[1:] != sampler.noise["latent"].shape:
        raise GanworksError(f"{file} holds latents {tuple(moved['z'].shape[1:])} of another generator")
    return sampler.batches({"latent": moved.pop("z"), **moved})


def check_space(space: str) -> str:
    """Return ``space``, one of those that are there."""
    return check_choice("space", space, SPACES)
