"""What a step of each application costs over a bare loop with the same networks and terms.

    python benchmarks/application_costs.py [--only superres cycle] [--blocks 20] [--steps 10] [--threads 1]

Both sides run in one process, in turns of some steps each; the table shows medians over the turns and the median of the
paired ratios, of seconds and of the CPU seconds of this process. The loops are those of `benchmarks/loops/`, which the
tests hold the tasks against; they draw no new data and keep no record.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
from loops.cut import Cut
from loops.cycle import Cycle
from loops.paired import PairedLoop
from loops.sequence import SequenceLoop
from loops.series import SeriesLoop
from loops.video import Video
from step_overhead import COMMON, Cost, measure

from ganworks.noise import keyed_rng
from ganworks.run.log import quieten

Batch = dict[str, Tensor]
R1, EVERY = 4.0, 4


def words(task: Any, batch: Batch) -> Any:
    """Return the loop of texts on one batch."""
    return SequenceLoop(task, lambda step: batch["real"], lambda stream, step: keyed_rng(0, stream, step))


CASES: dict[str, tuple[list[str], Callable[[Any, Batch], Any]]] = {
    "superres": (
        ["experiment=digits_superres", "task.phases.reconstruction=null"],
        lambda task, batch: PairedLoop(task, [batch]),
    ),
    "cycle": (
        ["experiment=printed_to_handwritten_cycle"],
        lambda task, batch: Cycle(task, batch, (0.5, EVERY)),
    ),
    "cut": (["experiment=printed_to_handwritten_cut"], lambda task, batch: Cut(task, batch, (0.5, EVERY))),
    "video": (
        ["experiment=moving_digits_video3d"],
        lambda task, batch: Video(task, batch, dict.fromkeys(("clip", "frame"), (R1, R1, EVERY))),
    ),
    "words": (["experiment=words_scratch"], words),
    "series": (
        ["experiment=sines", "model.generator.step_noise=8"],
        lambda task, batch: SeriesLoop(task, [batch]),
    ),
}


def row(costs: dict[str, list[Cost]]) -> list[str]:
    """Return milliseconds of both sides, and the median of their ratios by the clock and by CPU time."""
    pairs = list(zip(costs["ganworks"], costs["loop"], strict=True))
    wall = [1e3 * statistics.median(cost.wall for cost in side) for side in zip(*pairs, strict=True)]
    ratios = [statistics.median(getattr(a, by) / getattr(b, by) for a, b in pairs) for by in ("wall", "cpu")]
    return [*(f"{value:.2f}" for value in wall), *(f"{ratio:.3f}" for ratio in ratios)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    quieten()
    title = f"a step, {arguments.threads} thread(s), torch {torch.__version__}"
    table = Table(title=title, title_justify="left")
    for column in ("application", "ganworks, ms", "bare loop, ms", "ratio", "ratio by CPU time"):
        table.add_column(column, justify="left" if column == "application" else "right")
    for name in arguments.only:
        overrides, loop = CASES[name]
        costs = measure(
            [*overrides, *COMMON],
            arguments.steps,
            arguments.blocks,
            lambda task, batch, loop=loop: {"loop": loop(task, batch).step},
        )
        table.add_row(name, *row(costs))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
