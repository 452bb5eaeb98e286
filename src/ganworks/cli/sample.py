"""`python sample.py run=RUN_DIR num=64 seed=0 out=FILE_OR_FOLDER`: draw from a trained generator."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import SettingError, check_count, setting_path

if TYPE_CHECKING:
    from torch import Tensor

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass
class Arguments:
    """Draw samples from a run, a checkpoint or a generator folder."""

    run: str | None = field(
        default=None, metadata={"help": "a run directory, a checkpoint or a generator folder"}
    )
    num: int = field(default=64, metadata={"help": "samples to draw; with interpolate=, pictures a strip"})
    seed: int = field(default=0, metadata={"help": "key of the latents and labels"})
    out: str = field(
        default="samples.png",
        metadata={"help": "a picture (one grid), .npy or .pt (the array), or a folder (single files)"},
    )
    label: str | None = field(
        default=None, metadata={"help": "class of all samples, or a list of classes: label=[0,1,2]"}
    )
    truncation: float | None = field(
        default=None, metadata={"help": "bound of the latents, such as 1.5: less variety, cleaner samples"}
    )
    interpolate: int = field(
        default=0, metadata={"help": "strips from one latent to another instead of single samples"}
    )
    columns: int | None = field(default=None, metadata={"help": "samples a row of the grid"})
    batch_size: int = field(default=256, metadata={"help": "samples made at a time"})
    device: str = field(default="cpu", metadata={"help": "cpu, cuda, mps"})


def main() -> None:
    """Run the command."""
    with user_errors():
        arguments, others = parse(Arguments, sys.argv[1:])
        if others:
            raise SettingError(
                others[0].partition("=")[0], others[0].partition("=")[2], "left out: sample.py has no groups"
            )
        if arguments.run is None:
            raise SettingError("run", "", "given: a run directory, a checkpoint or a generator folder")
        check_count("num", arguments.num)
        check_count("interpolate", arguments.interpolate, at_least=0)
        if arguments.columns is not None:
            check_count("columns", arguments.columns)
        check_out(Path(arguments.out))
        samples = draw(arguments)
        print(f"{len(samples)} samples in {write(samples, arguments)}")


def draw(arguments: Arguments) -> Tensor:
    """Return the samples that the arguments ask for, (N, *shape)."""
    from ganworks.sample.sampler import load_generator

    with setting_path(renamed={"path": "run"}):
        sampler = load_generator(str(arguments.run), arguments.device)
    label = classes(arguments.label, arguments.interpolate or arguments.num)
    if arguments.interpolate:
        return sampler.interpolate(
            arguments.interpolate,
            arguments.num,
            arguments.seed,
            label,
            arguments.truncation,
            arguments.batch_size,
        )
    return sampler.sample(arguments.num, arguments.seed, label, arguments.truncation, arguments.batch_size)


def classes(text: str | None, num: int) -> Tensor | None:
    """Return the classes (num,) that ``3``, ``0,1,2`` or ``[0,1,2]`` asks for, a list over and over."""
    import torch

    if text is None:
        return None
    try:
        label = torch.tensor([int(part) for part in text.strip("[]").split(",")])
    except ValueError:
        raise SettingError(
            "label", text, "a class or a list of classes, such as label=3 or label=0,1,2"
        ) from None
    return label.repeat(-(-num // len(label)))[:num]


def check_out(out: Path) -> None:
    """Raise `SettingError` unless ``out`` ends like a file that can be written, or names a folder."""
    if out.suffix not in ("", ".npy", ".pt", *PICTURES):
        raise SettingError("out", out, f"a folder or a file that ends in {', '.join(PICTURES)}, .npy or .pt")


def write(samples: Tensor, arguments: Arguments) -> Path:
    """Write the samples to ``out`` in the form that its name asks for."""
    import numpy as np
    import torch

    from ganworks.picture import image_grid, save_picture

    out = Path(arguments.out)
    if out.suffix in PICTURES:
        return save_picture(
            samples, out, arguments.columns or (arguments.num if arguments.interpolate else None)
        )
    (out.parent if out.suffix else out).mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npy":
        np.save(out, samples.cpu().numpy())
    elif out.suffix == ".pt":
        torch.save(samples.cpu(), out)
    elif samples.ndim != 4:
        raise SettingError("out", out, "a .npy, .pt or picture file: these samples are points, not images")
    else:
        for index, image in enumerate(samples):
            image_grid(image[None], zoom=1, gap=0).save(out / f"{index:06d}.png")
    return out
