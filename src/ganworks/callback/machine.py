"""What a run's summary tells of the machine and the code: memory, versions, the commit."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def peak_memory_mb() -> float | None:
    """Return this process's largest resident set, in MB; None where the system does not tell.

    Linux hands the figure of `resource` on to the program that a process starts, so what started this one would
    count: its own stands in /proc.
    """
    status = Path("/proc/self/status")
    if status.exists() and (own := re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))):
        return round(int(own[1]) / 1024, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1024**2 if sys.platform == "darwin" else 1024  # macOS tells bytes, Linux kB
    return round(peak / unit, 1)


def git_commit() -> str | None:
    """Return the commit of the working directory, marked where it has changes; None outside a repository."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() or None
