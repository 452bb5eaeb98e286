"""Two folders of images of which no two belong together: the data of CycleGAN and CUT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor

from ganworks.data.base import check_shape
from ganworks.data.decode import MAX_PIXELS, decode_part
from ganworks.data.files import ImageFiles, check_folder, find_images, label_by_folder
from ganworks.data.order import KeyedOrder
from ganworks.data.pair_files import FILE, open_kept
from ganworks.data.pairs import DIRECTIONS, check_channels, size_of
from ganworks.data.samples import Fields, Samples, TensorSamples
from ganworks.data.streams import Stream
from ganworks.data.survey import in_threads
from ganworks.data.unpaired import UnpairedModule
from ganworks.errors import GanworksError, SettingError, check_choice, check_count, check_range
from ganworks.noise import keyed_rng, keyed_seed
from ganworks.sample.kind import Image

FORMAT = 1  # raise it when what is decoded changes


class Domains(UnpairedModule):
    """Images of two folders: ``source`` from one, ``real`` from the other, each at its own pace.

    ``root`` has ``A`` and ``B``, or ``trainA`` and ``trainB``, perhaps with ``testA`` and ``testB``, which the metrics
    then measure with. An epoch is a pass over the reals; the sources have an order, and passes, of their own.

    Args:
        root: the folder; None where ``root_a`` and ``root_b`` name one for each domain.
        root_a, root_b: the folders of the domains.
        direction: AtoB: A is the source; BtoA: B is.
        batch_size: reals, and sources, in a batch of one device.
        resolution: height and width, or both: [height, width].
        load_resolution: images are read at this size, and ``resolution`` is a random crop, drawn for each of the two
            (286 for 256 in CycleGAN); None: no crops.
        channels: of both, 1 (gray) or 3 (RGB).
        shape: what the networks are built for: (channels, height, width), or None.
        num_classes: 0, or the number of first-level subfolders, of the same names in both domains, that are labels.
        horizontal_flip: mirror half of the images of both domains, drawn for each.
        cache, cache_limit_gb: the folder of decoded images, and how many GB of them a domain may have.
        max_pixels: an image file that has more is an error.
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
    ) -> None:
        self.size = size_of("resolution", resolution)
        self.load_size = self.size if load_resolution is None else size_of("load_resolution", load_resolution)
        if self.load_size[0] < self.size[0] or self.load_size[1] < self.size[1]:
            least = f"at least {self.size[0]}x{self.size[1]} (data.resolution), or null"
            raise SettingError("load_resolution", load_resolution, least)
        self.channels = check_channels("channels", channels)
        check_shape(shape, (channels, *self.size), "channels and resolution")
        num_classes = check_count("num_classes", num_classes, at_least=0)
        super().__init__(
            (channels, *self.size), num_classes, batch_size, seed, horizontal_flip, min_batches, Image()
        )
        self.root, self.roots = root, (root_a, root_b)
        self.direction = check_choice("direction", direction, DIRECTIONS)
        self.cache = Path(cache).expanduser()
        self.cache_limit_gb = check_range("cache_limit_gb", cache_limit_gb, 0)
        self.max_pixels = check_count("max_pixels", max_pixels)

    @cached_property
    def folders(self) -> dict[str, Path]:
        """The folders of ``source`` and ``real``, and those to measure with, which may be the same."""
        a, b, test_a, test_b = self._folders()
        if self.direction == "BtoA":
            a, b, test_a, test_b = b, a, test_b, test_a
        return {"source": a, "real": b, "test_source": test_a, "test_real": test_b}

    def _folders(self) -> tuple[Path, Path, Path, Path]:
        if (self.root is None) == (None in self.roots):
            allowed = "the folder of both domains, or left out for root_a and root_b"
            raise SettingError("root", self.root, allowed)
        if self.root is None:
            a, b = (check_folder(root) for root in self.roots)
            return a, b, a, b
        root = check_folder(self.root)
        for train, test in (("train", "test"), ("", "")):
            a, b = root / f"{train}A", root / f"{train}B"
            if a.is_dir() and b.is_dir():
                has_test = (root / f"{test}A").is_dir() and (root / f"{test}B").is_dir()
                return (a, b, root / f"{test}A", root / f"{test}B") if has_test else (a, b, a, b)
        there = sorted(path.name for path in root.iterdir() if path.is_dir())
        allowed = f"a folder with A and B, or trainA and trainB; in it: {', '.join(there) or 'no folder'}"
        raise SettingError("root", self.root, allowed)

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
        key = "domain-" + files.fingerprint(FORMAT, size, self.channels, self.max_pixels)
        shape = (len(files), self.channels, *size)
        images = open_kept(
            self.cache, self.cache_limit_gb, key, shape, lambda folder: self.write(files, size, folder)
        )
        return TensorSamples(images, self.labels(files))

    def write(self, files: ImageFiles, size: tuple[int, int], folder: Path) -> None:
        """Write the images to ``folder``, one after the other."""
        with (folder / FILE).open("wb") as file:
            for name, image in in_threads(
                files, lambda _, path: decode_part(path, size, self.channels, max_pixels=self.max_pixels)
            ):
                if isinstance(image, str):
                    raise GanworksError(f"{files.root / name} cannot be read: {image}")
                file.write(image.numpy().data)

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
        own = KeyedOrder(
            len(self.domain), self.batch_size, keyed_seed(self.seed, "source"), order.rank, order.world_size
        )
        domains = [
            Domain("real", "label", self.samples, order),  # type: ignore[arg-type]
            Domain("source", "source_label", self.domain, own),
        ]
        return [partial(domain.batch, self.size, self.horizontal_flip) for domain in domains]


@dataclass(frozen=True)
class Domain:
    """One of two domains, in its own order.

    Args:
        name, label: the fields of its images and their labels.
        samples: uint8 (N, C, H, W).
        order: which of them stand in which batch.
    """

    name: str
    label: str
    samples: TensorSamples
    order: KeyedOrder

    def batch(self, size: tuple[int, int], is_mirrored: bool, position: int) -> Fields:
        """Return the images of the batch number ``position``, cropped to ``size`` at random, half of them mirrored."""
        rows = self.order.indices(position)
        images = self.cropped(self.samples.values[rows], size, position)
        if is_mirrored:
            images = Image().mirror(images, self.order.flips(position))
        labels = self.samples.labels
        return {self.name: images} if labels is None else {self.name: images, self.label: labels[rows]}

    def cropped(self, images: Tensor, size: tuple[int, int], position: int) -> Tensor:
        """Return crops of images (B, C, H, W), keyed by the seed, the domain and the number of the batch."""
        spare = [there - wanted for there, wanted in zip(images.shape[-2:], size, strict=True)]
        if not any(spare):
            return images
        # All of the global batch, of which a rank takes its share.
        rng = keyed_rng(self.order.seed, f"crop/{self.name}", position)
        drawn = [torch.randint(each + 1, (self.order.global_batch_size,), generator=rng) for each in spare]
        tops, lefts = (each[self.order.rank :: self.order.world_size].tolist() for each in drawn)
        crops = [
            image[:, top : top + size[0], left : left + size[1]]
            for image, top, left in zip(images, tops, lefts, strict=True)
        ]
        return torch.stack(crops)
