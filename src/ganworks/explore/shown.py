"""Samples as a page shows them: pictures that may play, texts, curves, a cloud with its rows."""

from __future__ import annotations

import base64
from mimetypes import guess_type
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from ganworks.picture.curves import COLORS
from ganworks.sample.columns import Series, Table
from ganworks.sample.kind import Image, Kind

PLAYED = (".png", ".gif")  # files of a sample that a browser shows
NUM_ROWS = 10  # of a table, below its cloud
DIGITS = 4  # of a value in a curve: finer than a pixel


def shown(samples: Tensor, kind: Kind) -> dict[str, Any]:
    """Return samples (B, *shape) in plain types, under the name of the form that their kind has.

    ``pictures``: a data URL each; ``texts``: a string each; ``series``: curves on one scale; ``cloud``: one picture of
    all samples, of a table with ``table``, its first rows.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        if kind.is_lines:
            files = [kind.save(sample, folder / str(i)) for i, sample in enumerate(samples)]
            return {"texts": [file.read_text(encoding="utf-8").rstrip("\n") for file in files]}
        if isinstance(kind, Series):
            return {"series": curves(samples, kind)}
        if kind.suffix in PLAYED and not kind.is_cloud:
            return {"pictures": [url(kind.save(sample, folder / str(i))) for i, sample in enumerate(samples)]}
        found: dict[str, Any] = {"cloud": url(kind.save_picture(samples, folder / "all.png")[0])}
    if isinstance(kind, Table):
        found["table"] = {"names": kind.names(samples.shape[-1]), "rows": [*kind.rows(samples[:NUM_ROWS])]}
    return found


def curves(samples: Tensor, kind: Series) -> dict[str, Any]:
    """Return series (B, T, D) as ``values``, rounded, with the ``names`` and ``colors`` of their columns."""
    values = samples.detach().cpu().double().nan_to_num().transpose(1, 2).tolist()
    rounded = [[[round(value, DIGITS) for value in column] for column in each] for each in values]
    return {"names": kind.names(samples.shape[-1]), "colors": list(COLORS), "values": rounded}


def pictures(images: Tensor) -> list[str]:
    """Return images (B, C, H, W) in [-1, 1] as a data URL each."""
    return shown(images, Image())["pictures"]


def url(file: Path) -> str:
    """Return a picture's file as a URL that holds it."""
    text = base64.b64encode(file.read_bytes()).decode()
    return f"data:{guess_type(file.name)[0]};base64,{text}"
