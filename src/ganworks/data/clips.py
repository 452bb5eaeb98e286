"""A user's own clips: folders of frames, animations, video files."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganworks.data.base import check_shape
from ganworks.data.cache import ImageCache
from ganworks.data.class_names import settle_classes
from ganworks.data.clip_files import ClipFiles, find_clips, with_classes
from ganworks.data.decode_clip import decode_clip
from ganworks.data.files import ImageFiles
from ganworks.data.image_files import CHANGED
from ganworks.data.labels import unlabelled
from ganworks.data.record import differences, record_of
from ganworks.data.sample_format import MAX_PIXELS
from ganworks.data.samples import TensorSamples
from ganworks.data.split import AUTO, find_split
from ganworks.data.survey import in_threads
from ganworks.data.video import ClipDataModule
from ganworks.errors import SettingError, check_choice, check_count
from ganworks.noise import keyed_rng

log = logging.getLogger(__name__)
FORMAT = 1  # raise it when `decode_clip` changes what it returns


class Clips(ClipDataModule):
    """Windows of the clips under ``root``, decoded once into a cache of bytes.

    A clip is a folder of frames (``root/clip/000.png``), an animated GIF or WebP, or a video file, which needs
    ``pip install ganworks[video]``. With ``root/class/clip`` the first-level subfolders are the classes.

    Args:
        root: the folder.
        batch_size: clips in a batch of one device.
        frames: of a window, from 2 up.
        stride: every so many frames of a clip are taken.
        resolution: height and width, in pixels; frames are cropped to the square at their centre and resized to it.
        channels: 1 (gray) or 3 (RGB).
        shape: what the networks are built for: (channels, frames, resolution, resolution), or None.
        num_classes: None takes the classes of the data, 0 leaves the labels out.
        random_start: a window starts anywhere in its clip, anew every epoch; False always takes the first one.
        split: see `ganworks.data.Folder`.
        cache: folder of the cache.
        cache_limit_gb: largest cache of this data set, in GB.
        max_corrupt: share of the clips that may be unreadable; they are named and skipped.
        max_pixels: a frame that has more counts as unreadable.
        classes: the names of all classes, in the order of their numbers; None: as the folders say.
        changed: whether a checkpoint resumes with other files: "error" or "accept".
        seed, horizontal_flip, min_batches: see `GanDataModule`.

    Raises:
        SettingError: a setting out of range; no clip, none that is long enough, or too many that are unreadable.
        GanworksError: video files, and no package that reads them.
    """

    name = "clips"

    def __init__(
        self,
        root: str | Path | None,
        batch_size: int = 32,
        frames: int = 16,
        stride: int = 1,
        resolution: int = 64,
        channels: int = 3,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        seed: int = 0,
        horizontal_flip: bool = False,
        min_batches: int = 1,
        random_start: bool = True,
        split: str = AUTO,
        cache: str | Path = "cache",
        cache_limit_gb: float = 32.0,
        max_corrupt: float = 0.1,
        max_pixels: int = MAX_PIXELS,
        classes: Sequence[str] | None = None,
        changed: str = "error",
    ) -> None:
        if channels not in (1, 3):
            raise SettingError("channels", channels, "1 (gray) or 3 (RGB)")
        self.frames = check_count("frames", frames, at_least=2)
        self.stride, self.resolution = check_count("stride", stride), check_count("resolution", resolution)
        size = (int(channels), self.frames, self.resolution, self.resolution)
        check_shape(shape, size, "channels, frames and resolution")
        super().__init__(size, num_classes or 0, batch_size, seed, horizontal_flip, min_batches)
        self.root, self.split, self.random_start = root, split, random_start
        self.cache = ImageCache(cache, cache_limit_gb, max_corrupt, max_pixels)
        self.changed = check_choice("changed", changed, CHANGED)
        self.wanted_classes, self.wanted_names = num_classes, classes

    @property
    def span(self) -> int:
        """Frames of a clip from the first to the last one of a window."""
        return (self.frames - 1) * self.stride + 1

    def prepare_data(self) -> None:
        """Find the clips and fill the cache; other processes then only open it."""
        self.setup()

    @cached_property
    def files(self) -> ClipFiles:
        """The clips, readable or not."""
        return find_clips(find_split(self.root, self.split))

    @cached_property
    def opened(self) -> tuple[ImageFiles, Tensor, Tensor, Tensor]:
        """The readable clips that are long enough, all frames (F, C, R, R), and first frame and length of each."""
        files, frames, lengths = decoded(self.files, self.cache, self.resolution, self.shape[0])
        is_long = lengths >= self.span
        if num_short := int((~is_long).sum()):
            what = f"data.frames={self.frames} at data.stride={self.stride} need {self.span} frames"
            longest = int(lengths.max())
            if num_short == len(files):
                raise SettingError("frames", self.frames, f"less: {what}, and the longest clip has {longest}")
            log.warning(
                "%s: %d of %d clips are too short and are skipped: %s",
                *(files.root, num_short, len(files), what),
            )
        first = lengths.cumsum(0) - lengths
        kept = is_long.nonzero().flatten().tolist()
        return files.only(kept), frames, first[is_long], lengths[is_long]

    @cached_property
    def labelled(self) -> ImageFiles:
        """The clips with their labels as they are trained on: in the order of ``classes``."""
        files = self.opened[0]
        if self.wanted_classes == 0:
            return unlabelled(files)
        files = with_classes(files, self.files, self.wanted_names)
        return settle_classes(files, self.wanted_names, self.wanted_classes)

    def load(self) -> ClipSamples:
        """Open the cache, filling it first where that was not done before."""
        found = self.labelled.num_classes
        if self.wanted_classes not in (None, 0, found):
            allowed = f"{found} (the classes of this data set), or 0 to leave the labels out"
            raise SettingError("num_classes", self.wanted_classes, allowed)
        self.num_classes = found if self.wanted_classes is None else self.wanted_classes
        return self.windows(self.seed if self.random_start else None)

    def load_reference(self) -> TensorSamples:
        """Return a window of every clip, the same for every seed."""
        windows = self.windows("reference" if self.random_start else None)
        return TensorSamples(windows.read(torch.arange(len(windows))), windows.labels)

    def windows(self, seed: int | str | None) -> ClipSamples:
        """Return windows of all clips whose starts are keyed by ``seed``; None takes the first ones."""
        _, frames, first, lengths = self.opened
        return ClipSamples(frames, first, lengths, self.frames, self.stride, seed, self.labelled.labels)

    @property
    def classes(self) -> Sequence[str]:  # type: ignore[override]
        """The names of the classes, where they have names."""
        return () if self.samples.labels is None else self.labelled.classes

    @property
    def settled(self) -> dict[str, Any]:
        """The names of the classes, where the folders have told them."""
        return {"classes": list(self.classes)} if self.classes else {}

    def describe(self) -> dict[str, Any]:
        """Return what summary.json says of the data: also how many clips could not be read, or were too short."""
        num_skipped = len(self.files) - len(self.samples)
        return {**super().describe(), "root": str(self.files.root.absolute()), "num_skipped": num_skipped}

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position, and which files they are."""
        return {**super().state_dict(), "record": record_of(self.files.members())}

    def check_same(self, state_dict: dict[str, Any]) -> None:
        """Raise `SettingError` where the checkpoint was trained on other files, unless that is accepted."""
        if "record" not in state_dict:
            return
        if (found := differences(state_dict["record"], self.files.members())) is None:
            return
        if self.changed == "error":
            allowed = f"accept to go on with other data than the run has seen: in {self.files.root} {found}"
            raise SettingError("changed", self.changed, allowed)
        log.warning("%s: other data than the run has seen: %s", self.files.root, found)


