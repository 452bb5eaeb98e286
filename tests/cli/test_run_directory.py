"""The run directory: the files that people's scripts rely on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from ganworks import load_generator
from ganworks.logger import read_metrics
from ganworks.metric import terms_of
from ganworks.run.build import build_task
from ganworks.run.resolvers import register


def test_run_directory_has_the_files_of_the_contract_and_no_others(trained_run: Path) -> None:
    files = {str(path.relative_to(trained_run)) for path in trained_run.rglob("*") if path.is_file()}
    pictures = {name for name in files if name.startswith("samples/")}
    assert files - pictures == {
        "config.yaml",
        "metrics.csv",
        "summary.json",
        "train.log",
        "report.html",
        "checkpoints/last.ckpt",
        "checkpoints/last.previous.ckpt",
        "checkpoints/best.ckpt",
        "generator/model.safetensors",
        "generator/config.json",
    }


def test_pictures_are_named_by_the_images_seen(trained_run: Path) -> None:
    names = sorted(path.name for path in (trained_run / "samples").iterdir())
    # every 32 images is more often than a batch of 64
    assert names == [f"{images:012d}.png" for images in range(0, 641, 64)]
    assert Image.open(trained_run / "samples" / names[-1]).width > 400


def test_metrics_have_one_row_a_logging_point_on_the_axis_of_images(trained_run: Path) -> None:
    rows = read_metrics(trained_run / "metrics.csv")
    header = (trained_run / "metrics.csv").read_text().splitlines()[0].split(",")
    assert header[0] == "images_seen"
    assert {
        "train/discriminator/adversarial",
        "train/generator/adversarial",
        "train/discriminator/gradient_norm",
        "train/generator/lr",
        "metric/fd_digits",
        "metric/coverage",
    } <= set(header)
    assert [row["images_seen"] for row in rows if "train/generator/adversarial" in row] == [64, 320, 576]
    assert [row["images_seen"] for row in rows if "metric/fd_digits" in row] == [256, 512, 640]
    assert len(rows) == len({row["images_seen"] for row in rows})


def test_summary_holds_the_figures_and_what_makes_them_comparable(trained_run: Path) -> None:
    summary = json.loads((trained_run / "summary.json").read_text())
    assert (summary["status"], summary["error"]) == ("finished", None)
    assert (summary["images_seen"], summary["num_images"], summary["generator_updates"]) == (640, 640, 10)
    last = read_metrics(trained_run / "metrics.csv")[-1]
    assert summary["metrics"]["fd_digits"] == pytest.approx(last["metric/fd_digits"])
    assert summary["floor"].keys() == summary["metrics"].keys()
    assert summary["contract"]["num_fake"] == 64
    assert summary["contract"]["num_real"] == 1797
    terms = terms_of(summary["contract"], "fd_digits")
    assert {"extractor", "weights_sha256", "resizer", "split", "seed", "ema", "truncation"} <= terms.keys()
    assert terms["num_evaluations"] == 1  # of the last weights, which were not picked
    assert summary["best"]["metric"] == "fd_digits"
    assert summary["best"]["num_evaluations"] == 3
    assert {"torch", "pytorch-lightning", "ganworks"} <= summary["versions"].keys()
    for name in (
        "images_per_second",
        "cpu_seconds_per_image",
        "seconds",
        "start_up_seconds",
        "peak_memory_mb",
    ):
        assert summary[name] > 0
    assert {"git_commit", "device", "precision", "parameters", "last_checkpoint"} <= summary.keys()


def test_log_tells_what_was_trained(trained_run: Path) -> None:
    log = (trained_run / "train.log").read_text()
    assert "640 images of Digits" in log
    assert "fd_digits" in log


def test_config_rebuilds_the_run_to_the_bit(trained_run: Path) -> None:
    register()
    config = OmegaConf.load(trained_run / "config.yaml")
    assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(config, resolve=True)  # nothing left to resolve
    first, second = build_task(config), build_task(config)
    config.seed = 1
    other = build_task(config)
    trained = torch.load(trained_run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert {name: tensor.shape for name, tensor in first.state_dict().items()} == {
        name: tensor.shape for name, tensor in trained.items()
    }
    assert equal(first.state_dict(), second.state_dict())
    assert not equal(first.state_dict(), other.state_dict())


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_generator_is_that_of_the_run_and_of_its_last_checkpoint(trained_run: Path) -> None:
    sources = [trained_run, trained_run / "generator", trained_run / "checkpoints" / "last.ckpt"]
    samples = [load_generator(source).sample(4, seed=3) for source in sources]
    assert torch.equal(samples[0], samples[1])
    assert torch.equal(samples[0], samples[2])
    content = torch.load(trained_run / "checkpoints" / "last.ckpt", weights_only=True)
    averaged = load_generator(trained_run).generator.state_dict()
    assert equal(averaged, {name: content["state_dict"][f"ema_generator.{name}"] for name in averaged})
    # control: the generator that was trained is another one
    assert not equal(averaged, {name: content["state_dict"][f"generator.{name}"] for name in averaged})


def test_generators_folder_says_what_it_holds(trained_run: Path) -> None:
    config = json.loads((trained_run / "generator" / "config.json").read_text())
    assert config["generator"]["_target_"] == "ganworks.model.DCGANGenerator"
    assert config["images_seen"] == 640
    assert config["data"]["_target_"] == "ganworks.data.Digits"


def test_run_that_was_moved_goes_on_samples_and_evaluates(ganworks: Callable, copied_run: Path) -> None:
    moved = copied_run.rename(copied_run.parent / "elsewhere")
    assert ganworks("sample", f"run={moved}", "num=3", "out=three.png").code == 0
    assert ganworks("evaluate", f"run={moved}").code == 0
    result = ganworks("train", f"resume={moved}", "num_images=704")
    assert result.code == 0, result.err
    assert not copied_run.exists()
    assert (moved / "samples" / "000000000704.png").exists()
    assert json.loads((moved / "summary.json").read_text())["images_seen"] == 704
    assert read_metrics(moved / "metrics.csv")[-1]["images_seen"] == 704
    assert load_generator(moved).config["images_seen"] == 704


def test_end_of_a_run_says_where_things_are_and_what_to_try_next(ganworks: Callable) -> None:
    arguments = ("loss=bce", "num_images=64", "model.width=8", "metric=none", "name=words")
    result = ganworks("train", *arguments)
    assert result.code == 0, result.err
    (run_dir,) = Path("runs/words").iterdir()
    for words in (
        f"{run_dir}: finished",
        f"{run_dir}/samples/000000000064.png",
        f"ganworks-train resume={run_dir} num_images=128",
        f"ganworks-sample run={run_dir} num=64 seed=1 out=samples.png",
    ):
        assert words in result.out
    # what it says can be typed as it stands
    assert ganworks("sample", f"run={run_dir}", "interpolate=6", "num=10", "out=strips.png").code == 0
    assert ganworks("train", f"resume={run_dir}", "num_images=128").code == 0


def test_classes_that_a_folder_tells_go_into_the_config_and_outlast_the_folders_move(
    ganworks: Callable,
) -> None:
    for index in range(8):
        path = Path("pets", ("cat", "dog")[index % 2], f"{index}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 30 * index).save(path)
    small = ("data.resolution=8", "data.channels=1", "data.batch_size=8", "num_images=16", "model.width=8")
    changes = ("data=folder", "data.root=pets", "metric=none", "model.conditional=true", "name=pets_run")
    result = ganworks("train", *changes, *small)
    assert result.code == 0, result.err
    (run_dir,) = Path("runs/pets_run").iterdir()
    assert OmegaConf.load(run_dir / "config.yaml").model.generator.num_classes == 2
    Path("pets").rename("animals")
    result = ganworks("train", f"resume={run_dir}", "num_images=32")
    assert result.code == 1
    assert f"data.root={Path('pets').absolute()}" in result.err
    assert ganworks("train", f"resume={run_dir}", "num_images=32", "data.root=animals").code == 0
    assert ganworks("sample", f"run={run_dir}", "label=1", "num=2", "out=dogs.png").code == 0
