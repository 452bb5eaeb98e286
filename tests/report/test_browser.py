"""A page in a real browser: it complains of nothing, fits a phone and answers to the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from browser import Reader
from ganworks.report import write_report
from report_runs import CONFIG, SUMMARY

Run = Callable[..., Path]
Open = Callable[..., Reader]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_page_complains_of_nothing_and_fits_the_window(
    make_run: Run, reader: Open, width: int, scheme: str
) -> None:
    long_name = "a_name_without_any_place_to_break_it_" * 4
    run = make_run(long_name, config={**CONFIG, "name": long_name, "data": {"root": "/" + "folder" * 40}})
    for paths in ([run], [run, run, run]):
        read = reader(write_report(paths, run / "page.html"), width, color_scheme=scheme)
        assert read.overflow <= 0
        read.page.mouse.move(width / 2, 300)
        assert read.complaints == []


def test_dark_page_is_dark_and_a_printed_one_is_light(make_run: Run, reader: Open) -> None:
    page = reader(write_report([make_run()]), color_scheme="dark").page
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(21, 23, 26)"
    page.emulate_media(media="print")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"


def test_watch_for_complaints_hears_them(make_run: Run, reader: Open) -> None:
    """Control: the policy of the page stops a script and a picture that a hostile name might have brought in."""
    path = write_report([make_run()])
    hostile = '<script>console.error("in")</script><img src="http://localhost:9/x.png">'
    path.write_text(path.read_text().replace("</main>", hostile + "</main>"))
    complaints = reader(path).complaints
    assert len([text for text in complaints if "Content Security Policy" in text]) == 2
    assert "error: in" not in complaints


def test_slider_shows_the_samples_of_its_time(make_run: Run, reader: Open) -> None:
    page = reader(write_report([make_run(num_grids=5)])).page
    shown = "[...document.querySelectorAll('.slides img')].filter(i => !i.hidden).map(i => i.dataset.at)"
    assert page.evaluate(shown) == ["10000"]
    page.locator(".slider input").focus()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(shown) == ["7500"]
    assert page.locator(".slider output").text_content() == "7,500 images"
    page.keyboard.press("Home")
    assert page.evaluate(shown) == ["0"]
    assert page.locator(".slider input").get_attribute("aria-valuetext") == "0 images"


def test_slider_of_several_runs_shows_each_at_that_time(make_run: Run, reader: Open, tmp_path: Path) -> None:
    path = write_report([make_run("a", num_grids=5), make_run("b", num_grids=2)], tmp_path / "both.html")
    page = reader(path).page
    page.locator(".slider input").focus()
    page.keyboard.press("ArrowLeft")
    shown = "[...document.querySelectorAll('.slides img')].filter(i => !i.hidden).map(i => i.dataset.at)"
    assert page.evaluate(shown) == ["7500", "0"]


def test_values_are_read_out_under_the_pointer_and_by_the_keyboard_in_all_charts_at_once(
    make_run: Run, reader: Open
) -> None:
    table = [
        {"images_seen": 100 * i, "train/generator/adversarial": float(i), "a": 2.0 * i} for i in range(101)
    ]
    page = reader(write_report([make_run(table=table)])).page
    drawing = page.locator("figure.chart svg").first
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    page.mouse.move(box["x"] + box["width"] * (46 + (360 - 46 - 12) / 2) / 360, box["y"] + box["height"] / 2)
    outputs = page.locator("figure.chart .legend output")
    assert outputs.all_text_contents() == ["50", "100"]
    assert "5,000 images · mode collapse" in page.locator("figure.chart .at").first.text_content()
    page.locator("figure.chart").first.focus()
    page.keyboard.press("ArrowRight")
    assert outputs.all_text_contents() == ["51", "102"]
    page.keyboard.press("Escape")
    assert outputs.all_text_contents() == ["", ""]


def test_line_that_has_ended_has_no_value_any_more(make_run: Run, reader: Open, tmp_path: Path) -> None:
    long = [{"images_seen": 100 * i, "a": float(i)} for i in range(101)]
    runs = [make_run("long", table=long), make_run("short", table=long[:21])]
    page = reader(write_report(runs, tmp_path / "both.html")).page
    page.locator("figure.chart").first.focus()
    page.keyboard.press("Home")
    assert page.locator(".legend output").all_text_contents() == ["0", "0"]
    page.keyboard.press("End")
    assert page.locator(".legend output").all_text_contents() == ["100", ""]


def test_read_out_moves_nothing(make_run: Run, reader: Open) -> None:
    page = reader(write_report([make_run()]), 375).page
    height = "document.documentElement.scrollHeight"
    before = page.evaluate(height)
    page.locator("figure.chart").first.focus()
    page.keyboard.press("Home")
    assert page.locator(".at").first.text_content() != ""
    assert page.evaluate(height) == before


def test_page_can_be_read_without_scripts(make_run: Run, reader: Open) -> None:
    page = reader(write_report([make_run()]), java_script_enabled=False).page
    assert page.locator(".slides img:visible").count() == 1
    assert page.locator("figure.chart svg path.line").count() > 3


def test_page_of_a_run_without_anything_complains_of_nothing(make_run: Run, reader: Open) -> None:
    path = write_report([make_run(summary={"status": "running"}, config=None, table=[], num_grids=0)])
    assert reader(path, 375).complaints == []
    nan = [{"images_seen": 1, "a": float("nan")}, {"images_seen": 2, "a": float("nan")}]
    page = reader(write_report([make_run("nan", summary=SUMMARY, table=nan)]))
    page.page.locator("figure.chart").first.focus()
    page.page.keyboard.press("ArrowLeft")
    assert page.page.locator(".legend output").first.text_content() == "–"
    assert page.complaints == []
