"""What stands in the terminal when a run has ended: the table of its figures, and the commands to go on with."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from ganworks.words import relative_path


def table(content: Mapping[str, Any], seconds: float) -> Table:
    """Return the table of what summary.json says, ``content``, of a run that has trained for ``seconds``."""
    beside = {"held-out real data": content["floor"], **content["baselines"]}
    beside = {line: values for line, values in beside.items() if values}
    result = Table()
    result.add_column("figure")
    for line in ("this run", *beside):
        result.add_column(line, justify="right")
    for name, value in content["metrics"].items():
        others = [values.get(name) for values in beside.values()]
        result.add_row(name, f"{value:.4g}", *("·" if other is None else f"{other:.4g}" for other in others))
    for name, text in rows_of_the_run(content, seconds):
        result.add_row(name, text, *([""] * len(beside)))
    return result


def rows_of_the_run(content: Mapping[str, Any], seconds: float) -> list[tuple[str, str]]:
    """Return the rows below the figures: images, speed, time, memory."""
    measuring, memory = content.get("evaluation_seconds"), content["peak_memory_mb"]
    rows = [
        ("images", f"{content['images_seen']:,} of {content['num_images']:,}"),
        ("images/s", f"{content['images_per_second']:,.0f}"),
        ("training time", time.strftime("%H:%M:%S", time.gmtime(seconds))),
    ]
    if measuring is not None:
        share = measuring / max(seconds, measuring, 1e-9)
        rows.append(("evaluation", f"{measuring:,.1f} s, {share:.0%} of it"))
    return [*rows, ("peak memory", "unknown" if memory is None else f"{memory:,.0f} MB")]


def next_commands(
    content: Mapping[str, Any], run_dir: Path, suffix: str, can_draw: bool, has_latent: bool
) -> list[tuple[str, str]]:
    """Return what to try next, as (words, command).

    Args:
        content: what summary.json says.
        run_dir: the run's directory.
        suffix: of the pictures that it draws.
        can_draw: whether it draws without being given anything but labels.
        has_latent: whether it draws from latents, between which one can walk.
    """
    run = shlex.quote(str(relative_path(run_dir)))
    train, sample, evaluate = (
        f"python {name}.py" if Path(f"{name}.py").exists() else f"ganworks-{name}"
        for name in ("train", "sample", "evaluate")
    )
    commands = [("Train on:", f"{train} resume={run}")]
    if content["status"] == "finished":
        commands = [("Train longer:", f"{train} resume={run} num_images={2 * content['num_images']}")]
    if can_draw:
        commands.append(("Draw more:", f"{sample} run={run} num=64 seed=1 out=samples{suffix}"))
    if content["metrics"]:
        commands.append(("Measure again:", f"{evaluate} run={run} seed=1"))
    elif can_draw and has_latent and suffix == ".png":
        commands.append(("Interpolate:", f"{sample} run={run} interpolate=6 num=10 out=strips.png"))
    return commands
