"""The bench: a table of runs over seeds, each composed and trained by the command itself, and its page.

from lab import Bench, Column, Row, main

BENCH = Bench(
    name="losses",
    title="Losses on the digits",
    protocol="720,000 images, batch 64.",
    base=("experiment=digits_dcgan",),
    rows=(Row("bce"), Row("hinge", ("loss=hinge",), compare="bce")),
    columns=(Column("fd_digits", "fd_digits"), Column("coverage", "coverage", best="max")),
)

if __name__ == "__main__":
    main(__doc__, [BENCH])
"""

from lab.bench import Bench, Column, Published, Row
from lab.command import main

__all__ = ["Bench", "Column", "Published", "Row", "main"]
