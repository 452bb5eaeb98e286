"""Content of run directories made up for tests of the report."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import Any

EPISODE = {
    "rule": "mode-collapse",
    "severity": "error",
    "since": 4_000,
    "until": 6_000,
    "value": 0.31,
    "threshold": 0.5,
    "message": "mode collapse: samples' mean pair distance is .31 of the data's; try regularizer=r1_r2"
    " (docs/doctor.md#mode-collapse)",
    "advice": "regularizer=r1_r2",
    "link": "docs/doctor.md#mode-collapse",
}
SUMMARY: dict[str, Any] = {
    "status": "finished",
    "error": None,
    "images_seen": 10_000,
    "num_images": 10_000,
    "metrics": {"fd_digits": 1.5, "recall": 0.9},
    "floor": {"fd_digits": 0.69, "recall": 0.97},
    "baselines": {"untranslated source": {"fd_digits": 61.5}},
    "contract": {
        "num_real": 1797,
        "extractor": {"digits": {"extractor": "ganworks digits classifier", "resize": "antialiased"}},
        "figure": {
            "fd_digits": {"reads": ["digits"]},
            "recall": {"reads": ["digits"], "num_neighbours": 5},
            "coverage": {"reads": ["digits"], "num_neighbours": 5},
        },
    },
    "best": {"metric": "fd_digits", "value": 1.25, "images_seen": 8_000},
    "images_per_second": 2000.0,
    "seconds": 5.0,
    "peak_memory_mb": 500.0,
    "device": "cpu",
    "versions": {"torch": "2.9.0"},
    "doctor": {"verdict": "one episode of mode collapse", "episodes": [EPISODE], "restores": 0},
}
CONFIG = {"name": "digits", "seed": 0, "num_images": 10_000, "data": {"batch_size": 64}}


def rows(num: int = 50, num_images: int = 10_000) -> list[dict[str, float]]:
    """Rows as a training writes them: both networks' losses and norms, and a metric in every tenth row."""
    rng, made = random.Random(0), []
    for index in range(1, num + 1):
        row: dict[str, float] = {"images_seen": round(index * num_images / num)}
        for role in ("generator", "discriminator"):
            row[f"train/{role}/adversarial"] = rng.gauss(1, 0.2)
            row[f"train/{role}/gradient_norm"] = math.exp(rng.gauss(0, 1))
        row["doctor/auc"] = rng.random()
        if index % 10 == 0:
            row["metric/fd_digits"] = 1000 / index
        made.append(row)
    return made


def write_rows(path: Path, content: list[dict[str, float]]) -> None:
    names = list(dict.fromkeys(name for row in content for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(content)
