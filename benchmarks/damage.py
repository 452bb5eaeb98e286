"""What becomes of damaged files: single flipped bits, files that are cut off, files of zeros.

    python benchmarks/damage.py [--flips 300]

A small run on a folder of images writes every kind of file that ganworks writes. Then each is damaged, and whoever
reads it is asked. "Taken" is damage that changed what was read and that nobody noticed; of files without a digest
(texts that people edit) a flipped bit may well be another valid text, so these are only cut off and zeroed.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from ganworks import load_generator
from ganworks.data.entry import find_fault
from ganworks.errors import GanworksError
from ganworks.logger import read_metrics
from ganworks.metric.feature_cache import load, save
from ganworks.metric.sample_set import FeatureSet, SampleSet
from ganworks.metric.statistics_file import Statistics
from ganworks.report.record import read_summary
from ganworks.run.init_from import read
from ganworks.run.resume import read_config
from ganworks.sample.loading import last_checkpoint, read_checkpoint

Read = Callable[[Path], Any]
LAST = "checkpoints/last.ckpt"


def run_small(folder: Path) -> Path:
    """Train on a folder of images, measure, and return the run directory."""
    images, run_dir, rng = folder / "images", folder / "run", np.random.default_rng(0)
    images.mkdir()
    for index in range(64):
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(images / f"{index:03d}.png")
    command = [
        *("-m", "ganworks.cli.train", f"hydra.run.dir={run_dir}", "data=folder", f"data.root={images}"),
        *(
            "data.resolution=8",
            "data.channels=1",
            "data.batch_size=16",
            "metric=digits",
            "metric.num_samples=64",
            "model.width=8",
        ),
        *("num_images=256", "trainer=cpu", "trainer.log_every_n_steps=1", "callback.sample_grid.num=4"),
    ]
    environment = {**os.environ, "GANWORKS_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL, check=True)
    features = FeatureSet(32, torch.randn(32, 8), None, None)
    save(run_dir / "features.safetensors", SampleSet(32, {"digits": features}))
    Statistics(torch.randn(8).double(), torch.eye(8).double(), 100, {"split": "x"}).save(
        folder / "run" / "real.npz"
    )
    return run_dir


def kinds(run_dir: Path) -> dict[str, tuple[Path, Read, bool]]:
    """Return by name of a kind a file of it, who reads it, and whether it has a digest."""
    return {
        "last.ckpt": (run_dir / LAST, read_checkpoint, True),
        "last.ckpt of a run": (run_dir / LAST, lambda path: taken_of_run(path.parent.parent), True),
        "model.safetensors": (run_dir / "generator/model.safetensors", read, True),
        "generator/config.json": (
            run_dir / "generator/config.json",
            lambda path: load_generator(path.parent).sample(2),
            False,
        ),
        "config.yaml": (run_dir / "config.yaml", lambda path: read_config(path.parent, frozenset()), False),
        "summary.json": (run_dir / "summary.json", lambda path: read_summary(path.parent), False),
        "metrics.csv": (run_dir / "metrics.csv", read_metrics, False),
        "statistics .npz": (run_dir / "real.npz", Statistics.load, True),
        "features": (run_dir / "features.safetensors", load, True),
        "decoded images": (next(run_dir.parent.glob("cache/**/images.bin")), kept_images, True),
    }


def kept_images(path: Path) -> list[int] | None:
    """Return the bytes of decoded images, or None where they would be decoded again."""
    return None if find_fault(path.parent, lambda _: None) else list(path.read_bytes())


def taken_of_run(run_dir: Path) -> str | dict[str, Any]:
    """Return what a resume of the run would read, or "predecessor"."""
    path = last_checkpoint(run_dir)
    if path is None:
        raise GanworksError("no checkpoint")
    return "predecessor" if path.name != "last.ckpt" else read_checkpoint(path)


def outcome(path: Path, read_it: Read, whole: str) -> str:
    """Return what a reader makes of the damaged file."""
    try:
        found = read_it(path)
    except GanworksError:
        return "refused"
    except Exception as error:
        return f"error: {type(error).__name__}"
    if found is None:
        return "computed anew"
    if isinstance(found, str):
        return found
    if isinstance(found, list) and all(repr(plain(row)) in whole for row in found):
        return "rows that are whole"
    return "as it was" if repr(plain(found)) == whole else "taken"


def plain(found: Any) -> Any:
    """Return what was read in a form that compares: all numbers of all tensors."""
    if isinstance(found, torch.Tensor):
        return found.dtype, found.shape, hash(found.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    if isinstance(found, dict):
        return {name: plain(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [plain(value) for value in found]
    return plain(vars(found)) if is_dataclass(found) else found


def damaged(whole: bytes, num_flips: int) -> list[tuple[str, bytes]]:
    """Return (kind of damage, content): so many single flipped bits, cuts at many lengths, zeros."""
    rng, versions = random.Random(0), []
    for _ in range(num_flips):
        flipped = bytearray(whole)
        flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        versions.append(("flipped bit", bytes(flipped)))
    cuts = [len(whole) * part // 20 for part in range(20)] + [len(whole) - 1]
    return [*versions, *(("cut off", whole[:cut]) for cut in cuts), ("zeros", bytes(len(whole)))]


def tried(folder: Path, num_flips: int) -> Iterator[tuple[str, str, Counter[str]]]:
    """Yield (file, damage, what became of it) for every kind of file that a run in ``folder`` writes."""
    logging.disable(logging.WARNING)
    for name, (path, read_it, has_digest) in kinds(run_small(folder)).items():
        content, counts = path.read_bytes(), defaultdict[str, Counter[str]](Counter)
        whole = repr(plain(read_it(path)))
        for damage, version in damaged(content, num_flips if has_digest else 0):
            path.write_bytes(version)
            counts[damage][outcome(path, read_it, whole)] += 1
        path.write_bytes(content)
        yield from ((name, damage, found) for damage, found in counts.items())


def described(found: Counter[str]) -> str:
    """Return what became of files, the most frequent first."""
    return ", ".join(f"{how} {count}" for how, count in found.most_common())


def rows(folder: Path, num: int) -> Iterator[tuple[str, str]]:
    """Yield (what was tried, what was lost) for the table of `faults.py`, with a few flipped bits for each kill."""
    for name, damage, found in tried(folder, 6 * num):
        lost = {how: count for how, count in found.items() if how == "taken" or how.startswith("error")}
        yield f"{name}, {damage}: {described(found)}", described(Counter(lost))


CASES = {"damage": rows}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=300)
    flips = parser.parse_args().flips
    table = Table("file", "damage", "what became of it")
    with tempfile.TemporaryDirectory() as folder:
        for name, damage, found in tried(Path(folder), flips):
            table.add_row(name, damage, described(found))
    Console().print(table)


if __name__ == "__main__":
    main()
