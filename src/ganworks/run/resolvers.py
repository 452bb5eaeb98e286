"""The words that conf/ computes with: ${where:...}, ${share:...}, ${critic_norm:...}, ${choice:...} and others."""

from __future__ import annotations

import atexit
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf

from ganworks.run.directory import claim


def where(condition: bool, yes: Any, no: Any) -> Any:
    """Return ``yes`` where ``condition`` holds, else ``no``."""
    return yes if condition else no


def share(count: float, part: float) -> int:
    """Return the share ``part`` of ``count``, at least 1."""
    return max(1, int(count * part))


def r1_gamma(resolution: int | Sequence[int], batch_size: int, times: float = 1.0) -> float:
    """Return the weight of R1 that suits images of this side, .0002 R^2 / batch size, or a multiple of it.

    R^2 is the number of pixels; of a rectangle, its height times its width.

    The setting "auto" of Karras et al. 2020 (StyleGAN2-ADA, https://arxiv.org/abs/2006.06676), where the batch is that
    of all devices.

    >>> r1_gamma(256, 64)
    0.2048
    """
    _, height, width = image_shape(1, resolution)
    return times * 0.0002 * (height * width) / batch_size


def per_width(rate: float, base: int, width: int) -> float:
    """Return a learning rate that is ``rate`` at the width ``base`` and falls as the width grows.

    >>> per_width(2e-4, 768, 384)
    0.0004
    """
    return rate * base / width


def image_shape(channels: int, resolution: int | Sequence[int]) -> list[int]:
    """Return the shape of an image: ``resolution`` is a side, or height and width.

    >>> image_shape(3, 64), image_shape(3, [32, 64])
    ([3, 64, 64], [3, 32, 64])
    """
    is_pair = isinstance(resolution, Sequence | ListConfig) and not isinstance(resolution, str)
    return [channels, *resolution] if is_pair else [channels, resolution, resolution]  # type: ignore[misc,list-item]


def size_name(resolution: int | Sequence[int]) -> str:
    """Return a resolution as part of a name.

    >>> size_name(64), size_name([48, 64])
    ('64', '48x64')
    """
    _, height, width = image_shape(1, resolution)
    return str(height) if height == width else f"{height}x{width}"


def frame_of(shape: ListConfig) -> list[int]:
    """Return the shape (C, H, W) of a frame of clips (C, T, H, W); any other as it is, which the networks refuse."""
    return [shape[0], *list(shape)[2:]] if len(shape) == 4 else list(shape)


def critic_norm(regularizers: DictConfig | None) -> str:
    """Return the discriminator's norm for these penalties: batch, or none where one needs gradients by sample."""
    from hydra.utils import get_class

    targets = [node["_target_"] for node in (regularizers or {}).values() if node and "_target_" in node]
    try:
        return (
            "none" if any(getattr(get_class(target), "per_sample", False) for target in targets) else "batch"
        )
    except Exception:  # a wrong target, which is told where it stands
        return "batch"


def critic_shape(
    shape: ListConfig | None, regularizers: DictConfig | None, augment: DictConfig | None
) -> list[int] | None:
    """Return the shape of what a discriminator judges of samples of ``shape``, wider in its first number.

    ``regularizer=packing`` puts ``num`` samples into one, and an augmentation that ``tells`` what it did adds a channel
    to each.
    """
    if shape is None:
        return None
    packs = [
        node["num"]
        for node in (regularizers or {}).values()
        if node and str(node.get("_target_")).endswith(".Packing")
    ]
    nodes = [augment, *(augment or {}).values()]
    is_told = any(isinstance(node, DictConfig) and node.get("tells") is True for node in nodes)
    return [(shape[0] + is_told) * math.prod(packs), *shape[1:]]


def choice(group: str, *, _root_: DictConfig) -> str:
    """Return the option chosen for ``group``; the group's own name where it is swept, or outside of a command."""
    hydra = HydraConfig.get() if HydraConfig.initialized() else _root_.get("hydra")
    if hydra is None or any(
        override.startswith(f"{group}=") and "," in override for override in hydra.overrides.task
    ):
        return group
    return hydra.runtime.choices.get(group, group)


def sweep_name(name: str, overrides: list[str]) -> str:
    """Return the name of a sweep: the run's own, or "experiment" for one over experiments, each with its own name."""
    return "experiment" if any(o.startswith("experiment=") and "," in o for o in overrides) else name


def run_dir(runs: str, name: str, moment: str, below: str = "") -> str:
    """Return a new directory of this process's run, which is made here; see `ganworks.run.directory.claim`.

    On another rank that torchrun or srun started it is a folder that goes when the process ends: the first rank alone
    writes, and each would name the directory after the second in which it composed.
    """
    is_first = all(os.environ.get(variable, "0") == "0" for variable in ("RANK", "SLURM_PROCID"))
    return claim(runs, name, moment, below) if is_first else passing_folder()


@cache
def passing_folder() -> str:
    """Return a folder of this process."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def register() -> None:
    """Make the resolvers known to OmegaConf; may be called again."""
    for resolver in (
        where,
        share,
        r1_gamma,
        per_width,
        image_shape,
        size_name,
        frame_of,
        critic_norm,
        critic_shape,
        choice,
    ):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
    # Hydra hands what a sweep has in its cache to the sweep's jobs: all of them run in one folder.
    OmegaConf.register_new_resolver("sweep_name", sweep_name, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("run_dir", run_dir, replace=True, use_cache=True)
