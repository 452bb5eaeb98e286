"""`python -m ganworks.export`: a run becomes a folder that loads everywhere, and a mistake costs nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from exporting import copy_run
from ganworks import load_generator
from ganworks.export import __main__ as command
from ganworks.export import folder as folders

RUN = "conditional_dcgan"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an earlier state."""
    return copy_run(RUN, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module", autouse=True)
def _no_search() -> Iterator[None]:
    """The search for a card's command line takes some seconds, and has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "ganworks.export.words.recipe", lambda config: [f"loss={config['name']}", "data.root='a b'"]
        )
        yield


@pytest.fixture(scope="module")
def exported(run: Path, _no_search: None) -> Path:
    """The folder of a run in the formats that need no other package."""
    command.run(
        command.Arguments(run=str(run), format="safetensors,torch", license="mit", tags="small,digits")
    )
    return run / "export"


def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["export", *arguments])
    with pytest.raises(SystemExit):
        command.main()
    return capsys.readouterr().err


def test_folder_loads_as_the_run_does_seed_for_seed(run: Path, exported: Path) -> None:
    mine, theirs = load_generator(run), load_generator(exported)
    assert torch.equal(mine.sample(5, seed=3), theirs.sample(5, seed=3))


def test_program_makes_the_samplers_images_of_the_samplers_noise(run: Path, exported: Path) -> None:
    program, sampler = torch.export.load(exported / "model.pt2").module(), load_generator(run)
    inputs = sampler.inputs(7, seed=11)
    assert torch.allclose(program(**inputs)["samples"], sampler.sample(7, seed=11), atol=1e-6)


def test_examples_hold_inputs_and_the_outputs_that_belong_to_them(run: Path, exported: Path) -> None:
    example, sampler = load_file(exported / "example.safetensors"), load_generator(run)
    assert torch.equal(example["output.samples"], sampler.sample(4, seed=0))
    assert set(example) == {"input.latent", "input.label", "output.samples"}


def test_information_is_the_same_beside_and_inside_the_program(exported: Path) -> None:
    beside = json.loads((exported / "export.json").read_text())
    inside = {"ganworks.json": ""}
    torch.export.load(exported / "model.pt2", extra_files=inside)
    assert json.loads(inside["ganworks.json"])["inputs"] == beside["inputs"]
    assert beside["largest_error"] == {"safetensors": 0.0, "torch": 0.0}


def test_no_file_names_a_place_of_this_machine(run: Path, exported: Path) -> None:
    here = [str(Path(folders.__file__).parents[3]).encode(), str(run.parent).encode()]
    for file in exported.iterdir():
        assert not any(place in file.read_bytes() for place in here), file


def test_card_has_the_hubs_head_figures_with_contract_floor_recipe_and_picture(exported: Path) -> None:
    card = (exported / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "mit"
    assert head["library_name"] == "ganworks"
    assert {"gan", "small", "digits"} <= {*head["tags"]}
    (result,) = head["model-index"][0]["results"]
    assert {"type": "fd_digits", "name": "fd_digits", "value": pytest.approx(273.456, abs=0.01)} in result[
        "metrics"
    ]
    assert "| fd_digits | 273.5 | 11.86 |" in card
    assert "num_fake 64" in card
    assert "python train.py loss=earlier \"data.root='a b'\"\n" in card
    assert "![Samples](samples.png)" in card
    assert (exported / "samples.png").stat().st_size > 1000
    assert "USER/NAME" in card


def test_the_hubs_own_reader_takes_the_card(exported: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard.load(exported / "README.md").data
    assert data.model_name == "earlier"
    assert {result.metric_type for result in data.eval_results} >= {"fd_digits", "recall"}


def test_a_second_format_of_the_same_weights_joins_the_first(run: Path, tmp_path: Path) -> None:
    for name in ("safetensors", "torch"):
        command.run(command.Arguments(run=str(run), format=name, out=str(tmp_path / "out")))
    assert {"model.safetensors", "model.pt2"} <= {file.name for file in (tmp_path / "out").iterdir()}
    assert "| safetensors |" in (tmp_path / "out" / "README.md").read_text()


def test_files_of_other_weights_do_not_stay(run: Path, tmp_path: Path) -> None:
    sampler = load_generator(run)
    folders.export(sampler, tmp_path / "out", ["safetensors"], say=lambda line: None)
    with torch.no_grad():
        next(sampler.generator.parameters()).mul_(2)
    folders.export(sampler, tmp_path / "out", ["torch"], say=lambda line: None)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_a_format_that_fails_leaves_no_file_and_does_not_keep_the_others(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(sampler: Any) -> Any:
        raise folders.ExportError("format=torch: aten.nonesuch keeps it from that.")

    monkeypatch.setattr(folders, "traced", refuse)
    out = tmp_path / "out"
    text = fails(monkeypatch, capsys, f"run={run}", "format=torch,safetensors", f"out={out}")
    assert "torch not written" in text
    assert "Traceback" not in text
    assert (out / "model.safetensors").is_file()
    assert not (out / "model.pt2").exists()
    assert "aten.nonesuch" in (out / "README.md").read_text()


def test_weights_that_were_not_measured_have_no_figures(run: Path, tmp_path: Path) -> None:
    folder = command.run(command.Arguments(run=str(run / "generator"), out=str(tmp_path / "out"))).folder
    assert "| fd_digits |" in (folder / "README.md").read_text()  # of the same run
    config = json.loads((run / "generator" / "config.json").read_text())
    elsewhere = tmp_path / "generator"
    load_generator(run).save(elsewhere)
    (elsewhere / "config.json").write_text(json.dumps({**config, "format": 1}))
    folder = command.run(command.Arguments(run=str(elsewhere), out=str(tmp_path / "other"))).folder
    text = (folder / "README.md").read_text()
    assert "Nothing was measured of these weights" in text
    assert "model-index" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["format=onx"], "format=onx: must be one of safetensors, torch, onnx. Did you mean 'onnx'?"),
        (["license=MIT"], "Did you mean 'mit'?"),
        (["repo=name"], "written as user/name"),
        (["opset=12", "format=onnx"], "a number from 17 to 23"),
        (["direction=back"], "only generators of task=cycle translate both ways"),
        (["tolerance=-1"], "tolerance=-1"),
        (["loss=hinge"], "there is no setting 'loss'"),
        (["model.width=3"], "an export has no groups"),
    ],
)
def test_a_mistake_is_one_line_before_the_work(
    run: Path, tmp_path: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"
    text = fails(monkeypatch, capsys, f"run={run}", f"out={out}", *arguments)
    assert words in text
    assert not out.exists()


def test_a_folder_of_other_things_is_no_place_to_write(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert "one of an earlier export" in fails(monkeypatch, capsys, f"run={run}", f"out={tmp_path}")
    assert "neither a file nor a run directory" in fails(monkeypatch, capsys, f"run={run}", f"out={run}")
    assert (tmp_path / "notes.txt").read_text() == "mine"
