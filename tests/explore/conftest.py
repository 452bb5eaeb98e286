"""Small generators of every kind of samples, explorers of them, and the page in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from browser import Reader, chromium
from ganworks import Sampler
from ganworks.cli.explore import Arguments, Explorer
from ganworks.model import (
    BendingTranslator,
    MLPGenerator,
    SeriesGenerator,
    SpriteGenerator,
    StyleGAN2Generator,
    TokenGenerator,
)
from ganworks.sample import Image, Kind, Series, Table, Tokens, Video
from serving import served

STYLES = {"latent_dim": 8, "w_dim": 8, "num_mapping": 2, "channel_base": 64, "channel_max": 8}
GENERATORS: dict[str, tuple[type, dict[str, Any], Kind | None]] = {
    "styles": (StyleGAN2Generator, {"shape": [1, 16, 16], "num_classes": 3, **STYLES}, None),
    "images": (MLPGenerator, {"shape": [1, 6, 6], "latent_dim": 5, "width": 8}, None),
    "codes": (
        MLPGenerator,
        {"shape": [1, 6, 6], "latent_dim": 8, "width": 8, "codes": {"categories": [3], "continuous": 1}},
        None,
    ),
    "vectors": (MLPGenerator, {"shape": [1, 6, 6], "latent_dim": 4, "width": 8, "num_classes": 2}, None),
    "points": (MLPGenerator, {"shape": [2], "latent_dim": 3, "width": 8}, None),
    "table": (MLPGenerator, {"shape": [2], "latent_dim": 3, "width": 8}, Table(["age", "income"])),
    "series": (SeriesGenerator, {"shape": [6, 2], "latent_dim": 3, "width": 8}, Series(["a", "b"])),
    "texts": (TokenGenerator, {"shape": [7, 4], "latent_dim": 3, "width": 8}, Tokens(list("abc "))),
    "clips": (
        SpriteGenerator,
        {
            "shape": [1, 3, 16, 16],
            "sprite_size": 8,
            "latent_dim": 4,
            "width": 8,
            "motion_width": 8,
            "num_classes": 2,
        },
        Video(),
    ),
    "translator": (BendingTranslator, {"shape": [1, 8, 8], "width": 4}, Image()),
}
LABELS = {"styles": "class", "clips": "class", "vectors": "vector"}


@pytest.fixture(scope="session")
def generator_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from the name of a generator to its folder."""

    @cache
    def folder_of(name: str) -> Path:
        kind, arguments, samples = GENERATORS[name]
        torch.manual_seed(0)
        network = kind(**arguments)
        folder = tmp_path_factory.mktemp(name) / "generator"
        config = {"generator": {"_target_": f"ganworks.model.{kind.__name__}", **arguments}}
        config |= {"label_kind": LABELS.get(name, "none")}
        config |= {"classes": ["boot", "hat", "a 'bag'"]} if name == "styles" else {}
        config |= {} if samples is None else {"kind": samples.settings}
        Sampler(network, config).save(folder)
        return folder

    return folder_of


@pytest.fixture(scope="session")
def explorer_of(generator_of: Callable[[str], Path]) -> Callable[[str], Explorer]:
    """Return a function from the name of a generator to what draws for its page."""
    return cache(lambda name: Explorer(Arguments(run=str(generator_of(name)))))


@pytest.fixture(scope="module")
def address(explorer_of: Callable[[str], Explorer]) -> Iterator[Callable[[str], str]]:
    """Return a function from the name of a generator to the address of its page."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(served(explorer_of(name))))


class Visitor(Reader):
    """A page that is served: what it asks of its own server is no complaint."""

    def _look_at(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.complaints.append(f"request: {request.url}")

    def visit(self, address: str) -> Visitor:
        self.page.goto(address)
        return self.wait()

    def wait(self) -> Visitor:
        """Wait until the page has drawn what it was asked for."""
        self.page.wait_for_selector("#stage[aria-busy='false']", timeout=10_000)
        return self

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).text_content())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def visitor(browser: Any, address: Callable[[str], str]) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens the page of a generator: ``visitor("styles", "tab=mix", width=375)``."""
    contexts = []

    def visit(name: str, state: str = "", width: int = 1280, **options: Any) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        return Visitor(context.new_page()).visit(f"{address(name)}#{state}")

    yield visit
    for context in contexts:
        context.close()