class ClipSamples:
    """A window of every clip, another one in every epoch.

    Args:
        frames: (F, C, H, W) uint8 of all clips, one after the other.
        first: (N,) the first frame of each clip.
        lengths: (N,) its frames.
        num_frames, stride: of a window.
        seed: key of the starts; None starts every window with its clip.
        labels: (N,), or None.
    """

    def __init__(
        self,
        frames: Tensor,
        first: Tensor,
        lengths: Tensor,
        num_frames: int,
        stride: int,
        seed: int | str | None,
        labels: Tensor | None,
    ) -> None:
        self.frames, self.first, self.seed, self.labels = frames, first, seed, labels
        self.offsets = torch.arange(num_frames) * stride
        self.num_starts = lengths - int(self.offsets[-1])
        self._epoch, self._starts = -1, torch.empty(0)

    def __len__(self) -> int:
        return len(self.first)

    def read(self, indices: Tensor) -> Tensor:
        """Return the windows of epoch 0, uint8 (B, C, T, H, W)."""
        return self.read_epoch(indices, 0)

    def read_epoch(self, indices: Tensor, epoch: int) -> Tensor:
        """Return the windows of an epoch, uint8 (B, C, T, H, W)."""
        rows = (self.first + self.starts(epoch))[indices, None] + self.offsets
        return self.frames[rows].movedim(2, 1)

    def starts(self, epoch: int) -> Tensor:
        """Return where the window of each clip starts, (N,), keyed by (seed, epoch)."""
        if self.seed is None:
            return torch.zeros_like(self.first)
        if epoch != self._epoch:
            share = torch.rand(
                len(self), generator=keyed_rng(self.seed, "window", epoch), dtype=torch.float64
            )
            self._epoch, self._starts = epoch, (share * self.num_starts).long()
        return self._starts


