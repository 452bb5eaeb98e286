"""Two folders of images of which no two belong together: the data of CycleGAN and CUT."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

from torch import Tensor

from ganworks.data.base import check_shape
from ganworks.data.crops import Crops
from ganworks.data.decode import decode_part
from ganworks.data.files import ImageFiles, check_folder, find_images, label_by_folder
from ganworks.data.kept import KeptImages, open_kept, write_all
from ganworks.data.layout import Layout, by_split, find_sides
from ganworks.data.order import KeyedOrder
from ganworks.data.pairs import DIRECTIONS, load_size_of
from ganworks.data.sample_format import CROP, FIRST, MAX_PIXELS, WHITE, SampleFormat
from ganworks.data.samples import Fields, Samples, TensorSamples, as_numbers
from ganworks.data.streams import Stream
from ganworks.data.unpaired import UnpairedModule
from ganworks.data.value_range import AUTO, check_value_range
from ganworks.errors import SettingError, check_choice, check_count
from ganworks.noise import keyed_seed
from ganworks.sample.kind import Image

FORMAT = 1  # raise it when what is decoded changes


class Domains(KeptImages, UnpairedModule):
    """Images of two folders: ``source`` from one, ``real`` from the other, each at its own pace.

    ``root`` has ``A`` and ``B``, perhaps each with ``train`` and ``test``; or ``trainA`` and ``trainB``, perhaps
    ``testA`` and ``testB``; or ``train`` and perhaps ``test`` with ``A`` and ``B``. The metrics measure with the test
    set, or a validation set (``val``), where there is one, and otherwise with what is trained on. An epoch is a pass
    over the reals; the sources have an order, and passes, of their own.

    Args:
        root: the folder; None where ``root_a`` and ``root_b`` name one for each domain.
        root_a, root_b: the folders of the domains, perhaps each with ``train`` and ``test``.
        direction: AtoB: A is the source; BtoA: B is.
        batch_size: reals, and sources, in a batch of one device.
        resolution: height and width, or both: [height, width].
        load_resolution: images are read at this size, and ``resolution`` is a random crop, drawn for each of the two
            (286 for 256 in CycleGAN); None: no crops.
        channels: of both.
        shape: what the networks are built for: (channels, height, width), or None.
        num_classes: 0, or the number of first-level subfolders, of the same names in both domains, that are labels.
        horizontal_flip: mirror half of the images of both domains, drawn for each.
        cache, cache_limit_gb: the folder of decoded images, and how many GB of them a domain may have.
        max_pixels: an image file that has more is an error.
        value_range: what becomes black to white in images of more than 8 bits, one range for both domains; see
            `PairModule`.
        vertical_flip: turn half of them upside down, drawn for each.
        fit, background, dtype, pages: how a file becomes a sample; see `SampleFormat`.
        seed, min_batches: see `GanDataModule`.

    Raises:
        SettingError: a setting that it cannot have; later a layout or labels that are not there.
        GanworksError: later a file that cannot be read; names it.
    """

    name = "domains"

    def __init__(
        self,
        root: str | Path | None = None,
        root_a: str | Path | None = None,
        root_b: str | Path | None = None,
        direction: str = "AtoB",
        batch_size: int = 1,
        resolution: int | Sequence[int] = 256,
        load_resolution: int | Sequence[int] | None = None,
        channels: int = 3,
        shape: Sequence[int] | None = None,
        num_classes: int = 0,
        horizontal_flip: bool = True,
        seed: int = 0,
        min_batches: int = 1,
        cache: str | Path = "cache",
        cache_limit_gb: float = 32.0,
        max_pixels: int = MAX_PIXELS,
        value_range: str | Sequence[float] = AUTO,
        vertical_flip: bool = False,
        fit: str = CROP,
        background: str | Sequence[int] = WHITE,
        dtype: str = "uint8",
        pages: str = FIRST,
    ) -> None:
        values = check_value_range(value_range)
        self.how = SampleFormat(resolution, channels, values, max_pixels, fit, background, dtype, pages)
        self.size, self.channels = self.how.size, self.how.channels
        self.load_size = load_size_of(load_resolution, self.size)
        check_shape(shape, self.how.shape, "channels and resolution")
        num_classes = check_count("num_classes", num_classes, at_least=0)
        super().__init__(
            self.how.shape,
            num_classes,
            batch_size,
            seed,
            horizontal_flip,
            min_batches,
            Image(self.how.dtype),
            vertical_flip,
        )
        self.root, self.roots = root, (root_a, root_b)
        self.direction = check_choice("direction", direction, DIRECTIONS)
        self.keep_in(cache, cache_limit_gb)

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folders of ``source`` and ``real``, and those to measure with, which may be the same."""
        layout = self._layout()
        (a, b), (test_a, test_b) = layout.train, layout.held_out or layout.train
        if self.direction == "BtoA":
            a, b, test_a, test_b = b, a, test_b, test_a
        return {"source": a, "real": b, "test_source": test_a, "test_real": test_b}

    def _layout(self) -> Layout:
        if any((self.root is None) == (root is None) for root in self.roots):
            names = dict(zip(("root", "root_a", "root_b"), (self.root, *self.roots), strict=True))
            given = ", ".join(f"{name}={value}" for name, value in names.items() if value is not None)
            allowed = "the folder of both domains, or left out for root_a and root_b together"
            raise SettingError("root", self.root, f"{allowed}; given: {given or 'none'}")
        if self.root is None:
            return by_split((check_folder(self.roots[0]), check_folder(self.roots[1])))
        root = check_folder(self.root)
        if (layout := find_sides(root)) is not None:
            return layout
        there = sorted(path.name for path in root.iterdir() if path.is_dir())
        allowed = f"a folder with A and B, or trainA and trainB; in it: {', '.join(there) or 'no folder'}"
        raise SettingError("root", self.root, allowed)

    @property
    def has_own_reference(self) -> bool:
        """Whether the metrics compare with other files than those of the training."""
        return self.folders["test_real"] != self.folders["real"]

    def training_files(self) -> ImageFiles:
        domains = [find_images(self.folders[name].absolute()) for name in ("source", "real")]
        root = Path(os.path.commonpath([files.root for files in domains]))
        paths = [files.path(index) for files in domains for index in range(len(files))]
        return ImageFiles(root, [path.relative_to(root).as_posix() for path in paths])

    def prepare_data(self) -> None:
        """Find the files and fill the cache; other processes then only open it."""
        self.setup()
        len(self.reference)
        len(self.domain)

    def load(self) -> TensorSamples:
        return self.read("real", self.load_size)

    @cached_property
    def domain(self) -> TensorSamples:
        """The sources that are trained on."""
        return self.read("source", self.load_size)

    def load_reference(self) -> Samples:
        return self.with_sources(self.read("test_real", self.size))

    def load_sources(self) -> TensorSamples:
        return self.read("test_source", self.size)

    def training_reals(self) -> TensorSamples:
        """Return the reals of the training at the resolution, without crops."""
        return self.read("real", self.size)

    def read(self, name: str, size: tuple[int, int]) -> TensorSamples:
        """Return the images of one of `folders` at ``size``, from the cache, decoded first where they are not there."""
        files = find_images(self.folders[name])
        how = FORMAT, size, self.channels, self.how.max_pixels, *self.range_key
        key = "domain-" + files.fingerprint(*how)
        shape = (len(files), self.channels, *size)
        write = partial(self.write, files, size)
        images = open_kept(self.cache, self.cache_limit_gb, key, shape, write, self.how.torch_dtype)
        return TensorSamples(images, self.labels(files))

    def write(self, files: ImageFiles, size: tuple[int, int], folder: Path) -> None:
        """Write the images to ``folder``, one after the other."""
        how = self.format_of(size, self.channels)
        write_all(files, lambda _, path: decode_part(path, how), folder)

    def labels(self, files: ImageFiles) -> Tensor | None:
        """Return the classes of images by their subfolders, or None where labels are left out.

        Raises:
            SettingError: there are other classes than those of the reals, or another number of them.
        """
        if not self.num_classes:
            return None
        found, of_reals = label_by_folder(files), label_by_folder(find_images(self.folders["real"]))
        if list(found.classes) != list(of_reals.classes) or len(found.classes) != self.num_classes:
            allowed = f"the number of subfolders, of the same names in both domains, or 0: {files.root} has "
            raise SettingError(
                "num_classes", self.num_classes, allowed + (", ".join(found.classes) or "none")
            )
        self.classes = list(found.classes)
        return found.labels

    def streams(self, order: KeyedOrder) -> list[Stream]:
        try:
            seed, ranks = keyed_seed(self.seed, "source"), (order.rank, order.world_size)
            own = KeyedOrder(len(self.domain), self.batch_size, seed, *ranks)
        except SettingError as error:
            at_most = len(self.domain) // order.world_size
            words = f"at most {at_most}: the sources in {self.folders['source']} are {len(self.domain):,}"
            raise SettingError("batch_size", self.batch_size, words) from error
        assert isinstance(self.samples, TensorSamples)
        domains = [
            Domain("real", "label", self.samples, order, self.size),
            Domain("source", "source_label", self.domain, own, self.size),
        ]
        flips = ((-1, self.horizontal_flip), (-2, self.vertical_flip))
        axes = [axis for axis, is_flipped in flips if is_flipped]
        return [partial(domain.batch, axes) for domain in domains]


class Domain:
    """One of two domains, in its own order.

    Args:
        name, label: the fields of its images and their labels.
        samples: images (N, C, H, W).
        order: which of them stand in which batch.
        size: (height, width) that they are cropped to at random.
    """

    def __init__(
        self, name: str, label: str, samples: TensorSamples, order: KeyedOrder, size: tuple[int, int]
    ) -> None:
        self.name, self.label, self.samples, self.order = name, label, samples, order
        self.crops = Crops(size, order)

    def batch(self, axes: Sequence[int], position: int) -> Fields:
        """Return the images of the batch number ``position``, cropped, and half of them mirrored along each axis."""
        rows = self.order.indices(position)
        images = self.crops.crop(self.samples.values[rows], position)
        for axis in axes:
            images = Image().mirror(as_numbers(images), self.order.flips(position, axis), axis)
        labels = self.samples.labels
        return {self.name: images} if labels is None else {self.name: images, self.label: labels[rows]}
