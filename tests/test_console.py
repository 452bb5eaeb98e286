"""A console that cannot print."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from ganworks.console import SoftStream

PROGRAM = """
import os, sys
from ganworks.console import soft_console
with soft_console():
    {before}
    for _ in range(20_000):
        print("figure \u2502 1.0")
    sys.stderr.write("told")
open({done!r}, "w").write("went on")
"""


def ended(
    folder: Path, before: str = "pass", shell: str = "{python} {program}", **environment: str
) -> subprocess.CompletedProcess:
    program, done = folder / "program.py", folder / "done"
    program.write_text(PROGRAM.format(before=before, done=str(done)))
    command = shell.format(python=sys.executable, program=program)
    run = subprocess.run(
        ["bash", "-c", command], env={**os.environ, **environment}, capture_output=True, timeout=120
    )
    assert done.read_text() == "went on", run.stderr
    return run


def test_a_pipe_that_is_closed_ends_nothing_and_leaves_the_exit_code(tmp_path: Path) -> None:
    run = ended(tmp_path, shell="{python} {program} | head -n 1; exit ${{PIPESTATUS[0]}}")
    assert (run.returncode, run.stderr) == (0, b"told")


def test_descriptors_that_are_closed_end_nothing(tmp_path: Path) -> None:
    assert ended(tmp_path, shell="{python} {program} >&- 2>&-").returncode == 0


def test_an_encoding_without_the_letters_gets_question_marks(tmp_path: Path) -> None:
    run = ended(tmp_path, PYTHONIOENCODING="ascii")
    assert (run.returncode, run.stdout.splitlines()[0]) == (0, b"figure ? 1.0")


def test_a_device_that_is_full_ends_nothing(tmp_path: Path) -> None:
    assert ended(tmp_path, shell="{python} {program} > /dev/full").returncode == 0


def test_a_stream_that_can_print_is_left_as_it_is() -> None:
    inner = io.StringIO()
    SoftStream(inner).write("plain")
    assert inner.getvalue() == "plain"
    assert SoftStream(inner).isatty() is False
