"""The page in a real browser: what is touched is what is drawn, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ganworks.cli.explore import Explorer

Visit = Callable[..., "object"]
SOURCE = "document.querySelector('#view img').src"
VIEWS = [
    *(("styles", tab) for tab in ("sample", "grid", "between", "mix")),
    *(("points", "grid"), ("table", "grid"), ("series", "sample"), ("texts", "between"), ("clips", "grid")),
    *(("codes", "sample"), ("vectors", "sample"), ("translator", "translate")),
]


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in VIEWS))
def test_page_complains_of_nothing_and_fits_the_window(visitor: Visit, name: str) -> None:
    for width in (1280, 375) if name == "styles" else (375,):
        read = visitor(name, width=width, color_scheme="dark" if width == 375 else "light")
        for tab in [tab for other, tab in VIEWS if other == name]:
            if read.page.locator("#tabs").is_visible():
                read.page.locator(f"[role=tab][data-tab={tab}]").click()
            read.wait()
            assert read.overflow <= 0
            assert read.page.locator("#view > *").count() > 0
            assert not read.page.locator("#error").is_visible()
        assert read.complaints == []


def test_slider_of_a_direction_changes_the_picture_and_the_command(visitor: Visit) -> None:
    read = visitor("styles", "seed=3&label=hat")
    before = read.page.evaluate(SOURCE)
    read.page.locator("#in-move1").fill("2.5")
    read.wait()
    assert read.page.evaluate(SOURCE) != before
    assert read.text("#command").endswith("seeds=3 label=hat move=0,2.5 out=seed_3.png")
    read.page.get_by_text("All to 0").click()
    read.wait()
    assert read.page.evaluate(SOURCE) == before
    assert "move" not in read.text("#command")


def test_page_shows_what_the_server_draws_of_its_settings(
    visitor: Visit, explorer_of: Callable[[str], Explorer]
) -> None:
    read = visitor("styles", "seed=5&truncation=.5&label=boot")
    settings = {"seeds": "5", "label": "boot", "truncation": "0.5", "space": "w"}
    assert read.page.evaluate(SOURCE) == explorer_of("styles").draw(settings)["pictures"][0]
    assert read.text("#caption") == "seed 5, class boot"


def test_sample_of_a_grid_is_looked_at_alone_by_a_click(visitor: Visit) -> None:
    read = visitor("styles", "tab=grid&seed=10&count=6")
    fifth = read.page.locator("#view img").nth(4).get_attribute("src")
    read.page.locator(".cell").nth(4).click()
    read.wait()
    assert read.page.evaluate(SOURCE) == fifth
    assert read.page.locator("#in-seed").input_value() == "14"


def test_class_of_each_cell_in_turn(visitor: Visit) -> None:
    read = visitor("styles", "tab=grid&count=4")
    read.page.locator("#in-label").select_option("each in turn")
    read.wait()
    assert "seeds=0-3 columns=3" in read.text("#command")
    names = [read.page.locator(".cell").nth(i).get_attribute("title") for i in range(4)]
    assert names == ["seed 0, class boot", "seed 1, class hat", "seed 2, class a 'bag'", "seed 3, class boot"]
    read.page.locator(".cell").nth(1).click()
    read.wait()
    assert read.text("#caption") == "seed 1, class hat"


def test_seed_goes_on_and_address_keeps_the_view(visitor: Visit) -> None:
    read = visitor("images", "seed=7")
    read.page.get_by_label("Seed: the next").click()
    read.wait()
    assert read.text("#caption") == "seed 8"
    read.page.reload()
    read.wait()
    assert read.text("#caption") == "seed 8"


def test_walk_plays_and_its_slider_leads_to_its_end(visitor: Visit) -> None:
    read = visitor("images", "tab=between&seed=1&other=2&steps=5")
    place = read.page.get_by_label("Place on the walk")
    place.fill("4")
    assert read.text("#caption") == "from seed 1 to seed 2: 100 %"
    read.page.get_by_text("▶ Play").click()
    read.page.get_by_text("75 %").wait_for(timeout=3000)
    read.page.get_by_text("Pause").click()


def test_error_is_shown_and_goes_when_it_is_mended(visitor: Visit) -> None:
    read = visitor("vectors")
    read.page.locator("#in-label").fill("[1,2,3]")
    read.wait()
    assert "2 numbers a label" in read.text("#error")
    assert not read.page.locator("#result").is_visible()
    read.page.locator("#in-label").fill("[1,2]")
    read.wait()
    assert not read.page.locator("#error").is_visible()
    assert "'label=[1,2]'" in read.text("#command")


def test_picture_is_saved_under_the_name_in_the_command(
    visitor: Visit, explorer_of: Callable[[str], Explorer], tmp_path: Path
) -> None:
    read = visitor("images", "tab=between&seed=1&other=2&steps=4")
    with read.page.expect_download() as download:
        read.page.get_by_text("Save GIF").click()
    assert download.value.suggested_filename == "walk_1_2.gif"
    download.value.save_as(tmp_path / "walk.gif")
    settings = {"interpolate": "1", "seeds": "1,2", "num": "4", "out": "walk_1_2.gif"}
    assert (tmp_path / "walk.gif").read_bytes() == explorer_of("images").save(settings)


def test_own_image_is_translated(visitor: Visit, tmp_path: Path) -> None:
    Image.effect_noise((12, 9), 60).save(tmp_path / "cat.png")
    read = visitor("translator")
    read.page.locator("#upload").set_input_files(tmp_path / "cat.png")
    read.page.wait_for_selector(".made img")
    assert read.text("#command").endswith("input=cat.png out=translated.png")
    (tmp_path / "no.png").write_text("no image")
    read.page.locator("#upload").set_input_files(tmp_path / "no.png")
    read.page.wait_for_selector("#error:visible")
    assert "no.png cannot be read" in read.text("#error")


def test_arrow_keys_lead_through_the_views(visitor: Visit) -> None:
    read = visitor("images")
    read.page.locator("[role=tab]").first.focus()
    read.page.keyboard.press("ArrowRight")
    read.wait()
    assert read.page.locator(".cell").count() == 16
    assert read.page.evaluate("document.activeElement.textContent") == "Many"


def test_watch_for_complaints_hears_them(visitor: Visit) -> None:
    """Control: a request to elsewhere is stopped by the page's policy, and heard."""
    read = visitor("images")
    read.page.evaluate("fetch('http://localhost:9/x').catch(() => 0)")
    read.page.wait_for_timeout(50)
    assert any("Content Security Policy" in text for text in read.complaints)
