"""A run, and runs beside each other: what is printed is in their files, and curves lie where the values are."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from pages import PAGES, blocks

Command = Callable[..., str]
FIRST, SECOND = "2026-01-01_10-00-00", "2026-01-02_10-00-00"


def test_run_is_shown_with_figures_settings_curves_and_commands(command: Command) -> None:
    text = command("show", FIRST)
    assert f"{Path('runs/digits')}" in text
    assert "finished" in text
    assert "fd_digits" in text
    assert "held-out real data" in text
    assert "one episode of mode collapse" in text
    assert "num_images" in text
    assert "1_000_000" in text  # the default beside it
    assert "metric/fd_digits" in text
    assert "train/generator/adversarial" in text
    assert "resume=" in text


def test_name_of_several_runs_shows_the_last_one(command: Command) -> None:
    assert SECOND in command("show", "digits", "curves=none")
    assert FIRST not in command("show", "digits", "curves=none")


def test_error_of_a_run_is_shown_with_its_brackets(command: Command) -> None:
    assert "[Errno 28] no space left" in command("show", "faces", "curves=none")


def test_runs_beside_each_other_show_the_settings_in_which_they_differ(command: Command) -> None:
    text = command("compare", FIRST, SECOND)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["seed"] == ["0", "3"]
    assert rows["data.batch_size"] == ["64", "128"]
    assert "num_images" not in rows
    assert rows["fd_digits"][:2] == ["1.5", "1.5"]
    assert text.index(FIRST) < text.index(SECOND)


def test_curves_of_both_runs_are_in_each_chart(command: Command, runs: Path) -> None:
    table = runs / "digits" / SECOND / "metrics.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("metric/fd_digits")
    higher = [
        ",".join(str(2 * float(c)) if i == column and c else c for i, c in enumerate(line.split(",")))
        for line in lines[1:]
    ]
    table.write_text("\n".join([lines[0], *higher]) + "\n", encoding="utf-8")
    text = command("compare", FIRST, SECOND, "curves=fd_digits")
    chart = text[text.index("metric/fd_digits") :].splitlines()[1:-2]
    first = [index for index, line in enumerate(chart) if "A" in line]
    second = [index for index, line in enumerate(chart) if "B" in line]
    assert min(second) < min(first)  # the higher one starts above
    assert "adversarial" not in text


def test_runs_that_differ_in_nothing_say_so(command: Command, runs: Path) -> None:
    text = command("compare", FIRST, f"runs/digits/{FIRST}", "runs/tune/study", "curves=none")
    assert "No setting differs." in text  # the same run twice is one


def test_page_is_written_where_one_is_asked_for(command: Command, tmp_path: Path) -> None:
    assert command("compare", "digits", "out=both.html").strip() == "both.html"
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert FIRST in page
    assert SECOND in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", FIRST], "from 2 to 8"),
        (["compare", FIRST, "digts"], "Did you mean 'digits'?"),
        (["compare"], "run=: must be given"),
        (["show", "digits", "curves=fd_digit"], "Did you mean 'fd_digits'?"),
        (["show", "nothing/there"], "must be a run directory"),
    ],
)
def test_mistake_is_said_in_a_line(command: Command, arguments: list[str], words: str) -> None:
    error = command(*arguments)
    assert error.startswith("error: ")
    assert words in error


DOCUMENTED = [
    shlex.split(line, comments=True)[3:]
    for page in PAGES
    for block in blocks(page, "bash")
    for line in block.splitlines()
    if line.startswith("python -m ganworks.runs ")
]


def test_documented_commands_work(command: Command) -> None:
    for arguments in DOCUMENTED:
        meant = iter([FIRST, SECOND])
        printed = command(*(next(meant) if argument == "RUN" else argument for argument in arguments))
        assert not printed.startswith("error"), (arguments, printed)
        assert printed
    assert len(DOCUMENTED) >= 6


def test_help_names_the_commands(command: Command) -> None:
    for arguments in ([], ["--help"]):
        assert all(f"ganworks.runs {name}" in command(*arguments) for name in ("list", "show", "compare"))
