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

    from ganworks.sample.kind import Kind
    from ganworks.sample.sampler import Sampler

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
OTHERS = (".gif", ".txt")


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
        samples, kind = draw(arguments)
        print(f"{len(samples)} samples in {write(samples, kind, arguments)}")


def draw(arguments: Arguments) -> tuple[Tensor, Kind]:
    """Return the samples that the arguments ask for, (N, *shape), and their kind."""
    from ganworks.sample.sampler import load_generator

    with setting_path(renamed={"path": "run"}):
        sampler = load_generator(str(arguments.run), arguments.device)
    label = conditions(arguments.label, arguments.interpolate or arguments.num, sampler)
    if arguments.interpolate:
        samples = sampler.interpolate(
            arguments.interpolate,
            arguments.num,
            arguments.seed,
            label,
            arguments.truncation,
            arguments.batch_size,
        )
    else:
        settings = (arguments.truncation, arguments.batch_size)
        samples = sampler.sample(arguments.num, arguments.seed, label, *settings)
    return samples, sampler.kind


def conditions(text: str | None, num: int, sampler: Sampler) -> Tensor | None:
    """Return the labels that ``label=`` asks for: classes (num,), or one vector of a generator that takes vectors.

    Several classes at once are given by number, ``label=[0,3]``, a vector by its numbers, ``label=[.1,-2,0]``.
    """
    import torch

    kind = sampler.config.get("label_kind", "class")
    if text is None or not sampler.num_classes or kind in ("class", "none"):
        return classes(text, num)
    try:
        numbers = [float(part) for part in text.strip("[]").split(",")]
    except ValueError:
        raise SettingError("label", text, "numbers, such as label=[0,3]") from None
    if kind == "vector":
        if len(numbers) != sampler.num_classes:
            raise SettingError("label", text, f"{sampler.num_classes} numbers, such as label=[.1,-2,...]")
        return torch.tensor(numbers)
    wrong = [n for n in numbers if n != int(n) or not 0 <= n < sampler.num_classes]
    if wrong:
        raise SettingError("label", f"{wrong[0]:g}", f"classes from 0 to {sampler.num_classes - 1}")
    return torch.zeros(sampler.num_classes).index_fill(0, torch.tensor(numbers).long(), 1.0)


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
    if out.suffix not in ("", ".npy", ".pt", *OTHERS, *PICTURES):
        allowed = f"a folder or a file that ends in {', '.join(PICTURES)}, .npy or .pt"
        raise SettingError("out", out, f"{allowed} ({' and '.join(OTHERS)} for clips and texts)")


def write(samples: Tensor, kind: Kind, arguments: Arguments) -> Path:
    """Write the samples to ``out`` in the form that its name asks for."""
    import numpy as np
    import torch

    out = Path(arguments.out)
    (out.parent if out.suffix else out).mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npy":
        np.save(out, samples.cpu().numpy())
    elif out.suffix == ".pt":
        torch.save(samples.cpu(), out)
    elif out.suffix:
        return write_picture(samples, kind, arguments)
    elif not kind.has_files:
        raise SettingError(
            "out", out, f"a .npy, .pt or picture file: these samples are {kind.noun}, not images"
        )
    else:
        for index, sample in enumerate(samples):
            kind.save(sample, out / f"{index:06d}")
    return out


def write_picture(samples: Tensor, kind: Kind, arguments: Arguments) -> Path:
    """Write one picture of all samples, in a form that their kind has."""
    out = Path(arguments.out)
    if arguments.out == Arguments.out:
        out = out.with_suffix(kind.picture_suffix)
    if out.suffix not in kind.picture_suffixes:
        allowed = (
            f"a folder or a file that ends in {', '.join(kind.picture_suffixes)}, .npy or .pt for {kind.noun}"
        )
        raise SettingError("out", out, allowed)
    columns = arguments.columns or (arguments.num if arguments.interpolate else None)
    return kind.save_picture(samples, out, columns)[0]
