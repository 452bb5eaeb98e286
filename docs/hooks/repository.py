"""Pages of the site that lie outside of docs/: README as the front page, changes, notebooks, source files.

Every page of the repository links to others by relative paths, which lead somewhere on GitHub and in an editor. On the
site README is the front page, a notebook is a page with its outputs, and a source file that some page links to is a
page with its code; the links follow. A link that leads nowhere is left as it is, so that the strict build names it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from cells import fenced, notebook_page  # beside this file
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")  # of pictures too
FENCE = re.compile(r"^ *(```+|~~~+)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}
FRONT = ("README.md", "CHANGELOG.md")
NO_MENU = "---\nhide: [navigation]\n---\n"  # of the front page, which has no neighbours
NO_SEARCH = "---\nsearch:\n  exclude: true\n---\n"


def site_path(path: PurePosixPath) -> PurePosixPath:
    """Return where a file or folder of the repository lies on the site, both relative to their roots."""
    if path.parts[0] == "docs" and path.suffix not in ("", ".py"):
        return path.relative_to("docs")
    if path.suffix == ".ipynb":
        return path.with_suffix(".md")
    is_page = path.suffix == ".md" and len(path.parts) == 1
    return path if is_page else PurePosixPath("source", f"{path}.md")


def repository_path(page: PurePosixPath) -> PurePosixPath:
    """Return the file of the repository that a page of the site is made from; the inverse of `site_path`."""
    if page.parts[0] == "source":
        return PurePosixPath(*page.parts[1:]).with_suffix("")
    if page.parts[0] == "notebooks":
        return page.with_suffix(".ipynb")
    is_outside = len(page.parts) == 1 and not (ROOT / "docs" / page).exists()
    return page if is_outside else "docs" / page


def outside_fences(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page, each with whether it is prose, which is outside of blocks of code."""
    opened = ""
    for line in text.splitlines(keepends=True):
        fence = FENCE.match(line)
        yield line, not opened and not fence
        if fence and not opened:
            opened = fence[1]
        elif fence and fence[1].startswith(opened):
            opened = ""


def target_of(link: str, origin: PurePosixPath) -> PurePosixPath | None:
    """Return the file or folder of the repository that a relative link in ``origin`` leads to, or None."""
    if re.match(r"\w+:|/", link):
        return None
    path = PurePosixPath(posixpath.normpath(origin.parent / link))
    return path if path.parts[:1] != ("..",) and (ROOT / path).exists() else None


def links(text: str, origin: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the files and folders of the repository that a page links to."""
    for line, is_prose in outside_fences(text):
        targets = (target_of(match[2], origin) for match in LINK.finditer(line) if is_prose)
        yield from (target for target in targets if target is not None)


def with_links_of_the_site(text: str, origin: PurePosixPath) -> str:
    """Return the page with its relative links as they have to be on the site."""
    base = site_path(origin).parent

    def moved(match: re.Match[str]) -> str:
        target = target_of(match[2], origin)
        return match[1] + (posixpath.relpath(site_path(target), base) if target else match[2]) + match[3]

    lines = outside_fences(text)
    return "".join(LINK.sub(moved, line) if is_prose else line for line, is_prose in lines)


def source_page(path: PurePosixPath) -> str:
    """Return the page of a source file, its path and its code; or of a folder, the pages of docs/ in it."""
    if (ROOT / path).is_dir():
        names = sorted(each.name for each in (ROOT / path).glob("*.md"))
        return f"{NO_SEARCH}# {path}\n\n" + "".join(f"- [{name}]({path.name}/{name})\n" for name in names)
    code = (ROOT / path).read_text(encoding="utf-8")
    return f"{NO_SEARCH}# {path.name}\n\n`{path}`\n\n{fenced(code, LANGUAGES.get(path.suffix, 'text'))}"


def pages_outside(files: Files) -> Iterator[tuple[str, str | bytes]]:
    """Yield (path on the site, content) of all that is not in docs/."""
    own = {path: (ROOT / path).read_text(encoding="utf-8") for path in map(PurePosixPath, FRONT)}
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        path = PurePosixPath("notebooks", file.name)
        own[path], pictures = notebook_page(file)
        yield from ((f"notebooks/{name}", picture) for name, picture in pictures.items())
    docs = {"docs" / PurePosixPath(page.src_uri): page.content_string for page in files.documentation_pages()}
    linked = {target for path, text in (own | docs).items() for target in links(text, path)}
    sources = {path: source_page(path) for path in linked if site_path(path).parts[0] == "source"}
    own[PurePosixPath("README.md")] = NO_MENU + own[PurePosixPath("README.md")]
    yield from ((str(site_path(path)), text) for path, text in (own | sources).items())


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside of docs/; the table of all pages makes way for README as the front page."""
    for path, content in pages_outside(files):
        files.append(File.generated(config, path, content=content))
    table = files.get_file_from_path("index.md")
    if table is not None:
        table.dest_uri = "pages.html"
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let the links of a page lead where they lead on GitHub."""
    return with_links_of_the_site(markdown, repository_path(PurePosixPath(page.file.src_uri)))
