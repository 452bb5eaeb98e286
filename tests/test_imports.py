"""No two modules of ganworks need each other, and nothing below the commands knows of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
Graph = dict[str, set[str]]


def modules(source: Path = SOURCE) -> dict[str, ast.Module]:
    """Return the syntax tree of every module below ``source`` by its dotted name."""
    trees = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    return trees


def imports(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Yield (module, name) of every absolute import, name None for ``import module``, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((str(node.module), alias.name) for alias in node.names)


def defining(module: str, name: str | None, trees: dict[str, ast.Module]) -> str:
    """Return the module that defines ``name``: a submodule, what a package hands on, or ``module`` itself."""
    if name is None:
        return module
    if f"{module}.{name}" in trees:
        return f"{module}.{name}"
    for origin, imported in imports(trees[module]):
        if imported == name and origin in trees and origin != module:
            return defining(origin, imported, trees)
    return module


def import_graph(trees: dict[str, ast.Module]) -> Graph:
    """Return for each module those of ``trees`` that it imports."""
    graph: Graph = {}
    for module, tree in trees.items():
        found = {defining(origin, name, trees) for origin, name in imports(tree) if origin in trees}
        graph[module] = found - {module}
    return graph


def circle(graph: Graph) -> list[str]:
    """Return the modules of a circle, the first one again at its end; empty where there is none."""
    done: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            for other in sorted(graph[module]):
                if found := search(other, [*path, module]):
                    return found
            done.add(module)
        return []

    return next((found for module in graph if (found := search(module, []))), [])


def above(graph: Graph, room: str) -> list[str]:
    """Return "module -> module" for every import of ``room`` from outside of it.

    A ``__main__`` is a command too, started with ``python -m``: it may use what the commands share.
    """
    return [
        f"{module} -> {other}"
        for module, others in graph.items()
        for other in sorted(others)
        if is_in(other, room) and not is_in(module, room) and not module.endswith(".__main__")
    ]


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def test_imports_form_no_circle() -> None:
    """Count every import: at the top, inside functions, under TYPE_CHECKING.

    ``from ganworks.callback import Checkpoint`` counts as an import of the module that defines `Checkpoint`, not of
    the package that hands it on. That importing a module runs the ``__init__`` of the packages it lies in does not
    count: an ``__init__`` that only hands on would stand in a circle with each of its modules.
    """
    found = circle(import_graph(modules()))
    assert not found, " -> ".join(found)


def test_nothing_but_a_command_imports_the_commands() -> None:
    assert above(import_graph(modules()), "ganworks.cli") == []


@pytest.mark.parametrize(
    "module",
    [
        "started",
        "cli.train",
        "cli.worker",
        "cli.tune",
        "cli.sample",
        "cli.evaluate",
        "report.__main__",
        "explore.__main__",
    ],
)
def test_command_begins_before_torch_is_imported(module: str) -> None:
    program = f"import sys, ganworks.{module}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"ganworks.{module}" in run.stdout.split()
    assert not {"torch", "pytorch_lightning"} & set(run.stdout.split())


CIRCLES = {
    "at the top": {"a": "import p.b", "b": "from p import a"},
    "in a function": {"a": "from p.b import f", "b": "def f():\n    from p.a import g"},
    "for types alone": {"a": "from p.b import f", "b": "if TYPE_CHECKING:\n    from p.a import g"},
    "through what a package hands on": {
        "a": "from p import f",
        "b": "from p.a import g\ndef f(): ...",
        "__init__": "from p.b import f",
    },
    "through what a package hands on when it is asked for": {
        "a": "from p import f",
        "b": "from p.a import g\ndef f(): ...",
        "__init__": "if TYPE_CHECKING:\n    from p.b import f\nelse:\n    __getattr__ = on_first_use()",
    },
    "of three": {"a": "import p.b", "b": "import p.c", "c": "from p.a import x"},
}


def graph_of(tmp_path: Path, files: dict[str, str]) -> Graph:
    (tmp_path / "p").mkdir()
    for name, text in {"__init__": "", **files}.items():
        (tmp_path / "p" / f"{name}.py").write_text(text)
    return import_graph(modules(tmp_path))


@pytest.mark.parametrize("kind", CIRCLES)
def test_circle_is_found_and_named(tmp_path: Path, kind: str) -> None:
    found = circle(graph_of(tmp_path, CIRCLES[kind]))
    assert found[0] == found[-1]
    assert {"p.a", "p.b"} <= set(found)


def test_package_that_hands_on_its_modules_is_no_circle(tmp_path: Path) -> None:
    files = {"__init__": "from p.a import f\nfrom p.b import g", "a": "from p import g", "b": "import q"}
    graph = graph_of(tmp_path, files)
    assert graph["p.a"] == {"p.b"}
    assert circle(graph) == []


def test_import_of_a_command_is_found_unless_a_command_has_it(tmp_path: Path) -> None:
    files = {"cli": "import p.run", "run": "def f():\n    from p.cli import main", "__main__": "import p.cli"}
    assert above(graph_of(tmp_path, files), "p.cli") == ["p.run -> p.cli"]
