"""`python tune.py tune=NAME`: search a space of settings with as many workers as there are."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.errors import user_errors
from ganworks.errors import GanworksError, SettingError, nearest
from ganworks.run.compose import compose
from ganworks.run.explain import options_of

if TYPE_CHECKING:
    from ganworks.tuning.settings import Settings

SHARED = ("paths",)  # settings of the study and of its trials
TICK = 0.5  # seconds between two looks at the study


def main() -> None:
    """Run the command."""
    with user_errors():
        if {"-h", "--help"} & set(sys.argv[1:]):
            return print(usage())
        own, others, flags = split(sys.argv[1:])
        config = compose(own, "tune", flags[1:])
        config.paths = compose(
            with_paths(own, others), folders=flags[1:]
        ).paths  # where this machine has them
        from ganworks.tuning.settings import read_settings

        if config.get("objective") is None:
            raise SettingError("tune", "", f"one of {', '.join(spaces())}")
        settings = read_settings(config, others, flags)
        settings = replace(settings, command=shlex.join(["tune.py", *sys.argv[1:]]))
        sys.exit(search(settings, report=config.report, dry_run=config.dry_run))


def split(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the arguments for the study, those for its trials, and ``--config-dir`` with its value."""
    flags: list[str] = []
    own: list[str] = []
    others: list[str] = []
    names, theirs = ["tune", *map(str, compose(name="tune"))], train_defaults()
    rest = iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        name = flag.lstrip("+~").partition(".")[0]
        if flag in ("--config-dir", "-cd"):
            flags = ["--config-dir", str(Path(value if equals else next(rest, "")).absolute())]
        elif not equals and not flag.startswith("~"):
            raise GanworksError(f"{argument!r} is no setting: write name=value, or ~name to leave one out.")
        elif name in names:
            own.append(argument)
            others += [argument] * (name in SHARED)
        elif name in theirs:
            others.append(argument)
        else:
            hint = nearest(name, [*names, *theirs])
            raise GanworksError(
                f"there is no setting {name!r}; a study has {', '.join(names)}, its trials have {', '.join(theirs)}."
                + (f" Did you mean {hint!r}?" if hint else "")
            )
    return own, others, flags


def with_paths(own: list[str], others: list[str]) -> list[str]:
    """Return the arguments that say where files lie, in a study as in its trials."""
    names = ("paths", "local")
    return [
        a
        for a in dict.fromkeys([*own, *others])
        if a.lstrip("+~").partition("=")[0].partition(".")[0] in names
    ]


def train_defaults() -> list[str]:
    """Return the names of the settings and groups of a run."""
    return [*map(str, compose()), "experiment", "debug", "local"]


def spaces() -> list[str]:
    """Return the names of the spaces that are shipped."""
    return options_of("tune")


def usage() -> str:
    """Return what the settings are, from the comments beside them."""
    text = (files("ganworks.conf") / "tune.yaml").read_text(encoding="utf-8")
    return f"python tune.py tune=NAME [setting=value] ...\n\ntune=: {', '.join(spaces())}\n\n{text}"


def search(settings: Settings, report: bool, dry_run: bool) -> int:
    """Check the space, run the workers, show the study; return the exit code."""
    from rich.console import Console

    from ganworks.cli.train import train_here
    from ganworks.run.log import log_to_terminal, quieten
    from ganworks.tuning.finish import Finish, begin, show_plan
    from ganworks.tuning.live import Display
    from ganworks.tuning.pool import Pool, note_signals

    log_to_terminal()
    quieten()
    console = Console(force_terminal=None if sys.stdout.isatty() else False)
    from ganworks.tuning.check import checked

    settings = checked(settings)
    if dry_run:
        show_plan(settings, console)
        return 0
    study, replicates = begin(settings)
    finish = Finish(settings, study, console)
    if report:
        finish.page()
        return 0
    received: list[int] = []
    note_signals(received)
    pool, num_handled = Pool(settings, train_here), 0
    with Display(console, settings) as display:
        while pool.is_working():
            display.update(study, replicates)
            finish.page_if_due()
            finish.check_crashes(pool)
            if len(received) > num_handled:
                num_handled = len(received)
                pool.stop()
            time.sleep(TICK)
        display.update(study, replicates)
    finish.check_crashes(pool)
    finish.conclude(is_interrupted=bool(received))
    return 128 + signal.Signals(received[0]) if received else 0


if __name__ == "__main__":
    main()
