"""All loggers of a run tell the same, on the axis of images seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import wandb
from PIL import Image

from ganworks.evaluation.pictures import log_figures
from ganworks.logger import read_metrics
from ganworks.logger.tensorboard import TensorBoardLogger
from ganworks.metric import terms_of
from ganworks.picture import log_pictures
from ganworks.run.resume import read_config

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read(folder: Path):
    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return events


def test_loggers_have_what_metrics_csv_has_and_the_pictures(ganworks: Callable, records: Callable) -> None:
    small = ("data=digits", "loss=bce", "model.width=8", "metric.num_samples=16", "metric.every_images=192")
    result = ganworks(
        *("train", "logger=[wandb,tensorboard]", "num_images=384", "trainer.log_every_n_steps=2", *small),
        *("callback.sample_grid.every_images=192", "callback.sample_grid.num=4", "hydra.run.dir=run"),
    )
    assert result.code == 0, result.err
    events = read(Path("run"))
    rows = read_metrics("run/metrics.csv")
    for name in ("train/generator/adversarial", "metric/fd_digits"):
        found = [(event.step, event.value) for event in events.Scalars(name)]
        expected = [(row["images_seen"], pytest.approx(row[name], rel=1e-6)) for row in rows if name in row]
        assert found == expected
    pictures = events.Images("samples")
    assert [event.step for event in pictures] == [0, 192, 384]
    last = Image.open("run/samples/000000000384.png")
    assert (pictures[-1].width, pictures[-1].height) == last.size
    (run,) = records(Path("run"))
    history = [record["history"]["item"] for record in run if record["type"] == "history"]
    for name in ("train/generator/adversarial", "metric/fd_digits"):
        found = [(row["images_seen"], row[name]) for row in history if name in row]
        assert found == [(row["images_seen"], pytest.approx(row[name])) for row in rows if name in row]
    assert [row["images_seen"] for row in history if "samples.count" in row] == [0, 192, 384]
    wandb.teardown()


def test_contract_of_every_figure_is_in_wandb_as_it_is_in_the_summary(
    ganworks: Callable, summary_of: Callable
) -> None:
    small = ("data=digits", "loss=bce", "model.width=8", "num_images=128", "metric.every_images=64")
    numbers = ("metric.num_samples=24", "metric.num_samples_training=16")
    result = ganworks("train", "logger=wandb", "trainer=cpu", *small, *numbers, "hydra.run.dir=run")
    assert result.code == 0, result.err
    wandb.teardown()
    summary, found = json.loads(Path("run/summary.json").read_text()), summary_of(Path("run"))
    shown = {name.removeprefix("metric/") for name in found if name.startswith("metric/")}
    assert shown >= set(summary["metrics"]) > {"fd_digits", "fd_digits_16"}
    for name in shown:
        terms = terms_of(found["contract"], name)
        assert terms["num_fake"] == (16 if name.endswith("_16") else 24)
        names = {"split", "num_real", "ema", "truncation", "seed", "num_evaluations"}
        assert names < set(terms)
        assert any(term.endswith("weights_sha256") for term in terms)
        assert any(term.endswith("resizer") for term in terms)
    for name, value in summary["metrics"].items():
        assert found[f"metric/{name}"] == pytest.approx(value)
        assert terms_of(found["contract"], name) == terms_of(summary["contract"], name)


def test_figures_of_an_evaluation_go_to_the_runs_own_loggers(ganworks: Callable, records: Callable) -> None:
    small = ("data=digits", "loss=bce", "model.width=8", "metric=none", "num_images=64")
    result = ganworks("train", "logger=[wandb,tensorboard]", *small, "hydra.run.dir=run")
    assert result.code == 0, result.err
    wandb.teardown()
    table = Path("run/metrics.csv").read_bytes()
    Image.new("RGB", (30, 20)).save("spectrum.png")
    log_figures([Path("spectrum.png")], read_config(Path("run"), frozenset()), Path("run"), images_seen=64)
    (picture,) = read(Path("run")).Images("figures/spectrum")
    assert (picture.step, picture.width, picture.height) == (64, 30, 20)
    first, second = records(Path("run"))
    assert {record["run"]["run_id"] for record in [*first, *second] if record["type"] == "run"} == {
        Path("run/wandb_id").read_text()
    }
    history = [record["history"]["item"] for record in second if record["type"] == "history"]
    assert [row["images_seen"] for row in history if "figures/spectrum.count" in row] == [64]
    assert Path("run/metrics.csv").read_bytes() == table  # a table has no pictures
    wandb.teardown()


def test_tensorboard_plays_clips(tmp_path: Path) -> None:
    frames = [Image.new("L", (12, 8), value) for value in (0, 100, 200)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    logger = TensorBoardLogger(str(tmp_path / "run"))
    log_pictures({"samples": tmp_path / "clip.gif"}, [logger], 7)
    logger.experiment.flush()
    (event,) = read(tmp_path / "run").Images("samples_played")
    assert (event.step, event.width, event.height) == (7, 12, 8)
    assert event.encoded_image_string == (tmp_path / "clip.gif").read_bytes()


def test_tensorboard_hides_what_a_resumed_run_logs_again(tmp_path: Path) -> None:
    for steps, start in (((64, 128, 192), 0), ((128, 192, 256), 64)):
        logger = TensorBoardLogger(str(tmp_path))
        logger.rewind(start)
        for step in steps:
            logger.log_metrics({"a": float(step + start)}, step=step)
        logger.log_alert("Collapse", "all alike", "WARN", steps[-1])
        logger.finalize("success")
    events = read(tmp_path)
    assert [(event.step, event.value) for event in events.Scalars("a")] == [
        (64, 64.0),
        *((step, step + 64.0) for step in (128, 192, 256)),
    ]
    assert events.Tensors("alerts/text_summary")[-1].step == 256
