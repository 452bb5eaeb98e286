"""`python sample.py run=RUN_DIR num=64 seed=0 out=FILE_OR_FOLDER`: draw from a trained generator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import SettingError, check_count, setting_path

if TYPE_CHECKING:
    from torch import Tensor

    from ganworks.sample.kind import Kind
    from ganworks.sample.sampler import Sampler

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
OTHERS = (".gif", ".txt", ".csv")
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
        metadata={"help": "a picture (one grid), .npy, .pt or .csv (the values), or a folder (single files)"},
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
    temperature: float | None = field(
        default=None, metadata={"help": "of drawing tokens, such as 0.6: likelier texts, fewer of them"}
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
        check_count("batch_size", arguments.batch_size)
        check_count("seed", arguments.seed, at_least=0)
        check_out(Path(arguments.out))
        drawn = draw(arguments)
        print(f"{drawn.num} samples in {write(drawn, arguments)}")


@dataclass
class Drawn:
    """Samples that are made while they are written: memory does not grow with their number.

    Attributes:
        num: how many there are.
        batches: the samples in order, (B, *shape) each.
        kind: of the samples.
        labels: the names of their classes; None where they have none.
    """

    num: int
    batches: Iterator[Tensor]
    kind: Kind
    labels: list[str] | None = None

    def whole(self) -> Tensor:
        """Return all samples, (num, *shape)."""
        import torch

        return torch.cat(list(self.batches))


def draw(arguments: Arguments) -> Drawn:
    """Return the samples that the arguments ask for."""
    from ganworks.sample.loading import load_generator

    with setting_path(renamed={"path": "run"}):
        sampler = load_generator(str(arguments.run), arguments.device, arguments.trust)
    sampler = sampler.at(arguments.temperature)
    label = labels_of(arguments, sampler)
    num, truncation = arguments.num or NUM, arguments.truncation
    if arguments.interpolate:
        settings = (arguments.seed, label, truncation, arguments.batch_size)
        strips = sampler.interpolate(arguments.interpolate, num, *settings)
        return Drawn(len(strips), iter([strips]), sampler.kind)
    inputs = sampler.inputs(num, arguments.seed, label, truncation)
    names = names_of(inputs.get("label"), sampler)
    return Drawn(num, sampler.batches(inputs, arguments.batch_size), sampler.kind, names)


def names_of(labels: Tensor | None, sampler: Sampler) -> list[str] | None:
    """Return the names of the classes of samples, their numbers where they have none; None of other labels."""
    if labels is None or labels.dim() != 1:
        return None
    classes = sampler.config.get("classes") or [str(label) for label in range(sampler.num_classes)]
    return [str(classes[label]) for label in labels.tolist()]


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
    """Raise `SettingError` where ``out`` ends like a file of a kind that can't be written.

    Any other name without one of the known endings is that of a folder: fakes, fakes_0.5.
    """
    known = ("", ".npy", ".pt", *OTHERS, *PICTURES)
    is_file = out.suffix[1:].isalpha() or guess_type(out.name)[0] is not None
    if out.suffix.lower() not in known and is_file:
        allowed = f"a folder or a file that ends in {', '.join(PICTURES)}, .npy or .pt"
        raise SettingError("out", out, f"{allowed} ({', '.join(OTHERS)} for clips, texts and series)")


def suffix_of(out: Path) -> str:
    """Return the ending of a file that can be written, in small letters; nothing for a folder."""
    suffix = out.suffix.lower()
    return suffix if suffix in (".npy", ".pt", *OTHERS, *PICTURES) else ""


def write(drawn: Drawn, arguments: Arguments) -> Path:
    """Write the samples to ``out`` in the form that its name asks for."""
    out = Path(arguments.out)
    suffix = suffix_of(out)
    (out.parent if suffix else out).mkdir(parents=True, exist_ok=True)
    if suffix in (".npy", ".pt"):
        write_array(drawn, out)
    elif suffix:
        return write_picture(drawn, arguments)
    elif not drawn.kind.has_files:
        allowed = f"a .npy, .pt or picture file: these samples are {drawn.kind.noun}, not images"
        raise SettingError("out", out, allowed)
    else:
        samples = (sample for batch in drawn.batches for sample in batch)
        for index, sample in enumerate(samples):
            drawn.kind.save(sample, out / f"{index:06d}")
    return out


def write_array(drawn: Drawn, out: Path) -> None:
    """Write the array (num, *shape) of the samples as .npy or .pt; the file appears when it is whole."""
    from tempfile import TemporaryFile

    import numpy as np
    import torch

    from ganworks.staged import staged

    is_npy = out.suffix.lower() == ".npy"
    with staged(out) as file, TemporaryFile(dir=out.parent) as passing:
        array: Any = None
        start = 0
        for batch in drawn.batches:
            values = batch.cpu().numpy()
            if array is None:
                form: dict[str, Any] = {
                    "dtype": values.dtype,
                    "mode": "w+",
                    "shape": (drawn.num, *values.shape[1:]),
                }
                array = np.lib.format.open_memmap(file, **form) if is_npy else np.memmap(passing, **form)
            array[start : start + len(values)] = values
            start += len(values)
        assert array is not None  # a number of samples is 1 or more
        if is_npy:
            array.flush()
        else:
            torch.save(torch.from_numpy(array), file)


def write_picture(drawn: Drawn, arguments: Arguments) -> Path:
    """Write one picture of all samples, in a form that their kind has."""
    from ganworks.sample.columns import Columns

    out, kind = Path(arguments.out), drawn.kind
    if arguments.out == Arguments.out:
        out = out.with_suffix(kind.picture_suffix)
    if out.suffix.lower() not in kind.picture_suffixes:
        allowed = (
            f"a folder or a file that ends in {', '.join(kind.picture_suffixes)}, .npy or .pt for {kind.noun}"
        )
        raise SettingError("out", out, allowed)
    if out.suffix.lower() == ".csv" and isinstance(kind, Columns):
        return kind.save_csv(drawn.whole(), out, drawn.labels)
    is_grid_of_strips = (
        arguments.interpolate and not kind.is_lines
    )  # a walk of texts has a line for each step
    columns = arguments.columns or ((arguments.num or NUM) if is_grid_of_strips else None)
    return kind.save_picture(drawn.whole(), out, columns)[0]
