"""A stranger's run directory or generator runs no code and imports no module, whatever it names."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ganworks import load_generator
from ganworks.errors import GanworksError
from ganworks.evaluation.source import Source
from ganworks.run.compose import compose
from ganworks.run.resume import read_config, resume
from ganworks.trust import UntrustedError, packages_of, trusted_packages, vetted

CODE = """
from pathlib import Path
Path({marker!r}).touch()
import torch
class Net(torch.nn.Linear):
    def __init__(self, **settings): super().__init__(1, 1)
def run(*args, **settings): Path({marker!r}).touch()
"""
FOREIGN = [
    *(
        "evil.Net",
        "evil.run",
        "os.system",
        "posix.system",
        "subprocess.Popen",
        "shutil.rmtree",
        "pathlib.Path.touch",
    ),
    *("builtins.eval", "builtins.exec", "builtins.__import__", "importlib.import_module", "runpy.run_path"),
    *("pickle.loads", "joblib.load", "numpy.load", "pandas.read_pickle", "yaml.unsafe_load", "ctypes.CDLL"),
    *(
        "webbrowser.open",
        "urllib.request.urlopen",
        "functools.partial",
        "operator.methodcaller",
        "code.interact",
    ),
    *(
        "hydra.utils.instantiate",
        "hydra.utils.call",
        "omegaconf.OmegaConf.load",
        "torchvision.datasets.FakeData",
    ),
    *("ganworks_theirs.Net", "torchnet.Net", "torch_evil.Net"),
]
OF_KNOWN_PACKAGES = [
    *(
        "torch.load",
        "torch.hub.load",
        "torch.jit.load",
        "torch.utils.cpp_extension.load",
        "torch.package.PackageImporter",
    ),
    *("torch.nn.modules.module.torch.load", "torch.nn.functional.torch.load", "torch.nn.functional.relu"),
    *("torch.nn.init.normal_", "torch.nn.Module.__init__", "torch.nn.Linear.__class__", "torch.nn.evil.Net"),
    *(
        "ganworks.run.fit.torch.load",
        "ganworks.run.fit.Path",
        "ganworks.run.resume.resume",
        "ganworks.cli.train.main",
    ),
    *("ganworks.metric.weights.file_sha256", "ganworks.lazy.importlib.import_module", "ganworks.nothing.Net"),
    *("pytorch_lightning.seed_everything", "pytorch_lightning.LightningModule.load_from_checkpoint"),
    *("lightning.pytorch.Trainer", "torch", "ganworks", "", "a b.c", ".os.system", "os..system"),
]
# Classes of ours and of Lightning's where they do not belong.
WRONG = {
    "model.generator": ["ganworks.data.Folder", "pytorch_lightning.Trainer", "ganworks.callback.Checkpoint"],
    "data": ["torch.nn.Linear", "ganworks.loss.BCE"],
    "loss": ["ganworks.data.Digits", "torch.nn.BCELoss"],
    "regularizer.r1": ["torch.optim.Adam", "ganworks.task.AdversarialTask"],
    "augment": ["pytorch_lightning.loggers.CSVLogger", "ganworks.run.build.build_task"],
    "optimizer.generator": ["pytorch_lightning.Trainer", "torch.optim.Optimizer.step"],
    "task": ["torch.nn.Linear", "pytorch_lightning.LightningModule"],
    "metric": ["ganworks.data.Folder", "ganworks.metric.feature_cache.FeatureCache"],
    "callback.checkpoint": ["pytorch_lightning.Trainer", "ganworks.logger.CSVLogger"],
    "logger.mine": ["ganworks.callback.Report", "torch.nn.Linear"],
    "trainer": ["ganworks.callback.Report", "pytorch_lightning.LightningDataModule"],
    "anything": ["torch.nn.Linear", "ganworks.loss.BCE"],
}
FORMS: dict[str, Callable[[str], Any]] = {
    "plain": lambda target: {"_target_": target, "path": "x"},
    "partial": lambda target: {"_target_": target, "_partial_": True},
    "nested": lambda target: {"inner": {"deep": {"_target_": target}}},
    "in a list": lambda target: {"parts": [1, [{"_target_": target, "_args_": ["x"]}]]},
    "as an argument": lambda target: {"_args_": [{"_target_": target}]},
    "by reference": lambda target: {"_target_": "${words.one}"},
    "by a choice": lambda target: {"_target_": "${where:true,${words.one},x}"},
}


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that a hostile module writes; such modules lie in the current directory, which Python searches."""
    here, path = tmp_path / "here", tmp_path / "marker"
    here.mkdir()
    for name in ("evil", "joblib", "lightning", "ganworks_theirs", "torchnet", "torch_evil"):
        (here / f"{name}.py").write_text(CODE.format(marker=str(path)))
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.delenv("GANWORKS_TRUST", raising=False)
    yield path
    sys.modules.pop("evil", None)


