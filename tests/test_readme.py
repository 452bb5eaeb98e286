"""What README and docs say is true: commands work, tables are complete, code is the code, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
EXTENDING = ROOT / "docs" / "extending.md"
COMMAND = re.compile(r"^(?:python (\w+)\.py|ganworks-(\w+))\b([^#\n]*)", flags=re.M)
AT_HAND = ("digits", "ring", "grid")  # data that no one has to download
