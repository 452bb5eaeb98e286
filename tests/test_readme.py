"""What README and docs say holds: commands work, tables are complete, code is quoted, links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from PIL import Image

import ganworks as package
from ganworks.cli import tune
from ganworks.errors import GanworksError
from ganworks.run import compose as composing
from ganworks.run.build import build_run
from ganworks.run.check import check_config
from ganworks.run.resume import change, read_config
from ganworks.tuning.check import checked
from ganworks.tuning.search import common_overrides
from ganworks.tuning.settings import Settings, read_settings
from official_files import stylegan2
from pages import (
    DOCS,
    EXTENDING,
    OPTIONS,
    PAGES,
    README,
    ROOT,
    RUNNING,
    SETTINGS,
    blocks,
    commands,
    excerpts,
    is_excerpt,
    named,
)

AT_HAND = (  # data that nobody has to download
    *(
        "digits",
        "stackeddigits",
        "ring",
        "grid",
        "line",
        "folder",
        "fewlabels",
        "digitssuperres",
        "printeddigits",
    ),
    *("words", "text", "oracle", "movingdigits", "sines", "seriesfiles", "tablefile"),
)

# They need a file of weights, or more than a CPU: tests of their own.
ELSEWHERE = re.compile(r"NETWORK\.pkl|projected_fastgan|experiment=\w*256")


def compose(overrides: list[str]) -> DictConfig:
    """Return the configuration of `train.py` with ``overrides``."""
    return composing.compose(overrides, composing.primary_config(overrides))


def single(overrides: list[str]) -> Iterator[list[str]]:
    """Yield the overrides with each value of each sweep in turn, the first one of the others."""
    choices = [
        list(parsed.sweep_string_iterator()) if parsed.is_sweep_override() else [parsed.value()]
        for parsed in OverridesParser.create().parse_overrides(overrides)
    ]
    texts = [
        [f"{override.partition('=')[0]}={choice}" for choice in options] if len(options) > 1 else [override]
        for override, options in zip(overrides, choices, strict=True)
    ]
    yield [options[0] for options in texts]
    for index, options in enumerate(texts):
        for choice in options[1:]:
            yield [choice if i == index else others[0] for i, others in enumerate(texts)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images in two classes."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("cats", "dogs"):
        (folder / name).mkdir()
        for index in range(40):
            Image.effect_noise((40 + index, 50), 80).convert("RGB").save(folder / name / f"{index}.png")
    rows = [f"{i % 17},{i % 5},{'ab'[i % 2]}" for i in range(800)]
    shutil.make_archive(str(folder), "zip", folder)
    for name in ("stock.csv", "iris.csv"):
        (folder / name).write_text("x,y,species\n" + "\n".join(rows), encoding="utf-8")
    return folder


COMPLETE = [c for c in commands("train", *PAGES) if not any(a.startswith(("-", "resume=")) for a in c[1])]
SWEEPS = [(page, arguments[1:]) for page, arguments in commands("train", *PAGES) if arguments[:1] == ["-m"]]
RESUMED = [c for c in commands("train", *PAGES) if any(a.startswith("resume=") for a in c[1])]


@pytest.mark.parametrize("arguments", named([c for c in COMPLETE + SWEEPS if c[0] != EXTENDING.name]))
def test_documented_training_passes_all_checks(
    arguments: list[str], pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["".join(chr(97 + n // 26**k % 26) for k in range(3)) for n in range(800)]
    (tmp_path / "lines.txt").write_text("".join(f"the word {word} of them\n" * 2 for word in words))
    overrides = [
        re.sub(r"root=(\w+\.csv)", rf"root={pictures}/\1", a.replace("FOLDER", str(pictures)))
        .replace("accelerator=gpu", "accelerator=cpu")
        .replace("FILE.zip", f"{pictures}.zip")
        for a in arguments
    ]
    if "init_from=NETWORK.pkl" in overrides:  # networks of a published size take seconds to draw
        overrides.append("model.width=8")
    for choice in single(overrides):
        config = compose([*choice, f"paths.cache={tmp_path}"])
        check_config(config)
        data = re.sub(r".*\.", "", config.data._target_).lower()
        if data in AT_HAND and not ELSEWHERE.search(" ".join(arguments)):
            build_run(config)
        else:  # a look at whether the test still knows its data
            assert data in (
                *AT_HAND,
                "mnist",
                "fashionmnist",
                "fashionedges",
                "cifar10",
                "celeba",
                "clips",
                "pairs",
                "superres",
                "domains",
                "latents",
                "webdataset",
                "huggingface",
            )


@pytest.mark.parametrize("arguments", named(RESUMED))
def test_documented_resume_changes_settings_that_are_there(arguments: list[str], trained_run: Path) -> None:
    change(
        read_config(trained_run, frozenset()),
        [a for a in arguments if not a.startswith(("resume=", "trust="))],
    )


OF_TEXTS = DOCS / "text.md"  # sampled and measured in tests/test_texts.py
OF_STYLES = DOCS / "latent_space.md"  # tests/cli/test_latent.py
# Those of a run that translates: tests/cli/test_translate.py; CSV files: test_series.py, tests/cli/test_tables.py
DRAWN = [
    c
    for c in commands("sample", *(page for page in PAGES if page not in (OF_TEXTS, OF_STYLES)))
    if not any(a.startswith("input=") or a.endswith((".csv", ".pkl")) for a in c[1])  # .pkl: tests/official
]
MEASURED = [  # those with a side from outside: tests/cli/test_evaluate_sides.py
    c
    for c in commands("evaluate", *(page for page in PAGES if page != OF_TEXTS))
    if not any(a.startswith(("metric=fid", "real=")) for a in c[1])
]


@pytest.mark.parametrize("arguments", named(DRAWN))
def test_documented_sampling_works(arguments: list[str], trained_run: Path, ganworks: Callable) -> None:
    arguments = [a.replace("RUN_DIR", str(trained_run)) for a in arguments]
    if "run=NETWORK.pkl" in arguments:
        stylegan2(Path("NETWORK.pkl"))
    result = ganworks("sample", *arguments)
    assert result.code == 0, result.err
    assert Path(next((a[4:] for a in arguments if a.startswith("out=")), "samples.png")).exists()


@pytest.mark.parametrize("arguments", named(MEASURED))
def test_documented_evaluation_works(arguments: list[str], copied_run: Path, ganworks: Callable) -> None:
    result = ganworks("evaluate", *(a.replace("RUN_DIR", str(copied_run)) for a in arguments))
    assert result.code == 0, result.err


def write_documented_space(folder: Path) -> None:
    """Write the space of docs/tuning.md as a reader would."""
    (block,) = [block for block in blocks(DOCS / "tuning.md", "yaml") if "tune/mine" in block]
    (folder / "tune").mkdir()
    (folder / "tune" / "mine.yaml").write_text(block.partition("\n")[2])


def study(*arguments: str) -> Settings:
    """Return the settings of `tune.py` with ``arguments``."""
    own, others, flags = tune.split(list(arguments))
    return read_settings(composing.compose(own, "tune", flags[1:]), others, flags)


TUNED = [c for c in commands("tune", *PAGES) if c[1] != ["--help"]]


@pytest.mark.parametrize("arguments", named(TUNED))
def test_documented_search_has_settings_and_a_space_that_are_there(
    arguments: list[str], tmp_path: Path
) -> None:
    write_documented_space(tmp_path)
    settings = study(*(str(tmp_path) if a == "conf" else a for a in arguments))
    assert settings.stages[0].space.first
    trial = [*common_overrides(settings), *settings.stages[0].fixed]
    trial = [override for override in trial if override != "data.root=FOLDER"]
    assert composing.compose(trial, folders=settings.flags[1:]).num_images > 0


def test_space_of_the_docs_can_be_trained(tmp_path: Path) -> None:
    write_documented_space(tmp_path)
    assert checked(study("--config-dir", str(tmp_path), "tune=mine")).num_images == 48_000


@pytest.mark.parametrize("option", sorted(path.stem for path in (ROOT / "conf" / "tune").glob("*.yaml")))
def test_guide_names_every_space(option: str) -> None:
    assert f"| `{option}` |" in (DOCS / "tuning.md").read_text()


def test_enough_commands_were_found_and_a_wrong_one_would_be_noticed() -> None:
    assert len(COMPLETE) > 20
    assert min(len(SWEEPS), len(RESUMED), len(DRAWN), len(MEASURED)) >= 3
    with pytest.raises(GanworksError):
        compose(["loss=wgan-gp"])


MISTAKES = [
    (page, mistake)
    for page in (README, RUNNING)
    for block in blocks(page, "")
    for mistake in re.findall(r"^\$ python train\.py (.*)\n(error: .*\n)", block, flags=re.M)
]


@pytest.mark.parametrize(
    ("command", "message"),
    [pytest.param(*mistake, id=f"{page.name}: {mistake[0]}") for page, mistake in MISTAKES],
)
def test_documented_mistake_has_its_message(command: str, message: str, ganworks: Callable) -> None:
    assert ganworks("train", *shlex.split(command)).err == message


def test_mistakes_were_found_on_both_pages() -> None:
    assert {page for page, _ in MISTAKES} == {README, RUNNING}


@pytest.mark.parametrize(
    "group",
    [
        *("loss", "regularizer", "model", "optimizer", "augment", "data", "metric", "experiment", "logger"),
        *("callback", "debug", "trainer"),
    ],
)
def test_page_of_options_names_every_option_and_the_readme_its_group(group: str) -> None:
    assert group in ("callback", "debug") or f"| `{group}=` |" in README.read_text()
    quoted = set(re.findall(r"`([^`\n]+)`", OPTIONS.read_text()))
    # suite.yaml is what the options of metric share, no option.
    options = [path.stem for path in (ROOT / "conf" / group).glob("*.yaml") if path.stem != "suite"]
    assert options
    assert [option for option in options if not {option, f"{group}={option}"} & quoted] == []


def test_settings_have_the_defaults_that_stand_beside_them() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (?:`([^`]*)`)? ?\|", SETTINGS.read_text(), flags=re.M)
    assert len(rows) > 40
    config = composing.compose(with_hydra=True)
    choices = config.hydra.runtime.choices
    for name, default in rows:
        if default and name in choices:
            assert default == str(choices[name]).replace("None", "null"), name
        elif default:
            value = OmegaConf.select(config, name, throw_on_missing=True)
            assert OmegaConf.create(f"x: {default}").x == value, name


REPORTED = [
    (page.name, shlex.split(line, comments=True)[3:])
    for page in PAGES
    for block in blocks(page, "bash")
    for line in block.splitlines()
    if line.startswith("python -m ganworks.report ")
]


@pytest.mark.parametrize("arguments", named(REPORTED))
def test_documented_report_is_written(arguments: list[str], copied_run: Path, ganworks: Callable) -> None:
    command = [
        sys.executable,
        "-m",
        "ganworks.report",
        *(a.replace("RUN_DIR", str(copied_run)) for a in arguments),
    ]
    (copied_run / "report.html").unlink()
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_that_names_its_file_is_in_that_file(page: Path) -> None:
    for path, code in excerpts(page):
        assert is_excerpt(code, ROOT / path), path


def test_readme_quotes_the_step_and_its_terms() -> None:
    quoted = [(path, code) for path, code in excerpts(README) if path == "src/ganworks/task/adversarial.py"]
    names = [re.findall(r"^def (\w+)", code, flags=re.M) for _, code in quoted]
    assert names == [["training_step"], ["discriminator_terms"]]
    path, code = quoted[0]
    assert not is_excerpt(code.replace("self.update", "self.step"), ROOT / path)  # control


@pytest.mark.parametrize("page", [README, RUNNING], ids=lambda page: page.name)
def test_documented_loading_gives_images(page: Path, trained_run: Path) -> None:
    (loading,) = [block for block in blocks(page, "python") if "load_generator" in block]
    names: dict[str, object] = {}
    exec(loading.replace("RUN_DIR", str(trained_run)), names)
    assert names["images"].shape == (64, 1, 8, 8)


def test_docs_show_the_figures_and_files_of_a_run(trained_run: Path) -> None:
    (table,) = [block for block in blocks(RUNNING, "") if "held-out real data" in block]
    figures = json.loads((trained_run / "summary.json").read_text())["metrics"]
    assert set(re.findall(r"│ (\w+)", table)) >= set(figures)
    assert set(re.findall(r"`(\w+)`", (DOCS / "metrics.md").read_text())) >= set(figures)
    (tree,) = [block for block in blocks(RUNNING, "") if "config.yaml" in block]
    files = re.findall(r"^  (\S+?)/?(?=\s)", tree, flags=re.M)
    assert len(files) == 8
    assert [name for name in files if not (trained_run / name).exists() and "720000" not in name] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", page.read_text())
    for link in (first or second for first, second in links):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
            if link.endswith(".png"):
                Image.open(page.parent / link).load()
            if link.endswith(".svg"):
                ElementTree.parse(page.parent / link)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings have on the web."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_to_one(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./]*)#([^)]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), (target, anchor)


def test_changelog_has_a_section_for_this_version() -> None:
    assert f"## [{package.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
