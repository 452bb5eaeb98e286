"""Images a second of our loaders, against PyTorch's plain DataLoader on the same samples.

    python benchmarks/loader.py [--turns 7] [--batches 100] [--images 4000] [--workers 2] [--many 100000]

All sides run in one process, in turns of some batches each, and the table shows medians over the turns and the median
of the paired ratios. `digits` are 8x8 arrays in memory: the rival is a `DataLoader` over a `TensorDataset`, as
tutorials write it. `folder` are PNG files of 64x64 pixels in two subfolders: the rival is torchvision's `ImageFolder`
with ToTensor and Normalize, in this process and with workers. Ours decodes such a folder once into a cache (the
seconds that this takes stand below the table); `not cached` is the same with `data.cache_limit_gb=0`, for data sets
that are too large. `shards` and `parquet` are such pictures packed, decoded on the fly, beside WebDataset's WebLoader
and a DataLoader over `datasets` with set_format. Above the table stands what `--many` pictures of 32x32 in shards take
to start with, of memory, and whether a resume in the middle of an epoch goes on with the same batch; only this needs
Linux. What a training gets of it: a loader pays where it is not much faster than the networks.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from packed import many, picture, shards, table, write_parquet, write_shards
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, TensorDataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

from ganworks.data import GanDataModule
from ganworks.run.compose import compose
from ganworks.run.instantiate import make
from ganworks.run.log import quieten

BATCH, SIDE = 64, 64


def checked_data(*overrides: str) -> GanDataModule:
    """Return a data module of ours, checked: its cache is filled."""
    config = compose([*overrides, f"data.batch_size={BATCH}"])
    datamodule = make("data", config.data)
    datamodule.check()
    return datamodule


def write_images(folder: Path, num: int) -> None:
    """Write pictures in two subfolders."""
    draws = np.random.default_rng(0)
    for index in range(num):
        path = folder / f"class{index % 2}" / f"{index:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(draws, SIDE))


def plain(dataset: Any, num_workers: int = 0) -> DataLoader:
    """Return the loader that a tutorial writes."""
    return DataLoader(
        dataset,
        BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
    )


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """Yield the loader's batches epoch after epoch."""
    while True:
        yield from loader


def measure(loaders: dict[str, Iterable[Any]], num_batches: int, num_turns: int) -> dict[str, list[float]]:
    """Return the images a second of each side in each turn, after one of warm-up."""
    streams = {name: endless(loader) for name, loader in loaders.items()}
    rates: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(num_turns + 1):
        for name, stream in streams.items():
            start = time.perf_counter()
            for _ in range(num_batches):
                next(stream)
            rates[name].append(num_batches * BATCH / (time.perf_counter() - start))
    return {name: turns[1:] for name, turns in rates.items()}


def digits() -> dict[str, Iterable[Any]]:
    """Return the loaders of arrays in memory."""
    ours = checked_data("data=digits")
    batches = list(ours.reference_batches())
    tensors = [torch.cat([batch[key] for batch in batches]) for key in ("real", "label")]
    return {"ganworks": ours.train_dataloader(), "DataLoader": plain(TensorDataset(*tensors))}


def folder(root: Path, num_workers: int) -> tuple[dict[str, Iterable[Any]], float]:
    """Return the loaders of image files, and the seconds that filling the cache took."""
    settings = ["data=folder", f"data.root={root}", f"paths.cache={root}_cache", f"data.resolution={SIDE}"]
    start = time.perf_counter()
    cached = checked_data(*settings)
    seconds = time.perf_counter() - start
    uncached = checked_data(*settings, "data.cache_limit_gb=0", f"data.num_workers={num_workers}")
    normalize = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)])
    files = ImageFolder(str(root), normalize)
    loaders: dict[str, Iterable[Any]] = {
        "ganworks, cached": cached.train_dataloader(),
        f"ganworks, not cached, {num_workers} workers": uncached.train_dataloader(),
        "ImageFolder + DataLoader": plain(files),
        f"ImageFolder + DataLoader, {num_workers} workers": plain(files, num_workers),
    }
    return loaders, seconds


def add_rows(table: Table, data: str, rates: dict[str, list[float]]) -> None:
    """Add a row a side; the first side is the one that the ratios are of."""
    ours = next(iter(rates.values()))
    for side, turns in rates.items():
        ratio = statistics.median(own / other for own, other in zip(ours, turns, strict=True))
        table.add_row(data, side, f"{statistics.median(turns):,.0f}", f"{ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--many", type=int, default=100_000, help="pictures in shards; 0 leaves them out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    console = Console(width=110)
    if arguments.many:  # first: later on there are the workers of other loaders
        print_many(console, arguments.many, arguments.workers)
    rows = Table(title=f"loaders, batches of {BATCH}, torch {torch.__version__}", title_justify="left")
    for column in ("data", "side", "images/s", "first side / this"):
        rows.add_column(column, justify="left" if column in ("data", "side") else "right")
    add_rows(rows, "digits", measure(digits(), 10 * arguments.batches, arguments.turns))
    with tempfile.TemporaryDirectory() as place:
        root, how = Path(place) / "images", (BATCH, SIDE, arguments.workers)
        write_images(root, arguments.images)
        loaders, seconds = folder(root, arguments.workers)
        add_rows(rows, f"folder, {SIDE}x{SIDE}", measure(loaders, arguments.batches, arguments.turns))
        packed = write_shards(Path(place) / "shards", arguments.images, SIDE)
        add_rows(rows, "shards", measure(shards(packed, *how), arguments.batches, arguments.turns))
        packed = write_parquet(Path(place) / "table.parquet", arguments.images, SIDE)
        add_rows(rows, "parquet", measure(table(packed, *how), arguments.batches, arguments.turns))
    console.print(rows)
    console.print(f"{arguments.images:,} files are decoded into the cache in {seconds:.1f} s, once.")


def print_many(console: Console, num: int, workers: int) -> None:
    """Print what ``num`` pictures in shards take."""
    rows = Table(title=f"{num:,} pictures of 32x32 in shards, {workers} workers", title_justify="left")
    rows.add_column("what")
    rows.add_column("measured", justify="right")
    with tempfile.TemporaryDirectory() as place:
        for what, measured in many(write_shards(Path(place) / "shards", num, 32), BATCH, 32, workers):
            rows.add_row(what, measured)
    console.print(rows)


if __name__ == "__main__":
    main()
