"""The pictures of docs/explore.md: the page of a run in headless Chromium (`pip install playwright`).

    python train.py experiment=fashion_stylegan2 model.conditional=true
    python docs/draw_explore.py RUN_DIR

Writes docs/images/explore.png, the view of one sample, explore_many.png and explore_walk.png beside it.
"""

from __future__ import annotations

import shutil
import sys
import threading
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from ganworks.cli.explore import Arguments, Explorer
from ganworks.explore.server import address_of, server_of

IMAGES = Path(__file__).parent / "images"
CLASSES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
VIEWS = {
    "explore": "tab=sample&seed=8&label=Ankle boot&truncation=.8&move=0.9 0 0 -1.2",
    "explore_many": f"tab=grid&count=40&truncation=.8&label={CLASSES}",
    "explore_walk": "tab=between&seed=2&other=8&steps=12",
}
WINDOW = {"width": 1180, "height": 850}
COLORS = 256


def main(run_dir: str) -> None:
    """Draw all pictures."""
    server = server_of(Explorer(Arguments(run=run_dir)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, state in VIEWS.items():
            save(shot(browser, f"{address_of(server)}#{state}"), IMAGES / f"{name}.png")
        browser.close()


def shot(browser: Browser, address: str) -> Image.Image:
    """Return the page as it is once it has drawn what its address says."""
    page = browser.new_context(viewport=WINDOW).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_selector("#stage[aria-busy='false']")
    page.wait_for_timeout(500)  # a picture fades in
    return Image.open(BytesIO(page.screenshot()))


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture of few colours, as small as it gets."""
    picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
