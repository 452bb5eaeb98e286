"""What makes extraction fast, each beside doing without: memory format, size of a pass, reading ahead.

    python benchmarks/extraction.py [--num 16] [--blocks 5] [--side 1024] [--threads 1]

- Memory format: Inception on ``num`` images of 299 pixels, contiguous and in channels_last, and how far apart the
  features are.
- Passes: the same images in passes of several sizes, in channels_last.
- Reading ahead: a folder of ``num`` PNG files of ``side`` pixels, decoded by threads while the network works, and one
  after the other; once with Inception, and once with a device of its own in place of it: the processor waits for as
  long as decoding takes.

Both sides are taken in turns in one process; given is the median over the blocks, of CPU time for the first two,
which other work on the machine hardly changes, and of wall-clock time for the last. Inception's weights are drawn
anew.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import torch
from agreement import save_weights
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ganworks.data import evaluated
from ganworks.data.evaluated import EvaluatedImages
from ganworks.metric import Features, Inception
from ganworks.metric.collect import Batch, Keep, collect
from ganworks.metric.extractor.base import Extractor
from ganworks.metric.weights import file_sha256
from ganworks.noise import keyed_rng

SIZES = (1, 4, 8, 16)
Sides = dict[str, Callable[[], object]]


def medians(sides: Sides, blocks: int, clock: Callable[[], float]) -> dict[str, float]:
    """Return the median seconds of each side, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(blocks):
        for name, side in sides.items():
            start = clock()
            side()
            seconds[name].append(clock() - start)
    return {name: statistics.median(found) for name, found in seconds.items()}


def networks(inception: Inception, num: int) -> tuple[Sides, float]:
    """Return Inception on the same images in both memory formats and several passes, and how far features differ."""
    pixels = torch.rand(num, 3, 299, 299, generator=keyed_rng("pixels")) * 2 - 1
    model = inception.model
    contiguous = copy.deepcopy(model).to(memory_format=torch.contiguous_format)

    @torch.no_grad()
    def plain() -> Tensor:
        return torch.cat([inception.run(contiguous, part).features for part in pixels.split(max(SIZES))])

    @torch.no_grad()
    def last(size: int = max(SIZES)) -> Tensor:
        parts = (part.contiguous(memory_format=torch.channels_last) for part in pixels.split(size))
        return torch.cat([inception.run(model, part).features for part in parts])

    first, second = plain(), last()
    sides: Sides = {"contiguous": plain, "channels_last": last}
    sides |= {f"passes of {size}": lambda size=size: last(size) for size in SIZES[:-1]}
    return sides, float((first - second).norm() / first.norm())


class Elsewhere(Extractor):
    """An extractor on a device of its own: it takes time, but not the processor's.

    Args:
        seconds: for each image.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        return {}

    def __call__(self, samples: Tensor) -> Features:
        time.sleep(self.seconds * len(samples))
        return Features(samples[:, 0, 0, :1])


def one_by_one(function: Callable, items: list, size: Callable) -> Iterator:
    """Yield what `ahead` yields, computed when it is asked for."""
    yield from map(function, items)


def read(folder: EvaluatedImages, extractor: Extractor | None, is_ahead: bool) -> None:
    """Read a folder, and extract its features."""
    with patch.object(evaluated, "ahead", evaluated.ahead if is_ahead else one_by_one), torch.no_grad():
        batches: Iterator[Batch] = ((batch["real"], {}) for batch in folder.reference_batches())
        if extractor is None:
            for _ in batches:
                pass
        else:
            collect(batches, len(folder), {"x": extractor}, Keep({"x": len(folder)}))


def folder_of(path: Path, num: int, side: int) -> EvaluatedImages:
    """Write smooth noise, which compresses about as a photograph does."""
    rng = keyed_rng("folder")
    for index in range(num):
        coarse = torch.rand(1, 3, side // 4, side // 4, generator=rng)
        smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
        pixels = (smooth[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
        Image.fromarray(pixels).save(path / f"{index}.png")
    return EvaluatedImages(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = Table("what", "ms an image", "times as fast", "as")
    with tempfile.TemporaryDirectory() as temporary:
        weights = save_weights(Path(temporary) / "inception.pth")
        inception = Inception(str(weights), file_sha256(weights), device="cpu")
        inception.load()
        images = Path(temporary) / "images"
        images.mkdir()
        folder = folder_of(images, arguments.num, arguments.side)

        def add(found: dict[str, float], base: str) -> None:
            for name, seconds in found.items():
                each = f"{1000 * seconds / arguments.num:.1f}"
                table.add_row(name, each, "" if name == base else f"{found[base] / seconds:.2f}", base)

        sides, difference = networks(inception, arguments.num)
        add(medians(sides, arguments.blocks, time.process_time), "contiguous")
        alone = {"decoding alone": lambda: read(folder, None, False)}
        decoding = medians(alone, arguments.blocks, time.perf_counter)
        add(decoding, "decoding alone")
        elsewhere = Elsewhere(decoding["decoding alone"] / arguments.num)
        for name, extractor in (("Inception", inception), ("a device of its own", elsewhere)):
            both = {
                f"one after the other, {name}": lambda extractor=extractor: read(folder, extractor, False),
                f"ahead, {name}": lambda extractor=extractor: read(folder, extractor, True),
            }
            add(medians(both, arguments.blocks, time.perf_counter), f"one after the other, {name}")
    Console(width=130).print(table)
    print(f"features in channels_last are {difference:.1e} off those of contiguous images")


if __name__ == "__main__":
    main()
