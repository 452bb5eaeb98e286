"""Latents of an autoencoder: moments of files, of which a latent is drawn anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.data.base import GanDataModule, check_shape
from ganworks.data.loader import BatchLoader
from ganworks.data.order import KeyedOrder
from ganworks.errors import GanworksError, SettingError, check_range
from ganworks.noise import keyed_rng
from ganworks.sample.latent import SCALE, Latent, check_vae

SUFFIXES = (".npy", ".npz", ".safetensors")
LABELS = "labels.npy"


class Latents(GanDataModule):
    """Latents (C, h, w) of a variational autoencoder, from the mean and deviation that it gave for each image.

    Rombach et al. 2022, section 3.1 and appendix G (https://arxiv.org/abs/2112.10752): the networks see
    ``scale`` (mean + std e), e ~ N(0, I) drawn anew in every epoch, keyed by seed, epoch and sample. Metrics and
    pictures of reals see ``scale`` mean.

    Args:
        root: a folder of .npy, .npz or .safetensors files, each of one image or of many. An array has the moments
            (2 C, h, w) or (N, 2 C, h, w), mean before deviation; or there are two, ``mean`` and ``std``. Classes are
            those of ``labels.npy``, of an array ``label`` in the files, or the folders that the files lie in.
        scale: of the latents, .18215 for that of Stable Diffusion.
        vae: folder of the autoencoder that draws latents as pictures; None shows three channels of them.
        horizontal_flip, vertical_flip: mirror half of them, drawn anew every epoch.
        shape: what the networks are built for, or None.
        num_classes: None takes the classes of the files, 0 leaves them out.
        batch_size, seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: no such folder, no files in it, another shape or number of classes, or no autoencoder in ``vae``.
        GanworksError: a file that holds no moments, or those of another shape; names it. ``vae`` without diffusers.
    """

    name = "latents"

    def __init__(
        self,
        root: str | Path | None,
        batch_size: int = 64,
        scale: float = SCALE,
        vae: str | None = None,
        horizontal_flip: bool = False,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        min_batches: int = 1,
        vertical_flip: bool = False,
    ) -> None:
        if root is None or not Path(root).is_dir():
            raise SettingError("root", root, "a folder of moments; python -m ganworks.data.encode makes one")
        self.scale = check_range("scale", scale, 1e-9)
        if vae is not None:  # now, not at the first picture
            check_vae(vae)
        self.moments = MomentSamples(Path(root), self.scale)
        own = self.moments.shape
        check_shape(shape, own, "the files")
        labels = self.moments.labels
        found = 0 if labels is None else int(labels.max()) + 1
        if num_classes not in (None, 0, found):
            raise SettingError(
                "num_classes", num_classes, f"{found} (the classes of the files), or 0 to leave them out"
            )
        kind = Latent(scale=self.scale, vae=vae)
        super().__init__(
            own, found if num_classes is None else 0 if not num_classes else found, batch_size, seed,
            horizontal_flip, min_batches, kind, vertical_flip,
        )  # fmt: skip

    def load(self) -> MomentSamples:
        return self.moments

    def make_loader(self, order: KeyedOrder, passes: int) -> BatchLoader:
        return MomentLoader(self.moments, order, **self.loader_settings(passes))

    @property
    def settled(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "num_classes": self.num_classes}


class MomentSamples:
    """Moments in files, of which .npy files are mapped and the others read.

    Args:
        root: the folder.
        scale: of the latents.

    Attributes:
        labels: int64 (N,), or None.
        shape: (C, h, w) of a latent.
    """

    def __init__(self, root: Path, scale: float) -> None:
        self.scale = scale
        files = sorted(p for p in root.rglob("*") if p.suffix in SUFFIXES and p.name != LABELS)
        if not files:
            raise SettingError("root", root, f"a folder with moments in {', '.join(SUFFIXES)} files")
        self.parts: list[Tensor] = []
        labels: list[Tensor | None] = []
        for file in files:
            moments, label = read_moments(file)
            if self.parts and moments.shape[1:] != self.parts[0].shape[1:]:
                expected = tuple(self.parts[0].shape[1:])
                raise GanworksError(
                    f"{file}: moments of {tuple(moments.shape[1:])} beside others of {expected}."
                )
            self.parts.append(moments)
            labels.append(label)
        channels, *sides = self.parts[0].shape[1:]
        self.shape: tuple[int, ...] = (channels // 2, *sides)
        self.starts = torch.tensor([0, *[len(part) for part in self.parts]]).cumsum(0)
        self.labels = self._labels(root, files, labels)

    def _labels(self, root: Path, files: list[Path], labels: list[Tensor | None]) -> Tensor | None:
        import numpy as np

        if (root / LABELS).exists():
            found = torch.from_numpy(np.load(root / LABELS)).long()
            if found.shape != (len(self),):
                raise GanworksError(
                    f"{root / LABELS}: {tuple(found.shape)} labels for {len(self):,} latents."
                )
            return found
        if all(label is not None for label in labels):
            return torch.cat([label for label in labels if label is not None])
        folders = [file.relative_to(root).parts[0] for file in files if file.parent != root]
        if len(folders) < len(files):
            return None
        numbers = {name: number for number, name in enumerate(sorted(set(folders)))}
        classes = [numbers[name] for name in folders]
        return torch.tensor(classes).repeat_interleave(self.starts.diff())

    def __len__(self) -> int:
        return int(self.starts[-1])

    def rows(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the samples at ``indices``, float32 (B, C, h, w) each."""
        parts = torch.searchsorted(self.starts, indices.contiguous(), right=True) - 1
        found = [self.parts[part][row] for part, row in zip(parts, indices - self.starts[parts], strict=True)]
        mean, std = torch.stack(found).float().chunk(2, 1)
        return mean, std

    def read(self, indices: Tensor) -> Tensor:
        """Return the scaled means of the samples at ``indices``, (B, C, h, w)."""
        return self.scale * self.rows(indices)[0]

    def draw(self, indices: Tensor, seed: int, epoch: int) -> Tensor:
        """Return scaled latents of the samples at ``indices``, drawn for each sample in each epoch."""
        mean, std = self.rows(indices)
        noise = [
            torch.randn(self.shape, generator=keyed_rng(seed, "latents", epoch, index))
            for index in indices.tolist()
        ]
        return self.scale * (mean + std * torch.stack(noise))


class MomentLoader(BatchLoader):
    """Batches of latents that are drawn anew each time; see `BatchLoader`."""

    samples: MomentSamples

    def read(self, indices: Tensor) -> Tensor:
        # The base class asks before it moves on, so that this is the pass that the batch belongs to.
        return self.samples.draw(indices, self.order.seed, self.epoch)


def read_moments(path: Path) -> tuple[Tensor, Tensor | None]:
    """Return moments (N, 2 C, h, w) of a file, and labels (N,) where it has some.

    Raises:
        GanworksError: the file holds no moments.
    """
    arrays = arrays_of(path)
    if {"mean", "std"} <= arrays.keys():
        moments = torch.cat([arrays["mean"], arrays["std"]], -3)
    else:
        names = [name for name in arrays if name != "label"]
        moments = arrays[names[0]] if len(names) == 1 else torch.empty(0)
    if moments.dim() == 3:
        moments = moments[None]
    if moments.dim() != 4 or moments.shape[1] % 2 or not moments.is_floating_point():
        raise GanworksError(
            f"{path}: {', '.join(f'{name} {tuple(a.shape)}' for name, a in arrays.items())}: must be moments"
            " (2 C, h, w) or (N, 2 C, h, w) of floating numbers, or mean and std."
        )
    label = arrays.get("label")
    return moments, None if label is None else label.reshape(-1).long()


def arrays_of(path: Path) -> dict[str, Tensor]:
    """Return the arrays of a file by name, that of a .npy file mapped under "moments"."""
    import numpy as np

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: torch.from_numpy(file[name]) for name in file.files}
        # Copy on write: torch takes no read-only memory, and nothing is written.
        return {"moments": torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))}
    except Exception as error:  # whatever a damaged file raises
        raise GanworksError(f"{path} cannot be read as arrays: {error}") from error
