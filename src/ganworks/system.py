"""What Linux, macOS and Windows do in ways of their own: how processes start, whether one is there, how they end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any


def start_context(preferred: str) -> Any:
    """Return the way in which processes are started: ``preferred`` on Linux, "spawn" elsewhere.

    Windows can't fork, and on macOS a fork may hang in the frameworks of Apple that its parent has used. A spawned
    process imports its libraries anew, some seconds each.
    """
    import multiprocessing  # here: commands that start no process begin sooner

    return multiprocessing.get_context(preferred if sys.platform == "linux" else "spawn")


def is_alive(process: int) -> bool:
    """Say whether a process of this machine is there, by its id."""
    if process == 0:
        return False
    if sys.platform == "win32":  # where os.kill(process, 0) is Ctrl-C
        return is_alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not is_zombie(process)


def is_alive_on_windows(process: int) -> bool:
    """Say the same of a process of Windows, which tells the exit code of one that is still there as 259."""
    import ctypes

    kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    handle = kernel.OpenProcess(0x1000, False, process)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # STILL_ACTIVE


def is_zombie(process: int) -> bool:
    """Say whether a process has ended and nobody has taken notice yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def is_parent(process: int) -> bool:
    """Say whether ``process``, which started this one, is still there.

    On Windows the number of a parent stays when the parent has gone, and may be that of a launcher in between.
    """
    return is_alive(process) if sys.platform == "win32" else os.getppid() == process


def lead_a_group() -> None:
    """Put this process and what it starts into a group of their own, which Ctrl-C of the terminal does not reach."""
    if hasattr(os, "setsid"):
        os.setsid()


def end_group() -> None:
    """End this process and those of its group at once; on Windows, which has no groups, this process."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def was_killed(code: int) -> bool:
    """Say whether an exit code is that of SIGKILL, which Windows does not have."""
    return hasattr(signal, "SIGKILL") and code == -signal.SIGKILL
