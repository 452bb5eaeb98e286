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
NUM = 64


@dataclass
class Arguments:
    """Draw samples from a run, a checkpoint or a generator folder."""

    run: str | None = field(
        default=None, metadata={"help": "a run directory, a checkpoint or a generator folder"}
    )
    num: int | None = field(
        default=None,
        metadata={
            "help": f"samples to draw: {NUM}, or the rows of label=FILE; with interpolate=, pictures a strip"
        },
    )
    seed: int = field(default=0, metadata={"help": "key of the latents and labels"})
    out: str = field(
        default="samples.png",
        metadata={"help": "a picture (one grid), .npy or .pt (the array), or a folder (single files)"},
    )
    label: str | None = field(
        default=None,
        metadata={
            "help": "class of all samples, by number or name, or a list: 0,1,2; several at once: [0,3]; a"
            " vector: [.1,-2]; or a .npy or .csv file with a row a sample"
        },
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
    trust: str | None = field(
        default=None,
        metadata={"help": "packages that the run may use beside ganworks, torch and Lightning: mine,theirs"},
    )


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
        if arguments.num is not None:
            check_count("num", arguments.num)
        check_count("interpolate", arguments.interpolate, at_least=0)
        if arguments.columns is not None:
            check_count("columns", arguments.columns)
        check_out(Path(arguments.out))
        samples, kind = draw(arguments)
        print(f"{len(samples)} samples in {write(samples, kind, arguments)}")


def draw(arguments: Arguments) -> tuple[Tensor, Kind]:
    """Return the samples that the arguments ask for, (N, *shape), and their kind."""
    from ganworks.sample.loading import load_generator

    with setting_path(renamed={"path": "run"}):
        sampler = load_generator(str(arguments.run), arguments.device, arguments.trust)
    label = labels_of(arguments, sampler)
    settings = (arguments.seed, label, arguments.truncation, arguments.batch_size)
    num = arguments.num or NUM
    if arguments.interpolate:
        samples = sampler.interpolate(arguments.interpolate, num, *settings)
    else:
        samples = sampler.sample(num, *settings)
    return samples, sampler.kind


def labels_of(arguments: Arguments, sampler: Sampler) -> Tensor | None:
    """Return the labels that ``label=`` asks for, one for each sample or strip: a list over and over.

    A file says how many samples there are, where ``num=`` does not.
    """
    from ganworks.sample.label import is_file

    text = arguments.label
    if text is None:
        return None
    rows = sampler.parse_label(text)
    if arguments.num is None and not arguments.interpolate and is_file(text):
        arguments.num = len(rows)
    num = arguments.interpolate or arguments.num or NUM
    return rows[[index % len(rows) for index in range(num)]]


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
    columns = arguments.columns or ((arguments.num or NUM) if arguments.interpolate else None)
    return kind.save_picture(samples, out, columns)[0]
