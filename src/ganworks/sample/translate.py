"""Image files through a translator: each of any size, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganworks.data.decode import SUFFIXES, decode_whole, read_size
from ganworks.data.files import find_images
from ganworks.data.planes import ARRAY
from ganworks.data.sample_format import SampleFormat
from ganworks.data.samples import to_float
from ganworks.data.superres import enlarged
from ganworks.data.value_range import Range
from ganworks.errors import GanworksError, SettingError, check_count
from ganworks.model.base import draw_noise, networks_of
from ganworks.noise import keyed_rng
from ganworks.sample.sampler import Sampler
from ganworks.sample.trained_format import trained_format

SOURCE = "source"
MAX_BATCH_PIXELS = 2**18  # translated at a time; a translator of CycleGAN's size takes about 1 kB for each


@dataclass(frozen=True)
class Images:
    """Image files to translate.

    Args:
        root: their folder.
        names: of the files, relative to it.
        sizes: their heights and widths.
    """

    root: Path
    names: Sequence[str]
    sizes: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def find(cls, path: str | Path) -> Images:
        """Return the images in a folder, or the one that ``path`` is; only the headers are read.

        Raises:
            SettingError: nothing is there, or two files would be written under one name.
            GanworksError: a file cannot be read; names it.
        """
        path = Path(path).expanduser()
        if not path.exists():
            siblings = map(str, path.parent.iterdir()) if path.parent.is_dir() else ()
            raise SettingError("input", path, "an image, or a folder of images, that exists", siblings)
        if path.is_file():
            if path.suffix.lower() not in (*SUFFIXES, ARRAY):
                raise SettingError("input", path, "an image (.png, .jpg, .webp, ...) or a folder of images")
            root, names = path.parent, [path.name]
        else:
            files = find_images(path)
            root, names = files.root, list(files.names)
        written: dict[str, str] = {}
        for name in names:
            if (other := written.setdefault(written_name(name), name)) != name:
                raise SettingError(
                    "input", path, f"a folder whose files differ in name: {other} and {name} do not"
                )
        return cls(root, names, [size_of(root / name) for name in names])

    def batches(self, batch_size: int, enlarge: int = 1) -> Iterator[list[str]]:
        """Yield the names of files that follow each other and have one size, so many at a time.

        Fewer where they are large, by `MAX_BATCH_PIXELS`, but at least one.
        """
        of_size = itertools.groupby(zip(self.names, self.sizes, strict=True), key=lambda pair: pair[1])
        for (height, width), group in of_size:
            names = [name for name, _ in group]
            num = min(batch_size, max(1, MAX_BATCH_PIXELS // (height * width * enlarge**2)))
            yield from (names[start : start + num] for start in range(0, len(names), num))

    @property
    def least_side(self) -> int:
        """The shortest side of all images."""
        return min(min(size) for size in self.sizes)


def written_name(name: str) -> str:
    """Return the name of a translation, without its suffix, relative to the folder that it is written to."""
    return str(PurePosixPath(name).with_suffix(""))


def size_of(path: Path) -> tuple[int, int]:
    """Return (height, width) of an image file; raise `GanworksError`, which names it, where it cannot be read."""
    try:
        return read_size(path)
    except Exception as error:  # whatever Pillow raises
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> GanworksError:
    """Return the error of a file that cannot be read."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return GanworksError(f"input: {path} cannot be read: {text}")


