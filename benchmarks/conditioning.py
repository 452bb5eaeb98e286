"""Ways of conditioning on the digits: who keeps to the classes, at which quality and cost.

    python benchmarks/conditioning.py [--rows projection contrastive] [--seeds 5] [--workers 2]
    python benchmarks/conditioning.py --list

A run takes about one CPU minute.
"""

from __future__ import annotations

from lab import Bench, Column, Row, main

RECOGNISED = "metric.measure.recognised"
METRIC = (
    "metric=[digits,digits_classes]",
    f"+{RECOGNISED}._target_=ganworks.metric.Recognised",
    f"+{RECOGNISED}.extractor=digits",
)
WAYS: dict[str, tuple[str, ...]] = {
    "projection": (),
    "auxiliary_classifier": ("regularizer=[r1,auxiliary_classifier]",),
    "contrastive": ("regularizer=[r1,contrastive]",),
    "d2d_ce": ("regularizer=[r1,d2d_ce]",),
    "unconditional_classifier": ("regularizer=[r1,unconditional_classifier]",),
    "multi_hinge": ("loss=multi_hinge",),
    "projection and auxiliary_classifier": (
        "regularizer=[r1,auxiliary_classifier]",
        "model.discriminator.num_classes=10",
    ),
}
NOTES = """\
*Recognised* is the share of samples that the shipped classifier takes for the class that they were drawn for. The row
`none` tells neither player the class. Each way is described in [options.md](../options.md#conditioning)."""
BENCH = Bench(
    name="conditioning",
    title="Ways of conditioning",
    protocol="Digits, `experiment=digits_conditional` at 240,000 images, the generator told the class and the"
    " discriminator conditioned in each of these ways. A short protocol: compare the rows with each other only.",
    rows=(
        Row("none", ("model.conditional=false", "metric=digits"), "projection"),
        *(Row(way, (*settings, *METRIC), "projection") for way, settings in WAYS.items()),
    ),
    columns=(
        Column("recognised", "recognised, %", 1, "max", percent=True),
        Column("intra_fd_digits", "intra_fd_digits"),
        Column("fd_digits", "fd_digits", log=True),
        Column("coverage", "coverage", best="max"),
    ),
    base=("experiment=digits_conditional", "num_images=240_000", "metric.every_images=240_000"),
    notes=NOTES,
)

if __name__ == "__main__":
    main(__doc__, [BENCH])
