"""The Dockerfile holds against the package: what it copies is there, what it calls exists, it does not end as root."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

from pages import DOCS, ROOT, blocks

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PAGE = DOCS / "container.md"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
Instruction = tuple[str, str]


def instructions(text: str) -> list[Instruction]:
    """Return (name, what follows it) of each instruction of a Dockerfile, lines that go on joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (line.split(None, 1)[0], line.split(None, 1)[1].strip())
        for line in joined.splitlines()
        if line.strip()
    ]


DOCKERFILE = instructions((ROOT / "Dockerfile").read_text())


def all_of(name: str) -> list[str]:
    return [rest for instruction, rest in DOCKERFILE if instruction == name]


def copied() -> list[str]:
    """Return what is copied from the repository."""
    return [source for rest in all_of("COPY") if "--from" not in rest for source in rest.split()[:-1]]


def environment() -> dict[str, str]:
    pairs = (pair.partition("=") for rest in all_of("ENV") for pair in shlex.split(rest))
    return {name: value for name, _, value in pairs}


def defaults() -> dict[str, str]:
    pairs = (rest.partition("=") for rest in all_of("ARG"))
    return {name: value for name, _, value in pairs}


def test_instructions_are_those_of_a_dockerfile() -> None:
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "CMD"}
    assert {name for name, _ in DOCKERFILE} == known


def test_image_is_built_of_all_that_the_package_needs_and_nothing_else() -> None:
    project, tools = SETTINGS["project"], SETTINGS["tool"]["setuptools"]
    folders = {path.split("/")[0] for path in tools["package-dir"].values()}
    assert set(copied()) == {"pyproject.toml", project["readme"], *project["license-files"], *folders}
    assert all((ROOT / name).exists() for name in copied())


def test_nothing_but_what_is_copied_is_sent_to_the_builder() -> None:
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())


@pytest.mark.parametrize("script", all_of("RUN"), ids=lambda script: script[:30])
def test_shell_can_read_each_step(script: str) -> None:
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_list_of_dependencies_is_that_of_the_package(tmp_path: Path) -> None:
    (step,) = (
        rest for rest in all_of("RUN") if "requirements.txt \\" in rest or "> requirements.txt" in rest
    )
    command = step.partition("&&")[0].replace("> requirements.txt", "")
    program = shlex.split(command)
    if sys.version_info < (3, 11):
        pytest.skip("the image's Python is newer")
    done = subprocess.run(
        [sys.executable, *program[1:]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == SETTINGS["project"]["dependencies"]


@pytest.mark.parametrize(("device", "index"), [("cuda", False), ("cpu", True), ("gpu", None)])
def test_device_chooses_the_wheels_of_torch_and_another_one_ends_the_build(
    device: str, index: bool | None, tmp_path: Path
) -> None:
    (step,) = (rest for rest in all_of("RUN") if rest.startswith("case"))
    (tmp_path / "pip").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "pip").chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", step], env={"PATH": str(tmp_path), "DEVICE": device}, capture_output=True, text=True
    )
    assert (done.returncode == 0) == (index is not None)
    if index is None:
        assert "must be cuda or cpu" in done.stderr
    else:
        assert done.stdout.split()[:4] == ["install", "--no-cache-dir", "torch", "torchvision"]
        assert ("--index-url" in done.stdout) == index


def test_extras_and_python_are_those_of_the_package() -> None:
    assert set(defaults()["EXTRAS"].split(",")) <= set(SETTINGS["project"]["optional-dependencies"])
    least = re.search(r"(\d+)\.(\d+)", SETTINGS["project"]["requires-python"])
    assert least is not None
    assert tuple(map(int, defaults()["PYTHON"].split("."))) >= tuple(map(int, least.groups()))


def test_it_does_not_run_as_root_and_may_write_where_it_writes() -> None:
    assert DOCKERFILE[-3] == ("USER", "gan")
    volumes = [PurePosixPath(path) for path in json.loads(all_of("VOLUME")[0])]
    caches = [value for name, value in environment().items() if name.endswith(("_CACHE", "_HOME", "DIR"))]
    assert len(caches) == 6
    assert all(PurePosixPath(path).is_relative_to("/cache") for path in caches)
    paths = yaml.safe_load((ROOT / "conf/paths/default.yaml").read_text())
    work = PurePosixPath(all_of("WORKDIR")[-1])
    assert {PurePosixPath("/cache"), work / paths["runs"], work / paths["data"]} == set(volumes)
    (made,) = (rest for rest in all_of("RUN") if "useradd" in rest)
    assert all(str(path) in made for path in volumes)


def test_what_is_run_in_the_image_is_a_command_of_the_package() -> None:
    scripts = SETTINGS["project"]["scripts"]
    assert json.loads(all_of("CMD")[0])[0] in scripts
    runs = [
        line for block in blocks(PAGE, "bash") for line in block.splitlines() if line.startswith("docker run")
    ]
    for line in runs:
        words = shlex.split(line)
        image = next(i for i, word in enumerate(words) if re.fullmatch(r"ganworks(:cpu)?", word))
        assert words[image + 1] in scripts or words[image + 1 : image + 4] == [
            "python",
            "-m",
            "ganworks.explore",
        ]
        mounts = [words[i + 1].partition(":")[2] for i, word in enumerate(words) if word == "-v"]
        assert set(mounts) <= set(json.loads(all_of("VOLUME")[0]))


def test_page_names_every_build_argument_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z]+)` \| `([^`]*)`", PAGE.read_text(), flags=re.M)
    assert dict(rows) == defaults()