def translate(
    sampler: Sampler,
    images: Images,
    seed: int = 0,
    label: Tensor | None = None,
    batch_size: int = 16,
    enlarge: int = 1,
    value_range: Range | str | None = None,
) -> Iterator[tuple[str, Tensor]]:
    """Yield (name of the file, its translation (C, H, W) in [-1, 1]) for every image.

    A translation depends on ``seed`` and the file alone: the noise of a translator that takes some is keyed by the
    file's name. Images too small for the translator are continued at their edges, and what is added is cut off again.

    Args:
        label: a class for each image, (N,), or whatever the translator's labels are; None: see `Sampler.labels`.
        batch_size: images at a time; fewer where they are large.
        enlarge: enlarge the images so many times first, by bicubic interpolation.
        value_range: what becomes black to white in images of more than 8 bits; see `to_8_bits`.

    Raises:
        SettingError: the generator does not translate images, or needs more than them.
        GanworksError: a file cannot be read; names it.
    """
    channels = source_channels(sampler)
    how = trained_format(sampler.config, None, channels, value_range)
    check_count("enlarge", enlarge)
    labels = sampler.labels(len(images), seed, label)
    number = {name: index for index, name in enumerate(images.names)}
    like, least = next(sampler.generator.parameters()), 1
    if images.least_side * enlarge < max(sampler.shape[1:], default=0):
        others = {name: rows[:1] for name, rows in {"label": labels}.items() if rows is not None}
        least = least_side(sampler, channels, {**others, **noise_of_files(sampler, images.names[:1], seed)})
    for names in images.batches(check_count("batch_size", batch_size), enlarge):
        source = torch.stack([read(images.root / name, how) for name in names])
        inputs = noise_of_files(sampler, names, seed)
        if labels is not None:
            inputs["label"] = labels[[number[name] for name in names]]
        made = continued(sampler, larger(source, enlarge).to(like), inputs, least)
        yield from zip(names, made, strict=True)


def continued(sampler: Sampler, source: Tensor, inputs: dict[str, Tensor], least: int) -> Tensor:
    """Return the translations of sources, continued at their edges to sides of ``least`` and cut off again."""
    height, width = source.shape[2:]
    down, right = max(0, least - height), max(0, least - width)
    top, left = down // 2, right // 2
    if down or right:
        source = pad(source, (left, right - left, top, down - top), mode="replicate")
    made = sampler.make({SOURCE: source, **inputs})
    return made[..., top : top + height, left : left + width] if down or right else made


def least_side(sampler: Sampler, channels: int, inputs: dict[str, Tensor]) -> int:
    """Return the shortest side that a translator takes, as a power of 2, or else the longest of its training.

    Args:
        inputs: what it takes beside the source, a row of each.
    """
    like, longest = next(sampler.generator.parameters()), max(sampler.shape[1:])
    for side in itertools.takewhile(lambda side: side < longest, (2**power for power in itertools.count())):
        try:
            sampler.make({SOURCE: torch.zeros(1, channels, side, side).to(like), **inputs})
        except (RuntimeError, ValueError):  # of padding by reflection, and of a norm over a single pixel
            continue
        return side
    return longest


def source_channels(sampler: Sampler) -> int:
    """Return the channels of the images that a translator takes.

    Raises:
        SettingError: it is no translator of images, or needs other conditions.
    """
    if SOURCE not in sampler.conditions:
        raise SettingError("input", "given", "left out: this run does not translate, it draws from noise")
    if others := [name for name in sampler.conditions if name not in (SOURCE, "label")]:
        raise SettingError("input", "given", f"left out: this generator also needs {', '.join(others)}")
    for network in networks_of(sampler.generator).values():
        if SOURCE in getattr(network, "conditions", ()):
            shape: tuple[int, ...] = tuple(getattr(network, "shape", ()))
            channels = getattr(network, "source_channels", shape[0] if len(shape) == 3 else 0)
            if channels:
                return int(channels)
    raise SettingError("input", "given", "left out: this generator takes no images")


def noise_of_files(sampler: Sampler, names: Sequence[str], seed: int) -> dict[str, Tensor]:
    """Return the noise of each file, keyed by its name, a row for each."""
    if not sampler.noise:
        return {}
    like, drawn = next(sampler.generator.parameters()), []
    for name in names:
        key = partial(keyed_rng, seed, "translate", name)
        drawn.append(draw_noise(sampler.generator, 1, key))
    return {stream: torch.cat([each[stream] for each in drawn]).to(like) for stream in drawn[0]}


def read(path: Path, how: SampleFormat) -> Tensor:
    """Return an image file as (C, H, W) in [-1, 1], whole."""
    try:
        return to_float(decode_whole(path, how))
    except Exception as error:  # whatever Pillow raises
        raise unreadable(path, error) from error


def larger(images: Tensor, factor: int) -> Tensor:
    """Return images (B, C, H, W) with sides ``factor`` times as long."""
    return images if factor == 1 else enlarged(images, [factor * side for side in images.shape[2:]])
