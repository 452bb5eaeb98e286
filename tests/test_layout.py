"""The repository's parts agree with each other: groups and packages, the wheel, the documented commands."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from ganworks.cli import evaluate, sample
from ganworks.run.compose import compose
from pages import ARCHITECTURE, PAGES, commands

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "ganworks"
WITHOUT_CODE = {"debug", "experiment", "hydra", "paths", "trainer", "tune"}  # settings alone
# Code that no group chooses.
WITHOUT_GROUP = {
    "augmentation",
    "chart",
    "cli",
    "convert",
    "doctor",
    "evaluation",
    "export",
    "explore",
    "official",
    "picture",
    "report",
    "run",
    "sample",
    "strategy",
    "tuning",
}


def groups() -> set[str]:
    return {path.name for path in (ROOT / "conf").iterdir() if any(path.glob("*.yaml"))}


def subpackages() -> set[str]:
    return {path.parent.name for path in SOURCE.glob("*/__init__.py")}


def targets(node: object) -> list[str]:
    """Every `_target_` of ours below a node of a config."""
    if isinstance(node, list):
        return [target for child in node for target in targets(child)]
    if not isinstance(node, dict):
        return []
    own = [str(node["_target_"])] if str(node.get("_target_", "")).startswith("ganworks.") else []
    return own + [target for child in node.values() for target in targets(child)]


def test_groups_with_code_behind_them_are_the_subpackages() -> None:
    assert groups() - WITHOUT_CODE == subpackages() - WITHOUT_GROUP


@pytest.mark.parametrize("group", sorted(groups() - WITHOUT_CODE))
def test_targets_of_a_group_are_in_its_subpackage(group: str) -> None:
    for path in (ROOT / "conf" / group).glob("*.yaml"):
        content = yaml.safe_load(path.read_text()) or {}
        is_global = path.read_text().startswith("# @package _global_")
        own = content.get(group, {}) if is_global else content
        homes = (
            f"ganworks.{group}.",
            "ganworks.schedule.",  # values of any group
            # critics and views, and the frozen features of a discriminator
            *(("ganworks.task.", "ganworks.metric.") if group == "model" else ()),
        )
        assert all(target.startswith(homes) for target in targets(own)), path
        is_variant = "defaults" in content  # of another option, whose targets it has
        has_targets = bool(targets(own)) or is_variant
        assert has_targets or group in ("augment", "regularizer", "optimizer", "logger", "metric"), path


@pytest.mark.parametrize(
    "path", sorted((ROOT / "conf").glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_config_begins_with_words_that_say_what_it_is(path: Path) -> None:
    comments = [line for line in path.read_text().splitlines()[:2] if line.startswith("# ")]
    has_words = any("@package" not in line for line in comments)
    assert has_words or path.parent.name in ("paths",), path


def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_named_for_the_wheel() -> None:
    named = set(settings()["tool"]["setuptools"]["packages"])
    found = {"ganworks", "ganworks.conf"} | {
        ".".join(("ganworks", *path.parent.relative_to(SOURCE).parts))
        for path in SOURCE.rglob("*/__init__.py")
    }
    assert named == found


TEXT = {"read_text", "write_text", "open"}


def without_encoding(path: Path) -> list[int]:
    """Return the lines of a file that read or write text in whatever encoding the machine has."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if (
            not is_method
            or node.func.attr not in TEXT
            or any(each.arg == "encoding" for each in node.keywords)
        ):
            continue
        modes = [
            each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        is_text = node.func.attr != "open" or any(set(mode) <= set("rwax+t") for mode in modes)
        is_ours = (
            node.func.attr == "write_text" and len(node.args) > 1
        )  # ganworks.staged.write_text(path, text)
        if is_text and not is_ours:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_text_files_have_an_encoding_of_their_own(path: Path) -> None:
    assert without_encoding(path) == []


def test_text_file_without_an_encoding_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "a.read_text()\nb.open('r+')\nc.open('rb')\nd.write_text(x, encoding='utf-8')\n"
    )
    assert without_encoding(tmp_path / "x.py") == [1, 2]  # control


