"""`python -m ganworks.report RUN_DIR...`: write the report of a run, or of several side by side, at any time."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import SettingError
from ganworks.report.page import write_report
from ganworks.report.record import is_run
from ganworks.words import relative_path


@dataclass
class Arguments:
    """Write the report of runs: python -m ganworks.report RUN_DIR... A folder of runs stands for them all."""

    out: str | None = field(
        default=None, metadata={"help": "the file; report.html in the run, of several runs in this folder"}
    )


def main() -> None:
    """Run the command."""
    with user_errors():
        names = [argument for argument in sys.argv[1:] if is_place(argument)]
        arguments, _ = parse(Arguments, [a for a in sys.argv[1:] if not is_place(a)])
        runs = [run for name in names for run in runs_in(Path(name))]
        if not runs:
            raise SettingError("run", "", "given: one or more run directories")
        path = write_report(runs, Path(arguments.out) if arguments.out else None)
        print(relative_path(path))


def is_place(argument: str) -> bool:
    """Say whether an argument is a run directory rather than a setting."""
    return (
        not argument.startswith("-")
        and argument != "help"
        and ("=" not in argument or Path(argument).exists())
    )


def runs_in(path: Path) -> list[Path]:
    """Return ``path``, or the runs right below it where it is a folder of runs, as a sweep writes one."""
    below = [path] if is_run(path) or not path.is_dir() else sorted(p for p in path.iterdir() if is_run(p))
    return below or [path]


if __name__ == "__main__":
    main()