def decoded(
    files: ClipFiles, cache: ImageCache, resolution: int, channels: int
) -> tuple[ImageFiles, Tensor, Tensor]:
    """Return the readable clips, all their frames (F, C, R, R) as bytes, mapped from the cache, and their lengths (N,).

    Raises:
        SettingError: too many clips are unreadable, or the cache is too large or cannot be written.
    """
    key = "clips-" + files.fingerprint(FORMAT, resolution, channels, cache.max_pixels)
    done = cache.keep(
        key, partial(decode_all, files, cache, resolution, channels), lambda folder: "it has no checksums"
    )
    content = json.loads((done / "clips.json").read_text(encoding="utf-8"))
    readable = cache.without_corrupt(files, content["corrupt"], done, "clips")
    lengths = torch.tensor(content["lengths"])
    shape = (int(lengths.sum()), channels, resolution, resolution)
    frames = torch.from_numpy(np.memmap(done / "frames.bin", np.uint8, mode="c", shape=shape))
    return readable, frames, lengths


def decode_all(files: ClipFiles, cache: ImageCache, resolution: int, channels: int, folder: Path) -> None:
    """Write the frames of the readable clips to ``frames.bin``, their lengths and what is corrupt to ``clips.json``."""
    corrupt, lengths, limit = {}, [], cache.limit_gb * 1e9

    def read(index: int, path: Path) -> Tensor:
        return decode_clip(
            path, files.frames.get(files.names[index], []), resolution, channels, cache.max_pixels
        )

    with (folder / "frames.bin").open("wb") as file:
        for name, clip in in_threads(files, read, chunk=16):
            if not isinstance(clip, Tensor):
                corrupt[name] = clip
                continue
            if file.tell() + clip.nbytes > limit:
                allowed = (
                    f"more: the clips of {files.root} at data.resolution={resolution} take more than that"
                )
                raise SettingError("cache_limit_gb", cache.limit_gb, allowed)
            file.write(clip.numpy().data)
            lengths.append(len(clip))
    content = {"lengths": lengths, "corrupt": corrupt}
    (folder / "clips.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