def test_package_is_imported_where_the_system_has_no_module_resource() -> None:
    code = "import sys; sys.modules['resource'] = None; import ganworks.run.fit, ganworks.tuning.worker"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_command_has_a_thin_script_in_the_root() -> None:
    for name, target in settings()["project"]["scripts"].items():
        command = name.removeprefix("ganworks-")
        script = (ROOT / f"{command}.py").read_text()
        assert target == f"ganworks.cli.{command}:main"
        assert f"from ganworks.cli.{command} import main" in script
        assert len(script.splitlines()) < 12


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that nothing of an earlier build gets in."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy / name)
    pytest.importorskip("setuptools", minversion="77")
    pytest.importorskip("build")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    build = subprocess.run(command, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout + build.stderr
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_all_code_configs_and_weights_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    code = {f"ganworks/{path.relative_to(SOURCE)}" for path in SOURCE.rglob("*.py")}
    configs = {f"ganworks/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    weights = {f"ganworks/{path.relative_to(SOURCE)}" for path in SOURCE.rglob("*.safetensors")}
    pages = {f"ganworks/{path.relative_to(SOURCE)}" for path in SOURCE.glob("*/template/*")}
    words = {
        f"ganworks/{path.relative_to(SOURCE)}" for path in SOURCE.glob("data/words*") if path.suffix != ".py"
    }
    assert configs
    assert weights
    assert pages
    assert len(words) == 2
    assert inside == code | configs | weights | pages | words | {
        "ganworks/py.typed",
        "ganworks/conf/__init__.py",
    }


def test_wheel_trains_outside_of_the_repository(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    (tmp_path / "work").mkdir()
    program = (
        "import ganworks, sys; from pathlib import Path;"
        f"assert Path(ganworks.__file__).is_relative_to({str(tmp_path / 'installed')!r}), ganworks.__file__;"
        "from ganworks.cli.train import main; main()"
    )
    command = [sys.executable, "-c", program, "data=digits", "num_images=64", "model.width=8", "name=wheel"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*command, "metric.num_samples=64"],
        cwd=tmp_path / "work",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(list((tmp_path / "work" / "runs" / "wheel").glob("*/generator/model.safetensors"))) == 1


def documented_commands() -> list[tuple[str, tuple[str, ...]]]:
    """Every (command, arguments) in README and docs, once."""
    names = ("train", "sample", "evaluate", "tune")
    calls = [(name, tuple(arguments)) for name in names for _, arguments in commands(name, *PAGES)]
    return list(dict.fromkeys(calls))


@pytest.mark.parametrize(
    ("command", "arguments"),
    [pytest.param(*call, id=" ".join((call[0], *call[1]))) for call in documented_commands()],
)
def test_documented_command_is_one(command: str, arguments: tuple[str, ...]) -> None:
    assert (ROOT / f"{command}.py").exists()
    if command == "train":
        # A resumed run has no groups; of a sweep the first values are composed; a folder of their own is not here.
        overrides = [a for a in arguments if not a.startswith(("-", "resume=", "trust=")) and "=" in a]
        overrides = [re.sub(r"=([^,\[{]*),.*", r"=\1", override) for override in overrides]
        if "--config-dir" in arguments:
            overrides = []
        compose(overrides)
    elif command in ("sample", "evaluate"):
        schema = {"sample": sample.Arguments, "evaluate": evaluate.Arguments}[command]
        names = {field.name for field in fields(schema)}
        assert {argument.partition("=")[0].partition(".")[0] for argument in arguments} <= names | {"data"}


def references() -> list[tuple[str, str]]:
    """Every (file, name) that docs/architecture.md refers to as `file:name`, or as `file` with an empty name."""
    return re.findall(r"`((?:\w+/)*\w+\.py)(?::([\w.]+))?`", ARCHITECTURE.read_text())


def defined_in(path: Path) -> set[str]:
    """Names of the functions and classes of a file, of methods with their class before them."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{child.name}" for child in node.body if isinstance(child, ast.FunctionDef)
            }
    return names


def test_page_of_the_architecture_has_a_row_for_every_package() -> None:
    rows = set(re.findall(r"^\| `([\w/]+)` \|", ARCHITECTURE.read_text(), flags=re.M))
    assert subpackages() <= rows
    assert rows <= {str(path.parent.relative_to(SOURCE)) for path in SOURCE.rglob("*/__init__.py")}


@pytest.mark.parametrize(("file", "name"), sorted(set(references())))
def test_page_of_the_architecture_refers_to_code_that_is_there(file: str, name: str) -> None:
    path = SOURCE / file if (SOURCE / file).exists() else ROOT / file
    assert path.exists()
    assert not name or name in defined_in(path)
