"""PacGAN's own protocol on 25 Gaussians, beside the published rows: its networks, its optimizer, its batches.

    python benchmarks/pacgan.py [--minutes 60] [--rows GAN ...] [--seeds 10] [--workers 2]

400 passes over 100,000 samples are hours of one core. Each row first trains one pass, which tells its speed, and then
as many whole passes as fit in so many minutes of CPU time; the table says which share of the published steps they are.
Writes docs/benchmarks/pacgan.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lab import Bench, Column, Published, Row, main
from rich.console import Console

from ganworks.errors import GanworksError

SOURCE = "Lin et al. 2018, table 1"
PASS, WHOLE, BATCH = 100_000, 40_000_000, 100  # images
PROTOCOL = (
    "25 Gaussians on {-4, -2, 0, 2, 4}², σ .05, 100,000 samples; generator 4 x 400 with batch norm and ReLU, latents in"
    " the plane; discriminator of 3 maxout layers, 200 units of 5 pieces; Adam 1e-4, β₁ .8, batches of 100; 2,500"
    " samples; high quality within 3 σ of the nearest mean (Lin et al. 2018, arXiv:1712.04086, section 4.1: *published*"
    " rows, means of 10 trials). `loss=r3gan` stands for the paper's networks under our loss and penalties, and"
    " `experiment=grid_r3gan` for our recipe with its own networks, in as many minutes."
)
COLUMNS = (
    Column("modes", "modes of 25", 1, "max"),
    Column("high_quality", "high quality, %", 1, "max", percent=True),
    Column("reverse_kl", "reverse KL", 3, log=True),
)
PUBLISHED = (
    Published("GAN, published", {"modes": 17.3, "high_quality": 0.948, "reverse_kl": 0.70}, SOURCE),
    Published("ALI, published", {"modes": 24.1, "high_quality": 0.957, "reverse_kl": 0.14}, SOURCE),
    Published("PacGAN2, published", {"modes": 23.8, "high_quality": 0.913, "reverse_kl": 0.13}, SOURCE),
    Published("PacGAN4, published", {"modes": 24.8, "high_quality": 0.936, "reverse_kl": 0.04}, SOURCE),
)
PAC = "experiment=pacgan_grid"
ROWS = (
    Row("GAN", (PAC,)),
    Row("PacGAN2", (PAC, "regularizer=packing", "regularizer.packing.num=2")),
    Row("PacGAN4", (PAC, "regularizer=packing", "regularizer.packing.num=4")),
    Row("loss=r3gan", (PAC, "loss=r3gan", "regularizer.r1.weight=0.1", "regularizer.r2.weight=0.1")),
    Row("experiment=grid_r3gan", ("experiment=grid_r3gan", "data.batch_size=100")),
)
BASE = ("metric.every_images=1000000000",)


def probe(runs: Path, rows: list[Row]) -> dict[str, float]:
    """Return the CPU seconds of an image of each row, from a run of one pass that is kept in ``runs``."""
    from lab.train import jobs_of, train_all

    short = tuple(Row(row.name, (*row.overrides, f"num_images={PASS}")) for row in rows)
    bench = Bench("pacgan_speed", "", "", short, COLUMNS, BASE)
    jobs = jobs_of(bench, short, [0], runs)
    train_all(jobs, workers=1, console=Console())
    found = {job.row.name: job.summary().get("cpu_seconds_per_image") for job in jobs}
    if missing := [name for name, seconds in found.items() if not seconds]:
        raise GanworksError(
            f"the runs that tell the speed of {', '.join(missing)} have not finished; see above."
        )
    return found


def timed(row: Row, seconds: float, minutes: float) -> Row:
    """Return the row with as many whole passes as fit in ``minutes``, and a label with their share and their speed."""
    passes = min(WHOLE // PASS, max(1, int(minutes * 60 / (seconds * PASS))))
    label = f", {passes * PASS / WHOLE:.1%} of the steps, {1 / (seconds * BATCH):.0f} steps/s"
    return Row(row.name, (*row.overrides, f"num_images={passes * PASS}"), label=label)


def start() -> None:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--runs", type=Path, default=Path("runs/benchmark"))
    options.add_argument("--rows", nargs="+")
    options.add_argument("-h", "--help", "--list", dest="is_asked", action="store_true")
    mine, _ = options.parse_known_args()
    rows = [row for row in ROWS if not mine.rows or row.name in mine.rows]
    if not mine.is_asked:
        costs = probe(mine.runs, rows)
        rows = [timed(row, costs[row.name], mine.minutes) for row in rows]
    bench = Bench(
        "pacgan", "PacGAN's protocol on 25 Gaussians", PROTOCOL, tuple(rows), COLUMNS, BASE, PUBLISHED, 10
    )
    main(__doc__, [bench], minutes=mine.minutes)


if __name__ == "__main__":
    start()
