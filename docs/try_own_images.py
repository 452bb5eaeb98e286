"""The newcomer's path of docs/own_images.md, tried: its commands in turn, their times and the samples in the page.

    python docs/try_own_images.py workspace=FOLDER                  with an environment of its own, FOLDER/newcomer
    python docs/try_own_images.py workspace=FOLDER source=RUN_DIR   fine-tunes a finished run of fashion_dcgan

The pictures are 300 sneakers of Fashion-MNIST, enlarged and cropped to 240 x 160 pixels. Whatever lies in the workspace
is used: an environment that has PyTorch downloads it no more.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "own_images.md"
HEADING = "## Each command and its time\n"
PICTURES = """
from pathlib import Path
import numpy as np
from PIL import Image
from ganworks.data import FashionMNIST

sneakers = (batch["real"][batch["label"] == 7] for batch in FashionMNIST(resolution=28, channels=1).reference_batches())
Path("sneakers").mkdir(exist_ok=True)
for index, image in enumerate([image for batch in sneakers for image in batch][:300]):
    pixels = ((image[0].numpy() + 1) * 127.5).round().astype(np.uint8)
    large = Image.fromarray(pixels).resize((240, 240), Image.Resampling.BICUBIC)
    large.crop((0, 40, 240, 200)).save(f"sneakers/{index:03d}.png")
"""


def main(arguments: dict[str, str]) -> None:
    """Run the commands of the page and write their times into it."""
    workspace = Path(arguments["workspace"]).absolute()
    workspace.mkdir(parents=True, exist_ok=True)
    source = Path(arguments["source"]).absolute() if "source" in arguments else None
    rows = []
    for command in commands(PAGE.read_text(encoding="utf-8")):
        if "data.root=FOLDER" in command and not (workspace / "sneakers").exists():
            run(["python", "-c", PICTURES], workspace, workspace)
        if command == ["ganworks-train", "experiment=fashion_dcgan"] and source:
            rows.append((shlex.join(command), *times_of(source)))
            continue
        started, before = time.monotonic(), cpu_seconds()
        step(filled(command, workspace, source), workspace)
        rows.append((shlex.join(command), time.monotonic() - started, cpu_seconds() - before))
        print(table(rows), flush=True)
    shutil.copy(workspace / "samples.png", ROOT / "docs" / "images" / "own_images.png")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(rows)), encoding="utf-8")


def commands(text: str) -> Iterator[list[str]]:
    """Yield the commands of the blocks of a page that have to be run; `source` changes the shell alone."""
    for block in re.findall(r"^```bash\n(.*?)^```$", text, flags=re.M | re.S):
        for line in block.splitlines():
            if words := shlex.split(line, comments=True):
                yield from () if words[0] == "source" else (words,)


def filled(command: list[str], workspace: Path, source: Path | None) -> list[str]:
    """Return a command with the folder of pictures and the newest run in the place of their names."""
    runs = sorted((workspace / "runs").glob("*/*/config.yaml"), key=lambda path: path.stat().st_mtime)
    newest = runs[-1].parent.relative_to(workspace).as_posix() if runs else str(source)
    words = [re.sub(r"=FOLDER$", "=sneakers", word) for word in command]
    return [re.sub(r"=RUN_DIR$", f"={newest}", word) for word in words]


def step(command: list[str], workspace: Path) -> None:
    """Run one command in the workspace, with its environment before all others; a page is served until it answers."""
    print("$", shlex.join(command), flush=True)
    if command[:3] == ["python", "-m", "ganworks.explore"]:
        look_at(command, workspace)
    else:
        run(command, ROOT if command[0] == "pip" else workspace, workspace)


def environment(workspace: Path) -> dict[str, str]:
    """Return the variables of a shell in which the environment is active."""
    folder = workspace / "newcomer" / "bin"
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}


def run(command: list[str], folder: Path, workspace: Path) -> None:
    """Run a command to its end in ``folder``, with the environment of the workspace."""
    subprocess.run(command, cwd=folder, env=environment(workspace), check=True)


def look_at(command: list[str], workspace: Path) -> None:
    """Serve the page, ask for it once, and end it."""
    variables = environment(workspace)
    with subprocess.Popen(
        command, cwd=workspace, env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = iter(process.stdout or ())
            address = next((found[0] for line in lines if (found := re.search(r"http://\S+", line))), None)
            if address is None:
                raise SystemExit("error: the page has no address")
            with build_opener(ProxyHandler({})).open(address) as answer:  # this machine, past any proxy
                print(address, answer.status, flush=True)
        finally:
            process.terminate()


def times_of(run: Path) -> tuple[float, float]:
    """Return the seconds of a finished run: on the clock, and CPU seconds of its training."""
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    seconds = summary["seconds"] + summary["start_up_seconds"]
    return seconds, summary["cpu_seconds_per_image"] * summary["images_seen"]


def cpu_seconds() -> float:
    """Return the CPU seconds of all commands so far."""
    return os.times().children_user + os.times().children_system


def with_table(text: str, table: str) -> str:
    """Return the page with another table; what its last section says beside it stays."""
    path, _, last = text.partition(HEADING)
    words = "".join(line for line in last.splitlines(keepends=True) if not line.startswith("|")).strip()
    return f"{path.rstrip()}\n\n{HEADING}\n{table}" + (f"\n{words}\n" if words else "")


def table(rows: list[tuple[str, float, float]]) -> str:
    """Return the table of the page."""
    lines = [f"| `{command}` | {wall:,.0f} s | {cpu:,.0f} s |" for command, wall, cpu in rows]
    return "\n".join(("| command | it took | of CPU time |", "|---|---|---|", *lines, ""))


if __name__ == "__main__":
    main(dict(argument.split("=", 1) for argument in sys.argv[1:]))
