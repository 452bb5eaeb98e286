"""What `loader.py` measures of packed images: shards and tables beside their own loaders; many images in shards."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from ganworks.data import GanDataModule, HuggingFace, WebDataset

SHARD = 1000  # images


def picture(draws: np.random.Generator, side: int) -> bytes:
    """Return a smooth picture with some noise as PNG: it compresses about as photographs do."""
    coarse = Image.fromarray(draws.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = np.clip(smooth + draws.integers(-8, 9, smooth.shape), 0, 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(noisy).save(content, "png")
    return content.getvalue()


def write_shards(folder: Path, num: int, side: int, different: int = 4000) -> Path:
    """Write ``num`` pictures to shards by WebDataset's own writer, ``different`` ones over and over."""
    from webdataset import ShardWriter

    draws = np.random.default_rng(0)
    pictures = [picture(draws, side) for _ in range(min(num, different))]
    folder.mkdir(parents=True)
    with ShardWriter(str(folder / "part-%04d.tar"), maxcount=SHARD, verbose=0) as writer:
        for index in range(num):
            writer.write(
                {"__key__": f"{index:08d}", "png": pictures[index % len(pictures)], "cls": index % 2}
            )
    return folder


def write_parquet(path: Path, num: int, side: int) -> Path:
    """Write ``num`` pictures to a table by the library `datasets`."""
    import datasets

    draws = np.random.default_rng(0)
    rows = {
        "image": [{"bytes": picture(draws, side), "path": None} for _ in range(num)],
        "label": [index % 2 for index in range(num)],
    }
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["even", "odd"])}
    )
    datasets.Dataset.from_dict(rows, features=features).to_parquet(path)
    return path


def opened(module: type[GanDataModule], root: Path, batch: int, side: int, workers: int) -> GanDataModule:
    """Return a data module that decodes on the fly, checked."""
    data = module(  # type: ignore[call-arg]
        root,
        batch_size=batch,
        resolution=side,
        cache=root.with_name("cache"),
        cache_limit_gb=0,
        num_workers=workers,
    )
    data.check()
    return data


def shards(root: Path, batch: int, side: int, workers: int) -> dict[str, Iterable[Any]]:
    """Return our loader of shards, and WebDataset's: decoded, shuffled in a buffer, batched by the workers."""
    import webdataset as wds

    ours = opened(WebDataset, root, batch, side, workers).train_dataloader()
    urls = sorted(map(str, root.glob("*.tar")))
    pipeline = wds.WebDataset(urls, shardshuffle=len(urls), seed=0).shuffle(1000).decode("torchrgb")
    pipeline = pipeline.to_tuple("png", "cls").batched(batch, partial=False)
    theirs = wds.WebLoader(pipeline, batch_size=None, num_workers=workers, persistent_workers=True)
    return {f"ganworks, {workers} workers": ours, f"WebLoader, {workers} workers": theirs}


def table(path: Path, batch: int, side: int, workers: int) -> dict[str, Iterable[Any]]:
    """Return our loader of a table, and PyTorch's of the same table with ``set_format("torch")``."""
    import datasets

    ours = opened(HuggingFace, path, batch, side, workers).train_dataloader()
    cache = str(path.with_name("cache") / "datasets")
    rows = datasets.load_dataset("parquet", data_files=[str(path)], split="train", cache_dir=cache)
    rows.set_format("torch")
    theirs = DataLoader(
        rows, batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=True
    )
    return {f"ganworks, {workers} workers": ours, f"set_format + DataLoader, {workers} workers": theirs}


def many(root: Path, batch: int, side: int, workers: int) -> Iterator[tuple[str, str]]:
    """Yield what is measured of many images in shards: two starts, memory over an epoch, a resume in its middle."""
    for name in ("first start, which makes the index", "start with the index in the cache"):
        start = time.perf_counter()
        data = opened(WebDataset, root, batch, side, workers)
        stream = iter(data.train_dataloader())
        first = next(stream)["real"]
        yield f"{name}, to the first batch", f"{time.perf_counter() - start:.1f} s"
    assert data.loader is not None
    num, memory, begin = len(data.loader), [], time.perf_counter()
    state, expected = {}, None
    for index in range(1, num):
        if index == num // 2:
            state = data.state_dict()
        batch_now = next(stream)
        expected = batch_now["real"] if index == num // 2 else expected
        if index % (num // 10) == 0:
            memory.append(own_memory())
    rate = (num - 1) * batch / (time.perf_counter() - begin)
    yield "images a second over the epoch", f"{rate:,.0f}"
    yield "memory of all processes after each tenth of it, MB", " ".join(f"{each:.0f}" for each in memory)
    again = opened(WebDataset, root, batch, side, workers)
    again.load_state_dict(state)
    resumed = next(iter(again.train_dataloader()))["real"]
    is_same = expected is not None and torch.equal(resumed, expected) and not torch.equal(resumed, first)
    yield "batch after a resume in the middle of the epoch", "the same" if is_same else "ANOTHER"


def own_memory() -> float:
    """Return the memory of this process and its children that no file stands behind, in MB."""
    total = 0
    for pid in (os.getpid(), *children(os.getpid())):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return total / 1024


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for path in listed for number in path.read_text(encoding="utf-8").split()]
