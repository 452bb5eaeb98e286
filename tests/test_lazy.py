"""Packages hand on names without importing them: every name is found, by Python, by Hydra and by `dir`."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.utils import get_object

import ganworks
from ganworks.lazy import origins

SOURCE = Path(ganworks.__file__).parent
PACKAGES = [
    ".".join(("ganworks", *path.parent.relative_to(SOURCE).parts))
    for path in sorted(SOURCE.rglob("__init__.py"))
    if "on_first_use(__name__)" in path.read_text()
]


def test_most_packages_import_on_first_use() -> None:
    assert {"ganworks", "ganworks.data", "ganworks.metric.extractor", "ganworks.task"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_name_that_a_package_hands_on_is_that_of_its_module(package: str) -> None:
    module = importlib.import_module(package)
    assert origins(package)
    for name, origin in origins(package).items():
        assert getattr(module, name) is getattr(importlib.import_module(origin), name)
        assert get_object(f"{package}.{name}") is getattr(module, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_names_of_a_package_are_listed(package: str) -> None:
    module = importlib.import_module(package)
    assert set(origins(package)) <= set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_is_that_of_a_module_too(package: str) -> None:
    """Whether the package then has the module or what it hands on would depend on what was imported before."""
    modules = {module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)}
    assert not modules & set(origins(package))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'ganworks.data' has no attribute 'Digitz'"):
        importlib.import_module("ganworks.data").Digitz  # noqa: B018
    with pytest.raises(ImportError, match="Digitz"):
        exec("from ganworks.data import Digitz")


def test_star_hands_on_every_name() -> None:
    names: dict[str, object] = {}
    exec("from ganworks.loss import *", names)
    assert {"Hinge", "Wasserstein", "per_sample"} <= set(names)


PROGRAM = """
import sys
from ganworks.loss import Hinge
assert "ganworks.loss.margin" in sys.modules
assert "ganworks.loss.relativistic" not in sys.modules
from ganworks.loss import RelativisticPairing
assert "ganworks.loss.relativistic" in sys.modules
"""


def test_module_is_imported_when_one_of_its_names_is_asked_for() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
