"""One step in the place of fifty: a flow of the digits, its distillation, and what each part of that is worth.

python benchmarks/distillation.py --seeds 5

A run of the first row is the teacher of all others under its seed, so that none of them begins before it has ended.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab import Bench, Column, Row, main

ONE_BATCH = ("num_images=128", "metric.every_images=128", "optimizer.generator.lr=0")  # of trained weights
FRESH_CRITIC = (
    "~model.discriminator",
    "+model.discriminator={_target_: ganworks.model.MLPDiscriminator, shape: ${data.shape}, width: 256, depth: 3}",
)
NOTES = """\
The teacher's rows are one network, sampled by Euler's method in as many steps. All others make a sample in one step and
have the same updates of the generator, so that they differ in the CPU time that one takes."""


def bench(runs: Path, share: str = "") -> Bench:
    """Return the bench; the teacher of a seed is the run of the first row, in the folder ``runs``."""
    folder = runs.absolute() / "distillation" / (f"share_{float(share):g}" if float(share or 1) != 1 else "")
    path = folder / "teacher_50_steps" / "seed_${seed}"
    distilled = ("experiment=digits_distilled", f"task.teacher={path}")
    flow = ("experiment=digits_flow", f"init_from={path}", *ONE_BATCH)
    matching = ("task=distil_matching", "optimizer.score.lr=1e-3")
    teacher, heads = "teacher, 50 steps", "heads on the teacher"

    def one_step(name: str, *settings: str) -> Row:
        return Row(name, (*distilled, *settings), heads, "one step", after=teacher)

    def steps(num: int) -> Row:
        words = f"teacher, {num} step{'s' if num > 1 else ''}"
        return Row(words, (*flow, f"model.generator.num_steps={num}"), group="the flow", after=teacher)

    return Bench(
        name="distillation",
        title="One-step distillation of a flow of the digits",
        protocol="Digits, 8x8. Teacher: 410,000 images by flow matching. Distillation: 102,400 images, batch 128.",
        rows=(
            Row(teacher, ("experiment=digits_flow",), group="the flow"),
            one_step(heads),
            *map(steps, (4, 2, 1)),
            one_step("critic from scratch", *FRESH_CRITIC),
            one_step("generator from scratch", "model.generator.from_teacher=false"),
            one_step("matching alone", *matching, "model.discriminator.weight=0"),
            one_step("matching and heads", *matching, "model.discriminator.weight=0.1"),
        ),
        columns=(
            Column("fd_digits", "fd_digits", log=True),
            Column("precision", "precision", best="max"),
            Column("recall", "recall", best="max"),
            Column("coverage", "coverage", best="max"),
        ),
        base=("metric.every_images=${num_images}",),
        notes=NOTES,
    )


def given(option: str, default: str = "") -> str:
    """Return the value of an option of the command line."""
    arguments = [part for argument in sys.argv[1:] for part in argument.split("=", 1)]
    return arguments[arguments.index(option) + 1] if option in arguments else default


if __name__ == "__main__":
    main(__doc__, [bench(Path(given("--runs", "runs/benchmark")), given("--share"))])