def with_node(run: Path, place: str, node: Any, word: object = "") -> None:
    """Write a node into the configuration of a run."""
    config = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(config, "words.one", word, force_add=True)
    OmegaConf.update(config, place, node, merge=False, force_add=True)
    (run / "config.yaml").write_text(OmegaConf.to_yaml(config))


def refused(action: Callable[[], object], marker: Path, match: str = "") -> None:
    """Hold that ``action`` is refused before anything is imported or called."""
    before = set(sys.modules)
    with pytest.raises(GanworksError, match=match or None):
        action()
    new = {name for name in set(sys.modules) - before if name.partition(".")[0] not in ("ganworks", "torch")}
    assert not {name for name in new if name.partition(".")[0] in {t.partition(".")[0] for t in FOREIGN}}
    assert not marker.exists()


@pytest.mark.parametrize("place", WRONG)
def test_no_place_of_a_run_takes_a_target_that_is_not_of_its_kind(
    copied_run: Path, marker: Path, place: str
) -> None:
    file = copied_run / "config.yaml"
    for target in [*FOREIGN, *OF_KNOWN_PACKAGES, *WRONG[place]]:
        config = OmegaConf.create()
        OmegaConf.update(config, place, FORMS["plain"](target), force_add=True)
        refused(partial(vetted, config, file, frozenset()), marker, r"config\.yaml")
    with_node(copied_run, place, FORMS["plain"]("evil.run"))
    refused(lambda: read_config(copied_run, frozenset()), marker, r"config\.yaml")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", ["model.generator", "trainer", "callback.x", "data"])
def test_no_form_hides_a_target(copied_run: Path, marker: Path, form: str, place: str) -> None:
    for target in ("evil.run", "torch.load", "os.system"):
        with_node(copied_run, place, FORMS[form](target), target)
        refused(lambda: read_config(copied_run, frozenset()), marker, target.rpartition(".")[2])


@pytest.mark.parametrize("target", ["evil.run", "torch.load", "joblib.load"])
def test_every_way_into_a_run_is_closed(copied_run: Path, marker: Path, target: str) -> None:
    with_node(copied_run, "callback.x", {"_target_": target})
    refused(lambda: resume(str(copied_run), ["dry_run=true", "num_images=1280"], 0.0), marker)
    refused(lambda: Source.find(str(copied_run), None).config(None, None), marker)


