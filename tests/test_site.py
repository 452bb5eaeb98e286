"""The documentation as a site: it builds without a warning, its links lead somewhere, and it asks no other machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from threading import Thread

import draw_gallery
import pytest
import try_own_images
from cells import notebook_page, with_mathml
from docstrings import with_fenced_examples
from reference import public_names
from repository import repository_path, site_path, with_links_of_the_site

from browser import chromium
from pages import DOCS, ROOT, blocks

GALLERY = DOCS / "gallery.md"
README = PurePosixPath("README.md")


def build(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build a site with warnings as errors; without --quiet, which would not count them."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site."""
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "mkdocs.yml", folder)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[a](nothing.md)", "not found"), ("[a](#nothing)", "no such anchor"), ("[a](index.md#it)", None)],
)
def test_link_that_leads_nowhere_fails_the_build(text: str, problem: str | None, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# It\n\n{text}\n", encoding="utf-8")
    own = {
        "docs_dir": "docs",
        "nav": [{"It": "index.md"}],
        "hooks": [],
        "plugins": [],
        "theme": {"name": "mkdocs"},
    }
    own |= {"INHERIT": str(ROOT / "mkdocs.yml"), "watch": [], "extra_css": []}
    (tmp_path / "mkdocs.yml").write_text(json.dumps(own), encoding="utf-8")
    built = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert (built.returncode == 0) == (problem is None), built.stderr
    assert problem is None or problem in built.stderr


class References(HTMLParser):
    """What a page refers to: (tag, target) of its links, pictures, scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [(tag, value) for name, value in attrs if name in ("href", "src") and value]


def references(site: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield (page, tag, target) of every reference of the site."""
    for page in site.rglob("*.html"):
        found = References(page.read_text(encoding="utf-8")).targets
        yield from ((page, tag, target) for tag, target in found)


def test_site_has_readme_changes_notebooks_sources_and_reference(site: Path) -> None:
    front = (site / "index.html").read_text(encoding="utf-8")
    for target in (
        "running.html",
        "CHANGELOG.html",
        "notebooks/01_first_gan.html",
        "images/digits_progress.png",
    ):
        assert f'"{target}"' in front or f'"{target}#' in front, target
    assert "conf/train.yaml" in (site / "source" / "conf" / "train.yaml.html").read_text(encoding="utf-8")
    assert "load_generator" in (site / "reference" / "ganworks.html").read_text(encoding="utf-8")


def test_every_link_within_the_site_leads_to_a_file(site: Path) -> None:
    targets = list(references(site))
    assert len(targets) > 1000
    for page, _, target in targets:
        path = target.partition("#")[0].partition("?")[0]
        if path and not re.match(r"\w+:|//|/", path) and page.name != "404.html":
            assert (page.parent / path).exists(), (page, target)


def test_pages_fetch_nothing_from_another_machine(site: Path) -> None:
    fetched = {target for _, tag, target in references(site) if tag in ("script", "img", "link")}
    assert [target for target in fetched if re.match(r"https?:|//", target)] == []


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_site_fits_a_narrow_window_and_finds_what_is_searched(address: str) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        for name in ("index", "options", "gallery"):
            page.goto(f"{address}/{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, name
        page.goto(f"{address}/running.html?q=lazy+penalties")
        page.locator(".md-search-result__item").first.wait_for(timeout=20_000)
        assert "Lazy penalties" in page.locator(".md-search-result__list").inner_text()


def test_links_of_a_page_are_moved_to_where_the_site_has_their_target() -> None:
    text = "[a](docs/running.md#resume) ![b](docs/images/report.png) [c](notebooks/01_first_gan.ipynb)"
    moved = "[a](running.md#resume) ![b](images/report.png) [c](notebooks/01_first_gan.md)"
    assert with_links_of_the_site(text, README) == moved
    page = PurePosixPath("docs/benchmarks/pacgan.md")
    assert with_links_of_the_site("[a](../../conf/train.yaml)", page) == "[a](../source/conf/train.yaml.md)"
    assert with_links_of_the_site("[a](../options.md)", page) == "[a](../options.md)"


@pytest.mark.parametrize(
    "text", ["[a](docs/nothing.md)", "[a](https://x.org/docs/running.md)", "[a](#start)"]
)
def test_links_that_lead_nowhere_or_elsewhere_are_left(text: str) -> None:
    assert with_links_of_the_site(text, README) == text


def test_links_in_code_are_left() -> None:
    text = "```markdown\n[a](docs/running.md)\n```\n"
    assert with_links_of_the_site(text, README) == text
    assert (
        with_links_of_the_site(text + "[a](docs/running.md)", README) == text + "[a](running.md)"
    )  # control


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "CHANGELOG.md",
        "docs/running.md",
        "docs/benchmarks/pacgan.md",
        "docs/draw_pictures.py",
        "docs/benchmarks",
        "notebooks/03_text.ipynb",
        "src/ganworks/errors.py",
        "LICENSE",
    ],
)
def test_page_of_the_site_knows_its_file(path: str) -> None:
    assert repository_path(site_path(PurePosixPath(path))) == PurePosixPath(path)


