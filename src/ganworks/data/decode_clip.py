"""From a folder of frames, an animation or a video file to clips of square frames in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import torch
from PIL import Image, ImageSequence
from torch import Tensor

from ganworks.data.decode import decode, decode_frame
from ganworks.data.files import natural
from ganworks.data.open_image import check_regular, open_image
from ganworks.data.sample_format import MAX_PIXELS, SampleFormat
from ganworks.data.value_range import DTYPE
from ganworks.errors import GanworksError

ANIMATIONS = frozenset([".gif", ".webp"])
VIDEOS = frozenset([".mp4", ".webm", ".avi", ".mov", ".mkv", ".m4v"])
READERS = ("torchcodec", "av")  # the first one that is installed reads video files


def decode_clip(
    path: Path, frames: list[str], resolution: int, channels: int, max_pixels: int = MAX_PIXELS
) -> Tensor:
    """Read a clip: uint8 (T, channels, resolution, resolution), each frame as `decode` does an image.

    Args:
        path: an animation, a video, or the folder of ``frames``.
        frames: names of the images of a folder in their order; empty for a file.

    Raises:
        Exception: whatever the reader raises for what it cannot read; of a folder, with the name of the frame.
    """
    how = SampleFormat(resolution, channels, DTYPE, max_pixels)
    if frames:
        images = []
        for name in frames:
            try:
                images.append(decode(path / name, how))
            except Exception as error:
                raise OSError(f"{name}: {error}") from error
        return torch.stack(images)
    check_regular(path)
    read = frames_of_animation if path.suffix.lower() in ANIMATIONS else frames_of_video
    images = [decode_frame(frame, how) for frame in read(path, max_pixels)]
    if not images:
        raise OSError("it has no frames")
    return torch.stack(images)


def frames_of_animation(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Yield the frames of a GIF or WebP, whole each."""
    with open_image(path, max_pixels) as file:
        yield from (frame.convert("RGBA") for frame in ImageSequence.Iterator(file))


def frames_of_video(path: Path, max_pixels: int) -> Iterator[Image.Image]:
    """Yield the frames of a video by torchcodec, or by PyAV where that is not there."""
    return _by_torchcodec(path) if reader() == "torchcodec" else _by_av(path)


def reader() -> str:
    """Return the package that reads video files.

    Raises:
        GanworksError: none is installed.
    """
    for name in READERS:
        if find_spec(name) is not None and _works(name):
            return name
    raise GanworksError(
        "Video files (mp4, webm, avi, ...) need a package that reads them: pip install 'ganworks[video]' (PyAV, or"
        " torchcodec with an FFmpeg on the machine). Folders of frames, GIF and WebP need none."
    )


def is_animation(path: Path) -> bool:
    """Say whether an image file has several frames."""
    try:
        with Image.open(path) as file:
            return getattr(file, "n_frames", 1) > 1
    except (OSError, SyntaxError, ValueError):
        return path.suffix.lower() == ".gif"  # one that is corrupt is told as a clip


def in_order(names: list[str]) -> list[str]:
    """Return names of frames in the order of their numbers.

    >>> in_order(["10.png", "9.png"])
    ['9.png', '10.png']
    """
    return sorted(names, key=natural)


def _works(name: str) -> bool:
    try:
        __import__(name)
    except Exception:  # torchcodec finds no FFmpeg
        return False
    return True


def _by_torchcodec(path: Path) -> Iterator[Image.Image]:
    from torchcodec.decoders import VideoDecoder

    for frame in VideoDecoder(str(path)):
        yield Image.fromarray(frame.permute(1, 2, 0).numpy())


def _by_av(path: Path) -> Iterator[Image.Image]:
    import av

    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield Image.fromarray(frame.to_ndarray(format="rgb24"))