def test_commands_refuse_in_one_line(
    copied_run: Path, marker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from conftest import call

    with_node(copied_run, "model.generator", {"_target_": "evil.Net"})
    for command, setting in (("train", "resume"), ("evaluate", "run")):
        assert call(command, f"{setting}={copied_run}") == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "model.generator names evil.Net, which is not from ganworks, torch or Lightning" in err
        assert "trust=evil" in err
    assert not marker.exists()


@pytest.mark.parametrize("place", ["generator", "task", "kind"])
def test_no_generator_folder_and_no_checkpoint_runs_code(copied_run: Path, marker: Path, place: str) -> None:
    import torch

    file, ckpt = copied_run / "generator" / "config.json", copied_run / "checkpoints" / "last.ckpt"
    whole, content = json.loads(file.read_text()), torch.load(ckpt, weights_only=True)
    wrong = ["ganworks.data.Digits", "ganworks.callback.Report"]
    for target in [*FOREIGN, *OF_KNOWN_PACKAGES, *wrong]:
        node = target if place == "task" else {"_target_": target, "shape": [1, 8, 8]}
        file.write_text(json.dumps({**whole, "produce": None, place: node}))
        torch.save({**content, "export": {**content["export"], place: node}}, ckpt)
        refused(lambda: load_generator(file.parent), marker)
        refused(lambda: load_generator(ckpt), marker)


TEXTS = [
    "${oc.env:HOME}",
    "${oc.env:SECRET,none}",
    "a ${ oc.env : HOME } b",
    "${oc.decode:x}",
    "${oc.create:x}",
    "${hydra:runtime.cwd}",
    "${critic_norm:${regularizer}}",
    "${where:true,${oc.env:HOME},1}",
    '${where:true,"${oc.env:HOME}",1}',
    "${oc.${words.one}:HOME}",
    "${${words.one}:HOME}",
    "\\${oc.env:HOME}",
    '${where:true,"$",""}{oc.env:HOME}',
]


@pytest.mark.parametrize("text", TEXTS)
def test_no_reference_reads_the_environment(
    copied_run: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "of-this-machine")
    with_node(copied_run, "name", text, "oc.env")
    with pytest.raises(GanworksError) as caught:
        read_config(copied_run, frozenset())
    assert "of-this-machine" not in str(caught.value)


def test_references_that_point_or_calculate_are_resolved(copied_run: Path) -> None:
    with_node(copied_run, "num_images", "${share:${words.one},0.5}", 1000)
    assert read_config(copied_run, frozenset()).num_images == 500


def test_package_that_the_user_trusts_is_used(
    copied_run: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_node(copied_run, "model.generator", {"_target_": "evil.Net"})
    for words in ("evil", "mine,evil", "[mine, evil]", ["evil"]):
        assert read_config(copied_run, trusted_packages(words)).model.generator == {"_target_": "evil.Net"}
    assert marker.exists()
    monkeypatch.setenv("GANWORKS_TRUST", "mine,evil")
    assert read_config(copied_run, trusted_packages())
    monkeypatch.setenv("GANWORKS_TRUST", "evi")
    with pytest.raises(UntrustedError):
        read_config(copied_run, trusted_packages())


def test_trust_in_a_package_is_none_in_what_it_imports(copied_run: Path, marker: Path) -> None:
    for target in ("evil.torch.load", "evil.Path", "evil.torch.os.system"):
        with_node(copied_run, "model.generator", {"_target_": target})
        with pytest.raises(UntrustedError):
            read_config(copied_run, frozenset({"evil"}))


@pytest.mark.parametrize(
    "group", ["data", "model", "loss", "regularizer", "augment", "optimizer", "metric", "logger"]
)
def test_all_that_we_ship_is_of_its_kind(group: str, tmp_path: Path) -> None:
    options = [path.stem for path in (Path(__file__).parents[1] / "conf" / group).glob("*.yaml")]
    for option in sorted({*options} - {"suite"}):
        config = compose([f"{group}={option}", "paths.runs=runs"])
        config = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
        assert vetted(config, tmp_path / "config.yaml", frozenset()) == config
        assert packages_of(config) == []


def test_packages_of_the_users_own_words_are_found() -> None:
    config = compose(
        ["loss=hinge", "loss._target_=mine.losses.Loss", "+callback.x={_target_: theirs.Callback}"]
    )
    assert packages_of(config) == ["mine", "theirs"]
