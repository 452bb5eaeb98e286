"""The API reference: a page for every package that hands on names, written from its `__all__` by mkdocstrings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

LAST_IN_SEARCH = "---\nsearch:\n  boost: 0.5\n---\n"  # a page that explains comes before a signature
SOURCE = Path(__file__).parents[2] / "src" / "ganworks"


def public_names(package: Path) -> list[str]:
    """Return the `__all__` of a package, read without importing it; empty where it has none."""
    for statement in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return sorted(ast.literal_eval(statement.value), key=str.lower)
    return []


def reference_page(package: Path) -> str:
    """Return the page of a package: what it is, then each of its names."""
    name = ".".join((SOURCE.name, *package.relative_to(SOURCE).parts))
    words = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    directives = "\n".join(f"::: {name}.{member}\n" for member in public_names(package))
    return f"{LAST_IN_SEARCH}# {name}\n\n{words}\n\n{directives}"


def reference_pages() -> Iterator[tuple[str, str]]:
    """Yield (path on the site, content) of each package."""
    for package in (SOURCE, *sorted(path.parent for path in SOURCE.glob("*/__init__.py"))):
        if public_names(package):
            yield f"reference/{package.name}.md", reference_page(package)


def fill(nav: list[Any], pages: list[dict[str, str]]) -> None:
    """Put ``pages`` where the navigation has an entry "API"."""
    for entry in (entry for entry in nav if isinstance(entry, dict)):
        for title, value in entry.items():
            if title == "API":
                entry[title] = pages
            elif isinstance(value, list):
                fill(value, pages)


def on_config(config: Any) -> Any:
    """Name the pages of the reference in the navigation: a new package needs no line there."""
    fill(config.nav, [{Path(path).stem: path} for path, _ in reference_pages()])
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the reference."""
    for path, content in reference_pages():
        files.append(File.generated(config, path, content=content))
    return files
