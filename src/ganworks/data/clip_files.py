"""The clips under a folder: folders of frames, animations and video files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ganworks.data.decode import SUFFIXES
from ganworks.data.decode_clip import ANIMATIONS, VIDEOS, in_order, is_animation, reader
from ganworks.data.files import ImageFiles, check_folder, label_by_folder, natural, walk
from ganworks.errors import SettingError


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

    When every clip lies in a subfolder, of two or more, the first-level subfolders are the classes, in natural order.

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
    if any(Path(name).suffix.lower() in VIDEOS for name in names):
        reader()
    names = sorted([*names, *frames], key=natural)
    if not names:
        allowed = (
            "a folder of clips: folders of frames (root/clip/000.png), animated GIF or WebP, mp4, webm, avi"
        )
        raise SettingError("root", root, allowed)
    labelled = label_by_folder(ImageFiles(folder, [_in_class(name) for name in names]))
    ordered = {name: in_order(found) for name, found in frames.items()}
    return ClipFiles(folder, names, labelled.labels, labelled.classes, frames=ordered)


def _in_class(name: str) -> str:
    """Return the name of a clip as that of a file: a folder of frames at the top is in no class."""
    return "clip" if name == "." else name
