"""`python sample.py run=RUN_DIR input=FOLDER out=FOLDER`: what a translator makes of image files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.sample_arguments import FOLDER, PICTURES, Arguments, labels_of, load, suffix_of
from ganworks.data.value_range import AUTO, DTYPE, Range, check_value_range
from ganworks.errors import SettingError, setting_path
from ganworks.sample.translate import Images, source_channels, translate, written_name

if TYPE_CHECKING:
    from torch import Tensor

    from ganworks.sample.kind import Kind
    from ganworks.sample.sampler import Sampler

MAX_BATCH = 16  # images at a time, however many are asked for: they may be large


def translate_files(arguments: Arguments) -> str:
    """Translate the images of ``input``, each into a PNG file of its name; return what was done, in words."""
    check_arguments(arguments)
    sampler = load(arguments)
    source_channels(sampler)
    range_of(arguments, sampler)  # a wrong one is said before the images are looked through
    with setting_path(renamed={"root": "input"}):
        images = Images.find(str(arguments.input))
    out = place_of(arguments, images, sampler.kind.suffix_for(sampler.shape))
    targets = targets_of(out, images, sampler.kind, sampler.shape)
    for name, image in translations(arguments, sampler, images):
        targets[name].parent.mkdir(parents=True, exist_ok=True)
        sampler.kind.save(image, targets[name])
    return f"{len(images)} {'image' if len(images) == 1 else 'images'} translated in {out}"


def translations(arguments: Arguments, sampler: Sampler, images: Images) -> Iterator[tuple[str, Tensor]]:
    """Yield (name of the file, its translation) for every image, as the arguments ask for."""
    arguments.num = len(images)
    label, value_range = labels_of(arguments, sampler), range_of(arguments, sampler)
    batch_size, enlarge = min(arguments.batch_size, MAX_BATCH), enlarge_of(arguments, sampler)
    return translate(sampler, images, arguments.seed, label, batch_size, enlarge, value_range)


def check_arguments(arguments: Arguments) -> None:
    """Raise `SettingError` for settings that say nothing of images that are given."""
    if arguments.input is None:
        name = "enlarge" if arguments.enlarge is not None else "value_range"
        raise SettingError(name, getattr(arguments, name), "left out without input=")
    unused = {"num": None, "interpolate": 0, "columns": None, "truncation": None, "standing": 0}
    for name, default in unused.items():
        if (value := getattr(arguments, name)) != default:
            raise SettingError(name, value, "left out with input=, whose images are translated one by one")


def place_of(arguments: Arguments, images: Images, wanted: str = PICTURES[0]) -> Path:
    """Return where translations go: a folder, or a file of the suffix ``wanted`` for one image.

    Raises:
        SettingError: a file for several, or one of another kind; a folder among the images.
    """
    out, is_folder = Path(arguments.out or FOLDER), Path(str(arguments.input)).is_dir()
    suffix = suffix_of(out)
    if suffix and (suffix != wanted or is_folder):
        raise SettingError("out", out, f"a folder, or a {wanted} file where input= is one image")
    # In a folder of images the translations would be translated themselves the next time.
    place, root = out.resolve(), images.root.resolve()
    if not suffix and (place == root or (is_folder and place.is_relative_to(root))):
        raise SettingError(
            "out", out, f"another folder than that of the images, and not in it: {images.root}"
        )
    return out


def targets_of(out: Path, images: Images, kind: Kind, shape: Sequence[int]) -> dict[str, Path]:
    """Return the file that each image is written to, by the image's name.

    Raises:
        SettingError: one of them is an image that is to be translated, by whatever name, link or spelling.
    """
    is_file, suffix = bool(suffix_of(out)), kind.suffix_for(shape)
    targets = {
        name: kind.file_of(out if is_file else out / f"{written_name(name)}{suffix}", shape)
        for name in images.names
    }
    sources = {identity(images.root / name): name for name in images.names}
    for target in targets.values():
        if target.exists() and (name := sources.get(identity(target))) is not None:
            raise SettingError(
                "out", out, f"another place: {target} is the image {name}, which would be overwritten"
            )
    return targets


def identity(path: Path) -> tuple[int, int]:
    """Return what says whether two paths are one file."""
    status = path.stat()
    return status.st_dev, status.st_ino


def enlarge_of(arguments: Arguments, sampler: Sampler) -> int:
    """Return how many times the images are enlarged first: as asked for, or as in the training."""
    if arguments.enlarge is not None:
        return arguments.enlarge
    return int((sampler.config.get("data") or {}).get("factor", 1))


def range_of(arguments: Arguments, sampler: Sampler) -> Range | str | None:
    """Return what becomes black to white in images of more than 8 bits: as asked for, or as in the training.

    None, where neither says it, leaves such images alone that do not fill the range of their type.

    Raises:
        SettingError: ``value_range`` is none.
    """
    text, value = arguments.value_range, (sampler.config.get("data") or {}).get("value_range", AUTO)
    if text is not None:
        try:
            value = DTYPE if text == DTYPE else [float(number) for number in text.strip("[()]").split(",")]
        except ValueError:
            raise SettingError("value_range", text, "dtype, or low,high with low < high", [DTYPE]) from None
    return None if value == AUTO else check_value_range(value)
