"""Run directories made up for the tests: what is in their files is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from browser import Reader, chromium
from report_runs import CONFIG, SUMMARY, rows, write_rows


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run directory; a part given as None is not written."""

    def make(
        name: str = "run",
        summary: dict[str, Any] | None = SUMMARY,
        config: dict[str, Any] | None = CONFIG,
        table: list[dict[str, float]] | None = None,
        num_grids: int = 3,
        side: int = 32,
    ) -> Path:
        run_dir = tmp_path / name
        (run_dir / "samples").mkdir(parents=True)
        if summary is not None:
            (run_dir / "summary.json").write_text(json.dumps(summary))
        if config is not None:
            (run_dir / "config.yaml").write_text(yaml.safe_dump(config))
        write_rows(run_dir / "metrics.csv", rows() if table is None else table)
        rng = np.random.default_rng(0)
        for index in range(num_grids):
            noise = rng.integers(0, 255, (side, side, 3), dtype=np.uint8)
            at = round(index * 10_000 / max(num_grids - 1, 1))
            Image.fromarray(noise).save(run_dir / "samples" / f"{at:012d}.png", compress_level=1)
        return run_dir

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def reader(browser: Any) -> Iterator[Callable[..., Reader]]:
    """Return a function that opens a page: ``reader(path, width=375, color_scheme="dark")``."""
    contexts = []

    def read(path: Path, width: int = 1280, **options: Any) -> Reader:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        return Reader(context.new_page()).open(path)

    yield read
    for context in contexts:
        context.close()
