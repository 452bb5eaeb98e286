"""Clips as a picture for a person: film strips and animations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.picture.samples import image_grid, save_image
from ganworks.staged import staged

MILLISECONDS = 125  # a frame
SIDE = 960  # pixels that a strip of small frames is enlarged to, at least


def save_film(clips: Tensor, path: Path, num_rows: int | None = None) -> Path:
    """Write the first ``num_rows`` of clips (B, C, T, H, W) in [-1, 1] as strips, a clip a row; None is 8 rows."""
    frames = clips[: num_rows or 8].movedim(2, 1)
    zoom = max(1, round(SIDE / (frames.shape[1] * frames.shape[-1])))
    return save_image(image_grid(frames.flatten(0, 1), columns=frames.shape[1], zoom=zoom), path)


def save_animation(
    clips: Tensor, path: Path, columns: int | None = None, zoom: int | None = None, gap: int = 2
) -> Path:
    """Write clips (B, C, T, H, W) in [-1, 1] to a GIF that plays them side by side; arguments as for `image_grid`."""
    frames: list[Image.Image] = [frame.quantize(64) for frame in played(clips, columns, zoom, gap)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as temporary:
        frames[0].save(temporary, save_all=True, append_images=frames[1:], duration=MILLISECONDS, loop=0)
    return path


def save_video(clips: Tensor, path: Path, columns: int | None = None) -> Path:
    """Write clips (B, C, T, H, W) in [-1, 1] to an MP4 that plays them side by side.

    Raises:
        GanworksError: PyAV is not installed.
    """
    check_video_writer()
    from av import VideoFrame
    from av import open as container_of

    frames = played(clips, columns, None, 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as temporary, container_of(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=1000 // MILLISECONDS)
        # The codec takes even sides alone: an odd one loses a row of the gap.
        stream.width, stream.height = (side // 2 * 2 for side in frames[0].size)
        stream.pix_fmt, stream.bit_rate = "yuv420p", 8_000_000
        for frame in frames:
            pixels = np.asarray(frame)[: stream.height, : stream.width]
            container.mux(
                stream.encode(VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24"))
            )
        container.mux(stream.encode())
    return path


def check_video_writer() -> None:
    """Raise `GanworksError` unless PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise GanworksError("An MP4 needs PyAV: pip install 'ganworks[video]', or take .gif.") from error


def played(clips: Tensor, columns: int | None, zoom: int | None, gap: int) -> list[Image.Image]:
    """Return the pictures of clips (B, C, T, H, W) side by side, one for each time."""
    return [image_grid(frame, columns, zoom, gap) for frame in clips.movedim(2, 0)]
