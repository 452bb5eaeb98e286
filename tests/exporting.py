"""Small generators of every kind for tests of exports: those of benchmarks/export_cases.py."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from export_cases import APPLICATIONS, MODELS, Case, build

from ganworks.export.baked import baked
from ganworks.export.program import traced
from ganworks.export.verify import largest_error
from ganworks.sample.direction import forwards

ROOT = Path(__file__).parents[1]
EARLIER = Path(__file__).parent / "fixtures" / "earlier"
# By the test file that each is in, so that none takes long.
TRANSLATORS = {
    "bending",
    "bending_cycle",
    "cut",
    "cycle",
    "pix2pix",
    "pix2pixhd",
    "residual_unet",
    "translator",
}
CLIPS = {"mocogan", "sprite", "video3d"}
OTHERS = {"gru", "gru_series", "lstm", "mlp", "pacgan_mlp", "flow", "distil"}
BLOCKS = {"biggan", "biggan_deep", "sagan", "sngan", "transformer", "transformer_levels", "transformer_dcgan"}
CASES: dict[str, Case] = {**MODELS, **APPLICATIONS}
__all__ = [
    "APPLICATIONS",
    "BLOCKS",
    "CASES",
    "CLIPS",
    "EARLIER",
    "MODELS",
    "OTHERS",
    "ROOT",
    "TRANSLATORS",
    "build",
    "copy_run",
    "error_of_program",
]


def error_of_program(name: str) -> float:
    """Return the largest error of a case's program against its sampler, at batches of several sizes."""
    sampler = build(CASES[name])
    module = traced(baked(forwards(sampler))).module()
    return largest_error(lambda inputs: module(**inputs), sampler, sizes=(1, 3))


def copy_run(name: str, to: Path) -> Path:
    """Return a copy of a run of an earlier state that may be written to."""
    return Path(shutil.copytree(EARLIER / name, to / name))
