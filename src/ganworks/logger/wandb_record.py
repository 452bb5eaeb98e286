"""What earlier parts of a W&B run hold, read from the files that W&B left in the run directory.

A run that was killed has lost what W&B's own process had not written yet, up to 32 kB, so that nothing but the file
says what is recorded.
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganworks.logger.table import AXIS

START = 7  # bytes: ":W&B", a magic number and a version
BLOCK, HEADER = 32 * 1024, struct.Struct("<IHB")  # checksum, length, kind of a fragment: LevelDB's log format
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class Recorded:
    """The points that a W&B run has.

    Attributes:
        until: the server has all points up to so many images; -1 for none.
        points: names by images seen, of the points that are known one by one.
        last_step: W&B's own count at the last point; -1 before the first.
    """

    until: int = -1
    points: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    last_step: int = -1

    def has(self, name: str, images_seen: int) -> bool:
        """Say whether the run has the point ``name`` at ``images_seen``."""
        return images_seen <= self.until or name in self.points.get(images_seen, ())

    @property
    def latest(self) -> int:
        """The largest count of images of a point; -1 where there is none."""
        return max([self.until, *self.points])


def recorded(run_dir: Path, run_id: str) -> Recorded:
    """Return the points in all parts of the W&B run ``run_id`` below ``run_dir``."""
    found = Recorded()
    for path in sorted(run_dir.glob(f"wandb/*run-*/run-{run_id}.wandb")):
        for row in history(path):
            found.last_step = max(found.last_step, int(row.pop("_step", -1)))
            if isinstance(images_seen := row.pop(AXIS, None), int):
                found.points[images_seen] |= row.keys()
    return found


def history(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the logged rows of a file of W&B, as far as it is whole."""
    from wandb.proto import wandb_internal_pb2 as messages

    for data in fragments(path.read_bytes()):
        record = messages.Record.FromString(data)  # type: ignore[attr-defined]
        if record.HasField("history"):
            yield {
                (item.key or item.nested_key[0]): json.loads(item.value_json) for item in record.history.item
            }


def fragments(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log in LevelDB's format; what follows a place that was not written to its end is left out.

    A record is one fragment, or several where it does not fit into a block of 32 kB.
    """
    position, parts = START, b""
    while position + HEADER.size <= len(data):
        rest = BLOCK - position % BLOCK
        if rest < HEADER.size:  # no room for a fragment: zeros up to the next block
            position += rest
            continue
        _, length, kind = HEADER.unpack_from(data, position)
        position += HEADER.size
        if kind not in (FULL, FIRST, MIDDLE, LAST) or position + length > len(data):
            return
        parts = (b"" if kind in (FULL, FIRST) else parts) + data[position : position + length]
        position += length
        if kind in (FULL, LAST):
            yield parts
