"""`python sample.py run=RUN_DIR num=64 seed=0 out=FILE_OR_FOLDER`: draw from a trained generator.

A run that translates makes something of given images: `python sample.py run=RUN_DIR input=FOLDER out=FOLDER`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.cli.sample_arguments import (
    FILMS,
    NUM,
    OUT,
    Arguments,
    asked_of,
    check_numbers,
    check_out,
    check_seeds,
    labels_of,
    load,
    seed_of,
    suffix_of,
)
from ganworks.errors import SettingError

if TYPE_CHECKING:
    from torch import Tensor

    from ganworks.sample.kind import Kind
    from ganworks.sample.sampler import Sampler


def main() -> None:
    """Run the command."""
    with user_errors():
        arguments, others = parse(Arguments, sys.argv[1:])
        if others:
            raise SettingError(
                others[0].partition("=")[0], others[0].partition("=")[2], "left out: sample.py has no groups"
            )
        if arguments.run is None:
            raise SettingError(
                "run", "", "given: a run directory, a checkpoint, a generator folder or official weights"
            )
        check_numbers(arguments)
        # Once, before anything is compared: a shell leaves ~ in out=~/x as it is. Path's own fails for ~nobody.
        for name in ("input", "out", "project", "latent"):
            if (path := getattr(arguments, name)) is not None:
                setattr(arguments, name, os.path.expanduser(path))  # noqa: PTH111
        check_out(Path(arguments.out or OUT))
        check_seeds(arguments)
        if (arguments.input, arguments.enlarge, arguments.value_range) != (None, None, None):
            from ganworks.cli.translate import translate_files

            print(translate_files(arguments))
            return
        if arguments.project is not None:
            from ganworks.cli.latent import check_arguments, project_image

            check_arguments(arguments)
            print(project_image(arguments))
            return
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
        columns: of their grid, where nobody asks for others; None for any.
    """

    num: int
    batches: Iterator[Tensor]
    kind: Kind
    labels: list[str] | None = None
    columns: int | None = None

    def whole(self) -> Tensor:
        """Return all samples, (num, *shape)."""
        import torch

        return torch.cat(list(self.batches))


def draw(arguments: Arguments, sampler: Sampler | None = None) -> Drawn:
    """Return the samples that the arguments ask for.

    Args:
        sampler: the generator that ``run=`` names, where it is loaded already.
    """
    from ganworks.cli.latent import check_arguments

    check_arguments(arguments)
    sampler = load(arguments) if sampler is None else asked_of(sampler, arguments)
    sampler = sampler.at(arguments.temperature)
    if arguments.standing:
        from ganworks.sample.standing import with_standing_statistics

        if set(sampler.conditions) - {"label"}:
            sampler = sampler.beside(data_of(arguments))
        sampler = with_standing_statistics(
            sampler, arguments.standing, seed=arguments.seed, truncation=arguments.truncation
        )
    by_latent = (arguments.space, arguments.latent, arguments.mix, arguments.directions, arguments.move)
    if by_latent != ("z", None, 0, 0, None):
        return _drawn_by_latent(arguments, sampler)
    label = labels_of(arguments, sampler)
    num, truncation = arguments.num or NUM, arguments.truncation
    if arguments.interpolate:
        settings = (seed_of(arguments), label, truncation, arguments.batch_size)
        strips = sampler.interpolate(arguments.interpolate, num, *settings)
        return Drawn(len(strips), iter([strips]), sampler.kind, columns=num)
    if set(sampler.conditions) - {"label"} and sampler.data is None:
        sampler = sampler.beside(data_of(arguments))
    inputs = sampler.inputs(num, seed_of(arguments), label, truncation)
    names = names_of(inputs.get("label"), sampler)
    return Drawn(num, sampler.batches(inputs, arguments.batch_size), sampler.kind, names)


def _drawn_by_latent(arguments: Arguments, sampler: Sampler) -> Drawn:
    """Return samples by where they come from: styles, mixtures, directions, a latent in a file."""
    from ganworks.cli.latent import draw_by_latent

    num, batches, columns = draw_by_latent(arguments, sampler)
    is_drawn = (
        columns is None and arguments.latent is None
    )  # a row or a column of a grid has no class of its own
    labels = sampler.labels(num, seed_of(arguments), labels_of(arguments, sampler)) if is_drawn else None
    return Drawn(num, batches, sampler.kind, names_of(labels, sampler), columns)


def names_of(labels: Tensor | None, sampler: Sampler) -> list[str] | None:
    """Return the names of the classes of samples, their numbers where they have none; None of other labels."""
    if labels is None or labels.dim() != 1:
        return None
    classes = sampler.config.get("classes") or [str(label) for label in range(sampler.num_classes)]
    return [str(classes[label]) for label in labels.tolist()]


def data_of(arguments: Arguments) -> Any:
    """Return the data of the run, which lends conditions such as sources to samples; of the way back, reals.

    Raises:
        SettingError: there is no run, or its data cannot be read.
    """
    from ganworks.errors import GanworksError
    from ganworks.evaluation.measuring import make_data
    from ganworks.evaluation.source import Source
    from ganworks.sample.direction import Reversed

    try:
        data = make_data(Source.find(str(arguments.run), None, arguments.trust).config("", ""))
        return Reversed(data) if arguments.direction == "back" else data
    except GanworksError as error:
        reason = f"an image or a folder: this generator translates, and the data of its run are not at hand ({error})"
        raise SettingError("input", "", reason) from error


def write(drawn: Drawn, arguments: Arguments) -> Path:
    """Write the samples to ``out`` in the form that its name asks for."""
    out = Path(arguments.out or OUT)
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
    """Write one picture of all samples, in a form that their kind has; strips of images may be a film as well."""
    from ganworks.sample.columns import Columns

    out, kind = Path(arguments.out or OUT), drawn.kind
    if arguments.out is None:
        out = out.with_suffix(kind.picture_suffix)
    is_strips = bool(arguments.interpolate or arguments.directions)
    columns = arguments.columns or drawn.columns
    if out.suffix.lower() in FILMS and kind.is_image and is_strips:
        return write_film(drawn, out, arguments.columns)
    if out.suffix.lower() not in kind.picture_suffixes:
        allowed = (
            f"a folder or a file that ends in {', '.join(kind.picture_suffixes)}, .npy or .pt for {kind.noun}"
        )
        raise SettingError("out", out, allowed)
    if out.suffix.lower() == ".csv" and isinstance(kind, Columns):
        return kind.save_csv(drawn.whole(), out, drawn.labels)
    if kind.is_lines and arguments.columns is None:  # a walk of texts has a line for each step
        columns = None
    return kind.save_picture(drawn.whole(), out, columns)[0]


def write_film(drawn: Drawn, out: Path, columns: int | None) -> Path:
    """Play strips of images side by side, as a GIF or an MP4."""
    from ganworks.picture.film import save_animation, save_video

    assert drawn.columns is not None
    clips = drawn.whole().cpu().unflatten(0, (-1, drawn.columns)).movedim(1, 2)  # (strips, C, T, H, W)
    return (save_animation if out.suffix.lower() == ".gif" else save_video)(clips, out, columns)


if __name__ == "__main__":
    main()
