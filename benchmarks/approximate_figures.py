"""What exact, approximate and lazy gradient penalties reach on the digits, over seeds.

    python benchmarks/approximate_figures.py [--seeds 5] [--workers 2]

The relativistic loss with R1 + R2, gamma 1 on both sides, on the digits: 96,000 images, 1,500 steps of 64, some
twenty CPU seconds a run. What the approximation costs a step is in `benchmarks/penalty_cost.py`, how near it comes in
`benchmarks/approximate_penalties.py`.
"""

from __future__ import annotations

from lab import Bench, Column, Row, main

EXACT, NEAR = "r1_r2", "r1_r2_approx"


def row(name: str, regularizer: str, *settings: str, task: tuple[str, ...] = ()) -> Row:
    """Return a row whose settings are those of R1 and of R2."""
    both = [f"regularizer.{r}.{s}" for r in ("r1", "r2") for s in ("weight=1.0", "every=1", *settings)]
    return Row(name, (f"regularizer={regularizer}", *both, *task), compare="exact")


BENCH = Bench(
    name="approximate_penalties",
    title="Exact, approximate and lazy penalties",
    protocol="Digits, a DCGAN of width 32, the relativistic loss, R1 and R2 of gamma 1, Adam 2e-3 to zero along a"
    " cosine, 96,000 images in batches of 64.",
    base=("experiment=digits_dcgan", "loss=r3gan", "num_images=96_000", "metric.every_images=96_000"),
    rows=(
        Row("none", ("regularizer=none", "model.discriminator.norm=none"), compare="exact"),
        row("exact", EXACT),
        row("exact, shared pass", EXACT, task=("task.share_forward=true",)),
        row("exact, every 4", EXACT, "every=4"),
        row("one-sided, sigma .01", NEAR, "sigma=0.01"),
        row("one-sided, sigma .1", NEAR, "sigma=0.1"),
        row("one-sided, sigma .1, shared pass", NEAR, "sigma=0.1", task=("task.share_forward=true",)),
        row("one-sided, sigma .3", NEAR, "sigma=0.3"),
        row("central, sigma .1", NEAR, "sigma=0.1", "central=true"),
        row("central, sigma .1, half the batch", NEAR, "sigma=0.1", "central=true", "share=0.5"),
        row("one-sided, sigma .1, every 4", NEAR, "sigma=0.1", "every=4"),
    ),
    columns=(
        Column("fd_digits", "fd_digits", log=True),
        Column("coverage", "coverage", best="max"),
        Column("recall", "recall", best="max"),
    ),
)

if __name__ == "__main__":
    main(__doc__, [BENCH])
