"""Latents of an autoencoder as a kind of samples: drawn as the images that they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.errors import GanworksError, SettingError
from ganworks.sample.kind import Kind

SCALE = 0.18215  # of Stable Diffusion's autoencoder, Rombach et al. 2022, appendix D.1: unit deviation


class Latent(Kind):
    """Latents (C, h, w), drawn as the images that an autoencoder makes of them.

    Args:
        scale: what latents were multiplied with.
        vae: folder of an autoencoder in the layout of diffusers (`pip install 'ganworks[latents]'`); None draws three
            channels.
    """

    name, noun, rank, suffix = "latent", "latents", 3, ".png"

    def __init__(self, scale: float = SCALE, vae: str | None = None) -> None:
        self.scale, self.vae = scale, vae

    def mirror(self, samples: Tensor, chosen: Tensor, axis: int = -1) -> Tensor:
        return torch.where(chosen.view(-1, 1, 1, 1), samples.flip(axis), samples)

    def images(self, samples: Tensor) -> Tensor:
        """Return the images (B, 3, H, W) in [-1, 1] of latents (B, C, h, w)."""
        if self.vae is not None:
            return decode(load_vae(self.vae), samples / self.scale)
        shown = samples[:, :3] if samples.shape[1] >= 3 else samples[:, :1]
        return (shown / 3).clamp(-1, 1)  # three standard deviations to either side

    def save_picture(
        self, samples: Tensor, path: Path, columns: int | None = None, reals: Tensor | None = None
    ) -> list[Path]:
        from ganworks.picture.samples import image_grid, save_image

        return [save_image(image_grid(self.images(samples), columns), path)]

    def save(self, sample: Tensor, path: Path) -> Path:
        from ganworks.picture.samples import image_grid

        path = self.file_of(path)
        image_grid(self.images(sample[None]), zoom=1, gap=0).save(path)
        return path


_loaded: dict[str, Any] = {}


def load_vae(folder: str) -> Any:
    """Return the autoencoder of a folder, read once, without anything that is downloaded.

    Raises:
        SettingError: no such folder.
        GanworksError: diffusers is not installed, or the folder holds no autoencoder that it reads.
    """
    check_vae(folder)
    if folder not in _loaded:
        from diffusers import AutoencoderKL

        try:
            vae = AutoencoderKL.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except Exception as error:  # whatever a file that is missing or damaged raises
            raise GanworksError(f"vae={folder} cannot be read as an AutoencoderKL: {error}") from error
        _loaded[folder] = vae.eval().requires_grad_(False)
    return _loaded[folder]


def check_vae(folder: str) -> None:
    """Raise what `load_vae` raises for a folder that is none, or where diffusers is missing; reads no weights."""
    if not folder or not (Path(folder) / "config.json").is_file():
        raise SettingError("vae", folder, "a folder with config.json and .safetensors of an AutoencoderKL")
    if find_spec("diffusers") is None:
        raise GanworksError("latents are encoded and decoded by diffusers: pip install 'ganworks[latents]'")


@torch.no_grad()
def decode(vae: Any, latents: Tensor, batch_size: int = 8) -> Tensor:
    """Return images (B, 3, H, W) in [-1, 1] of unscaled latents (B, C, h, w), a few at a time, on their device."""
    vae = vae.to(latents.device)
    parts: Sequence[Tensor] = [vae.decode(part.float()).sample for part in latents.split(batch_size)]
    return torch.cat(list(parts)).clamp(-1, 1)


@torch.no_grad()
def encode(vae: Any, images: Tensor) -> Tensor:
    """Return the moments (B, 2 C, h, w) of images (B, 3, H, W) in [-1, 1]: mean, then standard deviation."""
    found = vae.to(images.device).encode(images).latent_dist
    return torch.cat([found.mean, found.std], 1)
