"""`python -m ganworks.runs list|show|compare`: what is in the folder of runs, in the terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from ganworks.cli.arguments import parse, split_places
from ganworks.cli.errors import user_errors
from ganworks.errors import GanworksError, SettingError, check_choice, check_count
from ganworks.words import relative_path, tags_of

USAGE = """What is in the folder of runs.

  python -m ganworks.runs list [FOLDER]      a line a run: status, images, best figure, what differs from the default
  python -m ganworks.runs show RUN           one run: figures, settings, curves, what to do next
  python -m ganworks.runs compare RUN RUN    the settings in which runs differ, their figures and curves

RUN is a run directory, a folder of runs, or part of the path of a run: its name, or its date and time.
python -m ganworks.runs COMMAND --help lists the settings of a command."""


@dataclass
class ListArguments:
    """The runs of a folder: python -m ganworks.runs list [FOLDER]"""

    status: str | None = field(default=None, metadata={"help": "with one of these statuses: failed,diverged"})
    name: str | None = field(
        default=None, metadata={"help": "whose path in the folder is like this: digits_*"}
    )
    sort: str = field(default="newest", metadata={"help": "newest, best, images or name"})
    num: int = field(default=30, metadata={"help": "at most so many"})
    out: str | None = field(default=None, metadata={"help": "write a CSV file of all of them instead"})


@dataclass
class ShowArguments:
    """One run: python -m ganworks.runs show RUN"""

    folder: str | None = field(
        default=None, metadata={"help": "where runs lie, for parts of paths; paths.runs"}
    )
    curves: str = field(default="usual", metadata={"help": "usual, all, none, or names: fd_digits,recall"})


@dataclass
class CompareArguments:
    """Runs beside each other: python -m ganworks.runs compare RUN RUN ..."""

    folder: str | None = field(
        default=None, metadata={"help": "where runs lie, for parts of paths; paths.runs"}
    )
    curves: str = field(default="usual", metadata={"help": "usual, all, none, or names: fd_digits,recall"})
    out: str | None = field(default=None, metadata={"help": "write a page instead: compare.html"})


def main() -> None:
    """Run the command."""
    with user_errors():
        command, *arguments = sys.argv[1:] or ["help"]
        if command in ("-h", "--help", "help"):
            print(USAGE)
            return
        commands = {"list": list_runs, "show": show_run, "compare": compare_runs}
        commands[check_choice("command", command, commands)](arguments)


def list_runs(arguments: list[str]) -> None:
    """Print the runs of a folder, or write them to a file."""
    places, settings = split_places(arguments)
    chosen, _ = parse(ListArguments, settings)
    check_count("num", chosen.num)
    if len(places) > 1:
        raise GanworksError(f"{' '.join(places)}: one folder at a time.")
    from ganworks.runs.listing import matching, ordered, show, write_csv

    folder = Path(places[0]).expanduser() if places else folder_of(None)
    runs = ordered(matching(folder, tags_of(chosen.status), chosen.name), chosen.sort)
    if chosen.out is None:
        return show(runs, folder, chosen.num)
    write_csv(runs, Path(chosen.out))
    print(relative_path(Path(chosen.out)))


def show_run(arguments: list[str]) -> None:
    """Print one run: of several that the words mean the one that was written to last."""
    places, settings = split_places(arguments)
    chosen, _ = parse(ShowArguments, settings)
    from ganworks.report.record import read
    from ganworks.runs.listing import console_of
    from ganworks.runs.terminal import show

    for run in [paths[0] for paths in runs_of(places, chosen.folder)]:
        show(read(run), console_of(sys.stdout.isatty()), chosen.curves)


def compare_runs(arguments: list[str]) -> None:
    """Print runs beside each other, or write the page of them."""
    places, settings = split_places(arguments)
    chosen, _ = parse(CompareArguments, settings)
    from ganworks.report.record import read_all
    from ganworks.runs.listing import console_of
    from ganworks.runs.terminal import compare

    runs = list(dict.fromkeys(run for paths in runs_of(places, chosen.folder) for run in paths))
    if chosen.out is None:
        return compare(read_all(runs), console_of(sys.stdout.isatty()), chosen.curves)
    from ganworks.report.page import write_report

    print(relative_path(write_report(runs, Path(chosen.out))))


def runs_of(places: list[str], folder: str | None) -> list[list[Path]]:
    """Return the runs that each of ``places`` means."""
    from ganworks.runs.find import located

    if not places:
        raise SettingError("run", "", "given: a run directory, or part of the path of one")
    return [located(place, folder_of(folder)) for place in places]


def folder_of(given: str | None) -> Path:
    """Return the folder of runs: the given one, or `paths.runs` as a run here would have it."""
    if given is not None:
        return Path(given).expanduser()
    from ganworks.run.compose import compose

    return Path(compose().paths.runs)


if __name__ == "__main__":
    main()
