"""evaluate.py: figures of a run or of a folder of images, with the contract they hold under."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from digit_files import write_images
from ganworks.metric import digits_images
from ganworks.metric.weights import file_sha256


def figures(path: str = "figures.json") -> dict:
    return json.loads(Path(path).read_text())


def test_figures_of_a_run_are_those_of_its_summary(ganworks: Callable, trained_run: Path) -> None:
    result = ganworks("evaluate", f"run={trained_run}", "out=figures/run.json")
    assert result.code == 0, result.err
    summary = json.loads((trained_run / "summary.json").read_text())
    found = figures("figures/run.json")
    assert found["values"] == summary["metrics"]
    assert found["contract"] == summary["contract"]
    assert found["floor"] == summary["floor"]
    for words in ("fd_digits", "held-out", "num_fake", "64", "weights_sha256"):
        assert words in result.out


def test_another_seed_sample_count_or_truncation_gives_other_figures(
    ganworks: Callable, trained_run: Path
) -> None:
    assert ganworks("evaluate", f"run={trained_run}", "seed=1", "out=figures.json").code == 0
    summary = json.loads((trained_run / "summary.json").read_text())
    assert figures()["contract"]["seed"] == 1
    assert figures()["values"]["fd_digits"] != summary["metrics"]["fd_digits"]
    changes = ("metric.num_samples=100", "truncation=0.5")
    assert ganworks("evaluate", f"run={trained_run}", *changes, "out=figures.json").code == 0
    assert figures()["contract"]["num_fake"] == 100
    assert figures()["contract"]["truncation"] == 0.5


def test_best_checkpoint_has_the_best_figure(ganworks: Callable, trained_run: Path) -> None:
    result = ganworks("evaluate", f"run={trained_run}", "checkpoint=best.ckpt", "out=figures.json")
    assert result.code == 0, result.err
    best = json.loads((trained_run / "summary.json").read_text())["best"]
    assert figures()["values"]["fd_digits"] == pytest.approx(best["value"])
    assert figures()["contract"]["num_evaluations"] == best["num_evaluations"] > 1


def test_checkpoint_and_generator_folder_have_the_figures_of_their_run(
    ganworks: Callable, trained_run: Path
) -> None:
    summary = json.loads((trained_run / "summary.json").read_text())
    for path in (trained_run / "checkpoints" / "last.ckpt", trained_run / "generator"):
        result = ganworks("evaluate", f"run={path}", "out=figures.json")
        assert result.code == 0, result.err
        assert figures()["values"] == pytest.approx(summary["metrics"])


def test_generator_without_a_run_is_measured_with_the_data_and_metric_that_are_named(
    ganworks: Callable, trained_run: Path
) -> None:
    shutil.copytree(trained_run / "generator", "alone")
    result = ganworks("evaluate", "run=alone", "metric=digits")
    assert result.code == 1
    assert "data=" in result.err
    result = ganworks(
        "evaluate", "run=alone", "data=digits", "metric=digits", "metric.num_samples=64", "out=figures.json"
    )
    assert result.code == 0, result.err
    assert figures()["contract"]["num_fake"] == 64


def test_several_seeds_give_mean_and_deviation_of_the_single_evaluations(
    ganworks: Callable, trained_run: Path
) -> None:
    single = []
    for seed in (3, 4, 5):
        assert ganworks("evaluate", f"run={trained_run}", f"seed={seed}", "out=figures.json").code == 0
        single.append(figures()["values"]["fd_digits"])
    result = ganworks("evaluate", f"run={trained_run}", "seed=3", "seeds=3", "out=figures.json")
    assert result.code == 0, result.err
    assert figures()["values"]["fd_digits"] == pytest.approx(statistics.fmean(single))
    assert figures()["deviation"]["fd_digits"] == pytest.approx(statistics.stdev(single))
    assert figures()["contract"]["seed"] == [3, 4, 5]
    assert "deviation" in result.out


def test_figures_under_another_contract_are_warned_of_and_those_under_the_same_are_not(
    ganworks: Callable, trained_run: Path
) -> None:
    result = ganworks("evaluate", f"run={trained_run}", f"against={trained_run}", "out=same.json")
    assert result.code == 0, result.err
    assert "against" in result.out
    assert "do not compare" not in result.out + result.err
    result = ganworks("evaluate", f"run={trained_run}", "metric.num_samples=100", "against=same.json")
    assert result.code == 0, result.err
    assert "do not compare: num_fake: 100 and 64" in result.out + result.err


def test_several_metrics_are_measured_at_once(ganworks: Callable, trained_run: Path) -> None:
    arguments = (f"run={trained_run}", "metric=[digits,spectrum]", "metric.num_samples=64")
    result = ganworks("evaluate", *arguments, "out=figures.json")
    assert result.code == 0, result.err
    assert {"fd_digits", "spectrum"} <= set(figures()["values"])


def test_pictures_are_written_beside_the_run_that_is_measured(ganworks: Callable, copied_run: Path) -> None:
    result = ganworks("evaluate", f"run={copied_run}", "figures=true")
    assert result.code == 0, result.err
    written = {path.name for path in (copied_run / "figures").iterdir()}
    names = ("neighbours_pixels", "neighbours_features", "classes", "embedding", "spectrum", "interpolation")
    assert {f"{name}.png" for name in names} <= written


def test_folders_of_images_are_measured_against_each_other(ganworks: Callable) -> None:
    images = digits_images()[0]
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    write_images(Path("real"), images[order[:900]])
    write_images(Path("good"), images[order[900:1200]])
    write_images(Path("bad"), torch.rand(300, 1, 8, 8) * 2 - 1)
    distances = {}
    for fake in ("good", "bad"):
        arguments = ("real=real", f"fake={fake}", "metric=digits", "channels=1", "out=figures.json")
        result = ganworks("evaluate", *arguments)
        assert result.code == 0, result.err
        distances[fake] = figures()["values"]["fd_digits"]
        assert figures()["contract"]["num_fake"] == 300
        assert figures()["contract"]["num_real"] == 900
        assert figures()["notes"]["fake_split"].startswith(fake)
        assert f"fake_split {fake}" in result.out
        assert {figures()["contract"][name] for name in ("ema", "truncation", "num_evaluations")} == {
            "not said"
        }
    assert distances["good"] < 8
    assert distances["bad"] > 50


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file for Inception with values drawn at random: the real loading path without a download."""
    from torch_fidelity import feature_extractor_inceptionv3 as inception

    class Initialized(inception.FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict: dict) -> None:
            """Keep what the constructor drew."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "load_state_dict_from_url", lambda *args, **kwargs: {})
        network = Initialized("inception-v3-compat", ["2048"])
    rng = torch.Generator().manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


def test_folders_have_a_fid_with_the_weights_that_are_named(ganworks: Callable, inception: Path) -> None:
    images = digits_images()[0][:4]
    write_images(Path("real"), images)
    write_images(Path("fake"), -images)
    weights = (
        f"metric.extractor.inception.weights={inception}",
        f"metric.extractor.inception.sha256={file_sha256(inception)}",
    )
    small = ("metric.measure.kid.num_subsets=1", "metric.measure.kid.subset_size=4")
    arguments = ("real=real", "fake=fake", "metric=fid", *weights, *small, "out=figures.json")
    result = ganworks("evaluate", *arguments)
    assert result.code == 0, result.err
    assert figures()["values"]["fid"] > 1e-3
    contract = figures()["contract"]
    assert contract["extractor"]["inception"]["weights_sha256"] == file_sha256(inception)
    assert contract["num_real"] == contract["num_fake"] == 4


MISTAKES = {
    "nothing to measure": ([], ["run=", "real=FOLDER"]),
    "half a pair": (["real=here"], ["run=", "real=FOLDER and fake=FOLDER"]),
    "run missing": (["run=nowhere"], ["run=nowhere", "existing run directory"]),
    "no run": (["run=."], ["run=.", "config.yaml"]),
    "checkpoint missing": (
        ["run={run}", "checkpoint=bets.ckpt"],
        ["checkpoint=", "bets.ckpt", "best.ckpt'?"],
    ),
    "unknown metric": (["run={run}", "metric=digit"], ["metric=digit", "Did you mean 'digits'?"]),
    "no metric": (["run={run}", "metric=none"], ["metric=none", "metric=digits"]),
    "metric of other data": (["run={run}", "metric=mixture"], ["metric=mixture", "digits"]),
    "weights missing": (
        ["run={run}", "metric=fid", "metric.extractor.inception.weights=no.pth"],
        ["no.pth is missing", "https://"],
    ),
    "zero samples": (["run={run}", "metric.num_samples=0"], ["metric.num_samples=0", "an integer from 2 up"]),
    "unknown key": (
        ["run={run}", "metric.num_sample=9"],
        ["metric.num_sample", "Did you mean 'num_samples'?"],
    ),
    "negative seed": (["run={run}", "seed=-1"], ["seed=-1", "an integer from 0 up"]),
    "no process": (["run={run}", "devices=0"], ["devices=0", "an integer from 1 up"]),
    "no number of processes": (["run={run}", "devices=two"], ["devices=two", "an integer"]),
    "several of one device": (["run={run}", "devices=2", "device=mps"], ["devices=2", "1 with device=mps"]),
    "no such device": (["run={run}", "device=abacus"], ["device=abacus", "cpu"]),
    "real folder missing": (
        ["real=no", "fake={images}", "metric=digits", "channels=1"],
        ["real=no", "exists"],
    ),
    "fake folder missing": (
        ["real={images}", "fake=no", "metric=digits", "channels=1"],
        ["fake=no", "exists"],
    ),
    "impossible channels": (
        ["real={images}", "fake={images}", "channels=0"],
        ["channels=0", "an integer from 1 up"],
    ),
    "more channels than there are": (
        ["real={images}", "fake={images}", "channels=7"],
        ["it has 1 channel, and 7 are asked for"],
    ),
    "colour for digits": (
        ["real={images}", "fake={images}", "metric=digits"],
        ["metric=digits", "(3, 8, 8)"],
    ),
    "seeds of folders": (["real={images}", "fake={images}", "seeds=2"], ["seeds=2", "no generator"]),
    "no seed": (["run={run}", "seeds=0"], ["seeds=0", "from 1 up"]),
    "neither true nor false": (["run={run}", "figures=yes"], ["figures=yes", "true or false"]),
    "nothing to compare with": (["run={run}", "against=no.json"], ["against=no.json", "summary.json"]),
    "unknown setting": (["runs={run}"], ["'runs'", "Did you mean 'run'?"]),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "digits"
    write_images(folder, digits_images()[0][:8])
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_named_in_one_line(
    ganworks: Callable, trained_run: Path, images: Path, mistake: str
) -> None:
    arguments, parts = MISTAKES[mistake]
    result = ganworks(
        "evaluate", *(argument.format(run=trained_run, images=images) for argument in arguments)
    )
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in parts:
        assert part in result.err


def test_run_without_a_metric_is_measured_by_the_one_that_is_named(
    ganworks: Callable, copied_run: Path
) -> None:
    path = copied_run / "config.yaml"
    before = path.read_text()
    start, end = before.index("\nmetric:"), before.index("\nmodel:")
    path.write_text(
        before[:start] + "\nmetric:\n  _target_: ganworks.metric.Suite\n  measure: {}" + before[end:]
    )
    result = ganworks("evaluate", f"run={copied_run}")
    assert result.code == 1
    assert "metric=none" in result.err
    result = ganworks("evaluate", f"run={copied_run}", "metric=digits", "metric.num_samples=64")
    assert result.code == 0, result.err