def test_notebook_becomes_words_code_outputs_and_pictures() -> None:
    text, pictures = notebook_page(ROOT / "notebooks" / "01_first_gan.ipynb")
    assert text.startswith("# ")
    assert "```python\nimport csv" in text
    assert pictures
    assert all(f"]({name})" in text and data.startswith(b"\x89PNG") for name, data in pictures.items())
    assert "$" not in re.sub(r"```.*?```", "", text, flags=re.S)


def test_formulas_become_mathml() -> None:
    assert with_mathml(r"the letter $\arg\max_k s_k$").count("<math") == 1
    assert "\\" not in with_mathml(r"the letter $\arg\max_k s_k$")
    assert 'display="block"' in with_mathml("$$x$$")
    assert with_mathml("no formula") == "no formula"


def test_examples_of_docstrings_become_blocks_of_code() -> None:
    text = "A sum.\n\n>>> 1 + 1\n2\n\nMore."
    assert with_fenced_examples(text) == "A sum.\n\n```pycon\n>>> 1 + 1\n2\n```\n\nMore."
    assert with_fenced_examples("no example") == "no example"


def test_reference_names_what_a_package_hands_on() -> None:
    assert "Hinge" in public_names(ROOT / "src" / "ganworks" / "loss")


def test_gallery_is_what_its_script_writes() -> None:
    results = json.loads(draw_gallery.RESULTS.read_text(encoding="utf-8"))
    assert GALLERY.read_text(encoding="utf-8") == draw_gallery.page(results)
    assert set(results) == set(draw_gallery.TITLES)


def test_gallery_shows_only_pictures_of_the_command_beside_them() -> None:
    commands = [re.match(r"python docs/draw_gallery\.py (\w+) #", block) for block in blocks(GALLERY, "bash")]
    names = [command[1] for command in commands if command]
    shown = re.findall(r"!\[[^]]*\]\(gallery/([^)]+)\)", GALLERY.read_text(encoding="utf-8"))
    assert len(names) == len(commands) > 5
    assert all((ROOT / "conf" / "experiment" / f"{name}.yaml").exists() for name in names)
    assert {re.sub(r"(_report)?\.\w+$", "", picture) for picture in shown} == set(names)
    files = {path.name: path.stat().st_size for path in (DOCS / "gallery").iterdir()}
    assert set(shown) == set(files) - {"results.json"}
    assert sum(files.values()) < 1_500_000


def test_gallery_refuses_an_experiment_that_it_does_not_show() -> None:
    with pytest.raises(SystemExit, match=r"error: digits_dcgn: must be one of .*digits_dcgan"):
        draw_gallery.main(["digits_dcgn"])


NEWCOMER = DOCS / "own_images.md"


def test_path_of_a_newcomer_has_the_time_of_each_of_its_commands() -> None:
    text, _, times = NEWCOMER.read_text(encoding="utf-8").partition(try_own_images.HEADING)
    rows = re.findall(r"^\| `(.*?)` \| [\d,]+ s \| [\d,]+ s \|$", times, flags=re.M)
    assert rows == [shlex.join(command) for command in try_own_images.commands(text)]
    assert [row.split()[0] for row in rows[:2]] == ["python", "pip"]


def test_commands_of_a_newcomer_get_the_folder_and_the_newest_run(tmp_path: Path) -> None:
    command = ["ganworks-train", "data.root=FOLDER", "init_from=RUN_DIR"]
    assert try_own_images.filled(command, tmp_path, Path("/source"))[1:] == [
        "data.root=sneakers",
        "init_from=/source",
    ]
    run = tmp_path / "runs" / "own" / "1"
    run.mkdir(parents=True)
    (run / "config.yaml").touch()
    assert try_own_images.filled(command, tmp_path, Path("/source"))[2] == "init_from=runs/own/1"


def test_times_of_a_newcomer_are_replaced_and_the_words_beside_them_stay() -> None:
    page = f"text\n\n{try_own_images.HEADING}\n| old | 1 s | 1 s |\n\nWords.\n"
    other = try_own_images.table([("new", 2.4, 1.2)])
    assert try_own_images.with_table(page, other) == page.replace("| old | 1 s | 1 s |\n", other)
    assert "| `new` | 2 s | 1 s |" in other
