"""`python -m ganworks.report RUN_DIR...`: write the report of a run, or of several side by side, at any time."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from ganworks.cli.arguments import parse, split_places
from ganworks.cli.errors import user_errors
from ganworks.errors import SettingError
from ganworks.report.page import write_report
from ganworks.report.record import runs_in
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
        places, settings = split_places(sys.argv[1:])
        arguments, _ = parse(Arguments, settings)
        runs = [run for place in places for run in runs_in(Path(place))]
        if not runs:
            raise SettingError("run", "", "given: one or more run directories")
        path = write_report(runs, Path(arguments.out) if arguments.out else None)
        print(relative_path(path))


if __name__ == "__main__":
    main()
