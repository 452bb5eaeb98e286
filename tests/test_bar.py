"""The bar of work that may take long."""

from __future__ import annotations

import io
import logging
import threading

import pytest
from rich.console import Console

from ganworks import bar
from ganworks.bar import Bar


def on(patch: pytest.MonkeyPatch, is_terminal: bool) -> io.StringIO:
    """Let bars be drawn on a terminal, or into a file."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=is_terminal, width=100)
    patch.setattr(bar, "Console", lambda **kwargs: console)
    return screen


@pytest.mark.parametrize("is_enabled", [True, False])
def test_terminal_shows_a_bar_before_the_first_thing_is_done(
    monkeypatch: pytest.MonkeyPatch, is_enabled: bool
) -> None:
    screen, is_shown = on(monkeypatch, is_terminal=True), threading.Event()
    with Bar("Fakes", 40, enabled=is_enabled) as shown:
        start = shown.progress.start
        if shown.timer is not None:
            shown.timer.function = lambda: (start(), is_shown.set())
            assert is_shown.wait(30)
        shown.advance(8)
    assert ("Fakes" in screen.getvalue()) == is_enabled
    assert ("8/40" in screen.getvalue()) == is_enabled


def test_work_that_ends_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on(monkeypatch, is_terminal=True)
    with Bar("Fakes", 40) as shown:
        shown.timer.interval = 3600
        shown.advance(40)
    assert screen.getvalue() == ""


def test_elsewhere_a_line_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    screen = on(monkeypatch, is_terminal=False)
    with Bar("Fakes", 40, seconds=0) as shown:
        shown.advance(10)
    assert "Fakes: 10 of 40" in caplog.text
    assert screen.getvalue() == ""
