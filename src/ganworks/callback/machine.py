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


MAX_DIFF = 5_000_000  # characters; a diff that is larger holds data


def git_commit() -> str | None:
    """Return the commit of the working directory, marked where it has changes; None outside a repository."""
    text = git("describe", "--always", "--dirty", "--abbrev=40")
    return None if text is None else text.strip() or None


def git_diff() -> str:
    """Return what the working directory changes of its commit; empty outside a repository, and where it is huge.

    Files that git does not know are not in it.
    """
    text = git("diff", "HEAD", "--no-ext-diff") or ""
    return text if len(text) <= MAX_DIFF else ""


def git(*arguments: str) -> str | None:
    """Return what git prints in the working directory; None where it fails."""
    words = {"encoding": "utf-8", "errors": "replace"}
    try:
        run = subprocess.run(["git", *arguments], capture_output=True, timeout=5, **words)  # type: ignore[call-overload]
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout if run.returncode == 0 else None
