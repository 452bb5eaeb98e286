"""The clips under a folder: folders of frames, animations and video files."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ganworks.data.decode import SUFFIXES
from ganworks.data.decode_clip import ANIMATIONS, VIDEOS, in_order, is_animation, reader
from ganworks.data.files import ImageFiles, check_folder, label_by_folder, natural, walk
from ganworks.data.labels import unlabelled
from ganworks.errors import SettingError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipFiles(ImageFiles):
    """Clips under ``root``, by relative name, and their labels.

    Args:
        frames: by the name of a clip that is a folder, the names of its frames in order.
    """

    frames: dict[str, list[str]] = field(default_factory=dict)

    def members(self) -> ImageFiles:
        """Return every file of every clip, with the labels of the clips."""
        names = [
            os.path.normpath(os.path.join(name, frame)) if frame else name  # noqa: PTH118
            for name in self.names
            for frame in self.frames.get(name) or [""]
        ]
        return ImageFiles(self.root, names, self.labels)

    def fingerprint(self, *settings: object) -> str:
        """Return a hash of names, sizes, times of change of all files, and ``settings``."""
        return self.members().fingerprint("clips", *settings)


def find_clips(root: str | Path | None) -> ClipFiles:
    """Find all clips under ``root``: folders of images, animated GIF and WebP, and video files.

    When every clip lies in a subfolder, of two or more, the first-level subfolders are the classes, in natural order
    (`with_classes` says when they are not). Pictures beside or above clips are left out, with a warning.

    Raises:
        SettingError: ``root`` is not a folder, or holds no clip.
        GanworksError: there are video files, and nothing reads them.
    """
    folder = check_folder(root)
    frames: dict[str, list[str]] = {}
    names: list[str] = []
    for path in walk(folder):
        suffix = path.suffix.lower()
        if suffix in VIDEOS or (suffix in ANIMATIONS and is_animation(path)):
            names.append(path.relative_to(folder).as_posix())
        elif suffix in SUFFIXES:
            frames.setdefault(path.parent.relative_to(folder).as_posix(), []).append(path.name)
    frames = without_loose(folder, names, frames)
    if any(Path(name).suffix.lower() in VIDEOS for name in names):
        reader()
    names = sorted([*names, *frames], key=natural)
    if not names:
        allowed = (
            "a folder of clips: folders of frames (root/clip/000.png), animated GIF or WebP, mp4, webm, avi"
        )
        raise SettingError("root", root, allowed)
    labelled = _by_folder(ImageFiles(folder, names))
    ordered = {name: in_order(found) for name, found in frames.items()}
    return ClipFiles(folder, names, labelled.labels, labelled.classes, frames=ordered)


def without_loose(folder: Path, names: Sequence[str], frames: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return ``frames`` without those of folders that hold clips: files by ``names``, or folders of frames."""
    holding = {
        parent.as_posix() for name in [*names, *frames] for parent in Path(name).parents if name != "."
    }
    loose = sorted((name for name in frames if name in holding), key=natural)
    if loose:
        num = sum(len(frames[name]) for name in loose)
        first = os.path.normpath(os.path.join(loose[0], min(frames[loose[0]], key=natural)))  # noqa: PTH118
        log.warning(
            "%s: %s loose pictures are left out, as they lie in folders that hold clips: %s%s",
            *(folder, f"{num:,}", first, ", ..." if num > 1 else ""),
        )
    return {name: found for name, found in frames.items() if name not in holding}


def with_classes(kept: ImageFiles, found: ImageFiles, names: Sequence[str] | None = None) -> ImageFiles:
    """Return the clips that are trained on, ``kept`` of those ``found``, with the classes that their folders say.

    A clip at the top that is too short or unreadable does not matter. Where each folder holds one clip alone, such as
    ``root/clip/frames/000.png``, the folders are no classes, unless ``names`` of classes are asked for; that is told.
    """
    labelled = kept if kept.labels is not None else _by_folder(kept)
    num_in = Counter(name.split("/")[0] for name in found.names if "/" in name)
    if labelled.labels is None:
        at_top = [name for name in kept.names if "/" not in name]
        if len(at_top) < len(kept) and len(num_in) > 1:
            text = "%s: there are no classes: %s of %s clips lie in no subfolder, such as %s"
            log.warning(text, kept.root, f"{len(at_top):,}", f"{len(kept):,}", at_top[0])
        return labelled
    if names is None and max(num_in.values()) == 1:
        text = "%s: each subfolder holds one clip, and is taken for no class; data.classes=[...] takes them for classes"
        log.warning(text, kept.root)
        return unlabelled(labelled)
    return labelled


def _by_folder(files: ImageFiles) -> ImageFiles:
    told = label_by_folder(ImageFiles(files.root, [_in_class(name) for name in files.names]))
    return replace(
        files,
        labels=told.labels,
        classes=told.classes,
        label_kind=told.label_kind,
        num_classes=told.num_classes,
    )


def _in_class(name: str) -> str:
    """Return the name of a clip as that of a file: a folder of frames at the top is in no class."""
    return "clip" if name == "." else name
