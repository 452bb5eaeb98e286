"""The gallery: trains shipped experiments, and draws docs/gallery.md of what they made.

    python docs/draw_gallery.py                         all of them, one after the other; half an hour of one CPU core
    python docs/draw_gallery.py sines words             some of them
    python docs/draw_gallery.py sines=RUN_DIR           from a run that is finished

Each experiment gives docs/gallery/NAME.png or .gif, the run's last grid of samples, and NAME_report.webp, the
top of the run's report as headless Chromium shows it. Figures are kept in docs/gallery/results.json; the page is
written from them and from the head of the experiment's file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER, PAGE = ROOT / "docs" / "gallery", ROOT / "docs" / "gallery.md"
RESULTS = FOLDER / "results.json"
TITLES = {  # in the order of the page
    "fashion_dcgan": "Clothes by a small DCGAN",
    "fashion_edges": "Clothes from their outlines",
    "digits_dcgan": "Digits, the default run",
    "digits_conditional": "Digits on demand",
    "digits_flow": "Digits by a flow",
    "moving_digits": "Clips of moving digits",
    "digits_superres": "Super-resolution",
    "printed_to_handwritten": "Printed digits rewritten by hand",
    "words": "Words",
    "sines": "Series",
    "grid_r3gan": "25 Gaussians",
}
REPORT_SIZE = (1100, 1240)  # pixels: the verdict, the figures, the samples, the first curves
MAX_BYTES = 100_000  # of a grid that is copied as it is
NUM_LINES = 12  # of a page of texts
INTRODUCTION = """# Gallery

What the shipped experiments make, and how their reports begin. Each picture is made by the command above it: it trains
the experiment, `python train.py experiment=NAME`, on data that are bundled or come with
[Debian's Fashion-MNIST](options.md#data), and takes the last grid of samples and the top of the [report](report.md),
as they are. Nothing is chosen by hand: the latents are those of the seed. A run that is there is drawn again with
`python docs/draw_gallery.py NAME=RUN_DIR`.
"""


def main(arguments: list[str]) -> None:
    """Draw the experiments that are named, or all of them, and write the page."""
    for argument in arguments or list(TITLES):
        name, _, run = argument.partition("=")
        if name not in TITLES:
            raise SystemExit(f"error: {name}: must be one of {', '.join(TITLES)}")
        draw(name, Path(run) if run else train(name))
    PAGE.write_text(page(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


def train(name: str) -> Path:
    """Train an experiment, which shows its progress, and return its run directory."""
    before = set((ROOT / "runs" / name).glob("*/summary.json"))
    subprocess.run([sys.executable, "train.py", f"experiment={name}"], cwd=ROOT, check=True)
    (summary,) = set((ROOT / "runs" / name).glob("*/summary.json")) - before
    return summary.parent


def draw(name: str, run: Path) -> None:
    """Draw the pictures of a run and keep its figures."""
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    best = summary["best"]["metric"]
    metric = (
        best if best in summary["floor"] else next(iter(summary["metrics"]))
    )  # of many samples, not of a few
    beside = {"held-out real data": summary["floor"], **summary["baselines"]}
    last = max((run / "samples").iterdir(), key=lambda path: (path.stem, path.suffix != ".png"))
    result: dict[str, Any] = {
        "figure": [metric, summary["metrics"][metric]],
        "beside": {name: values[metric] for name, values in beside.items() if metric in values},
        "images": summary["images_seen"],
        "cpu_seconds": round(summary["cpu_seconds_per_image"] * summary["images_seen"]),
    }
    if last.suffix == ".txt":
        result["text"] = last.read_text(encoding="utf-8").splitlines()[:NUM_LINES]
    else:
        result["picture"] = copied(last, name).name
    photograph(run / "report.html", FOLDER / f"{name}_report.webp")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[name] = result
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def copied(picture: Path, name: str) -> Path:
    """Return the copy of a grid in the gallery: the file as it is, or a WebP if it is a large one."""
    if picture.suffix != ".png" or picture.stat().st_size <= MAX_BYTES:
        return Path(shutil.copy(picture, FOLDER / f"{name}{picture.suffix}"))
    target = FOLDER / f"{name}.webp"
    Image.open(picture).convert("RGB").save(target, quality=60, method=6)
    return target


def photograph(page: Path, picture: Path) -> None:
    """Save the top of a page as headless Chromium shows it."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("error: the pictures of reports need Chromium: apt-get install chromium")
    with TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={shot}"]
        size = "--window-size={},{}".format(*REPORT_SIZE)
        subprocess.run([browser, *flags, size, page.absolute().as_uri()], check=True, capture_output=True)
        Image.open(shot).convert("RGB").save(picture, quality=60, method=6)


def head(name: str) -> str:
    """Return what the file of an experiment says of it: the comment up to what is expected."""
    lines = (ROOT / "conf" / "experiment" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[2:]
    comment = " ".join(line[2:] for line in lines[: [line[:1] for line in lines].index("d")])
    linked = re.sub(r"arXiv:([\d.]+\d)", r"[\1](https://arxiv.org/abs/\1)", comment.partition(" Expected")[0])
    return textwrap.fill(linked, 120, break_long_words=False, break_on_hyphens=False)


def number(value: float) -> str:
    """Return a figure with three digits, or without a fraction."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def section(name: str, result: dict[str, Any]) -> str:
    """Return the part of the page for an experiment."""
    metric, value = result["figure"]
    figures = [
        f"`{metric}` {number(value)}",
        *(f"{side}: {number(other)}" for side, other in result["beside"].items()),
    ]
    made = "\n".join(("```text", *result["text"], "```")) if "text" in result else ""
    made = made or f"![Samples of {name}](gallery/{result['picture']})"
    return f"""
## {TITLES[name]}

{head(name)}

```bash
python docs/draw_gallery.py {name} # {result["images"]:,} samples seen, {result["cpu_seconds"]:,} CPU seconds
```

{"; ".join(figures)}.

{made}

![The report of {name}](gallery/{name}_report.webp)
"""


def page(results: dict[str, dict[str, Any]]) -> str:
    """Return the page of all experiments that have been drawn."""
    return INTRODUCTION + "".join(section(name, results[name]) for name in TITLES if name in results)


if __name__ == "__main__":
    main(sys.argv[1:])
