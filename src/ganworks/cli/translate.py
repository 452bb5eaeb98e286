"""`python sample.py run=RUN_DIR input=FOLDER out=FOLDER`: what a translator makes of image files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.sample_arguments import PICTURES, Arguments, labels_of, load, suffix_of
from ganworks.errors import SettingError, setting_path
from ganworks.sample.translate import Images, source_channels, translate, written_name

if TYPE_CHECKING:
    from ganworks.sample.sampler import Sampler

FOLDER = "translated"  # where translations go that nobody gives a place


def translate_files(arguments: Arguments) -> str:
    """Translate the images of ``input``, each into a PNG file of its name; return what was done, in words."""
    check_arguments(arguments)
    sampler = load(arguments)
    source_channels(sampler)
    with setting_path(renamed={"root": "input"}):
        images = Images.find(str(arguments.input))
    out = place_of(arguments, images)
    arguments.num = len(images)
    label = labels_of(arguments, sampler)
    settings = arguments.seed, label, min(arguments.batch_size, 16), enlarge_of(arguments, sampler)
    for name, image in translate(sampler, images, *settings):
        path = out.with_suffix("") if suffix_of(out) else out / written_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        sampler.kind.save(image, path)
    return f"{len(images)} {'image' if len(images) == 1 else 'images'} translated in {out}"


def check_arguments(arguments: Arguments) -> None:
    """Raise `SettingError` for settings that say nothing of images that are given."""
    if arguments.input is None:
        raise SettingError("enlarge", arguments.enlarge, "left out without input=")
    unused = {"num": None, "interpolate": 0, "columns": None, "truncation": None}
    for name, default in unused.items():
        if (value := getattr(arguments, name)) != default:
            raise SettingError(name, value, "left out with input=, whose images are translated one by one")


def place_of(arguments: Arguments, images: Images) -> Path:
    """Return where translations go: a folder, or a .png file for one image.

    Raises:
        SettingError: a file for several, or one of another kind; the folder that the images are in.
    """
    out = Path(FOLDER if arguments.out == Arguments.out else arguments.out)
    suffix = suffix_of(out)
    if suffix and (suffix != PICTURES[0] or Path(str(arguments.input)).is_dir()):
        raise SettingError("out", out, "a folder, or a .png file where input= is one image")
    folder = out.parent if suffix else out
    if folder.resolve() == images.root.resolve() and not suffix:
        raise SettingError("out", out, "another folder than that of the images, which would be overwritten")
    if suffix and out.resolve() == Path(str(arguments.input)).resolve():
        raise SettingError("out", out, "another file than the image, which would be overwritten")
    return out


def enlarge_of(arguments: Arguments, sampler: Sampler) -> int:
    """Return how many times the images are enlarged first: as asked for, or as in the training."""
    if arguments.enlarge is not None:
        return arguments.enlarge
    return int((sampler.config.get("data") or {}).get("factor", 1))
