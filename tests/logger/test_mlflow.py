"""MLflow, read back from a real server with an SQLite store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from ganworks.errors import GanworksError, SettingError
from ganworks.logger import CSVLogger, mlflow, read_metrics
from ganworks.logger.artifact import Artifact
from ganworks.logger.mlflow import MLflowLogger
from ganworks.logger.mlflow_run import Row, flat
from running import train, train_on

mlflow_package = pytest.importorskip("mlflow")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its store."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """The address of MLflow's own server on this machine; its store is an SQLite file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/store.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def wait_for(url: str, process: subprocess.Popen) -> None:
    """Return as soon as the server answers."""
    for _ in range(600):
        assert process.poll() is None, "the server has ended"
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.3)
    raise TimeoutError(url)


def client(uri: str) -> Any:
    return mlflow_package.MlflowClient(uri)


def run_of(run_dir: Path, uri: str) -> Any:
    return client(uri).get_run((run_dir / "mlflow_id").read_text().split()[0])


def points(run_dir: Path, uri: str, name: str) -> list[tuple[int, float]]:
    """Return (images seen, value) of every point of a metric, those that stand there twice too."""
    history = client(uri).get_metric_history((run_dir / "mlflow_id").read_text().split()[0], name)
    return [(each.step, each.value) for each in sorted(history, key=lambda each: each.step)]


def files(run_dir: Path, uri: str, folder: str | None = None) -> set[str]:
    run_id = (run_dir / "mlflow_id").read_text().split()[0]
    return {each.path for each in client(uri).list_artifacts(run_id, folder)}


def log_run(run_dir: Path, *steps: int, **settings: Any) -> MLflowLogger:
    """Log points at ``steps`` and a picture as a run does, from its start to its end."""
    run_dir.mkdir(exist_ok=True)
    logger = MLflowLogger(save_dir=str(run_dir), **settings)
    logger.start()
    logger.log_hyperparams({"loss": {"margin": 1.0}, "name": run_dir.name})
    for step in steps:
        logger.log_metrics({"metric/a": float(step), "b": float("nan")}, step=step)
    Image.new("L", (4, 4)).save(run_dir / "picture.png")
    logger.log_image("samples", [str(run_dir / "picture.png")], step=steps[-1])
    logger.log_outcome({"status": "finished"})
    logger.finalize("success")
    assert logger.incomplete is None
    return logger


def test_run_is_in_the_store_with_all_that_a_team_looks_for(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    run_dir = tmp_path / "run"
    overrides = ["data=digits", "metric=digits", "metric.num_samples=24", "metric.every_images=128"]
    overrides += ["num_images=256", "trainer.log_every_n_steps=1", "~callback.progress", "tags=[first,small]"]
    words = ["logger.mlflow.group=losses", "logger.mlflow.job_type=try", "logger.mlflow.notes='a b, c'"]
    train(run_dir, *overrides, "logger=mlflow", "logger.mlflow.artifacts=best", *words)
    run, summary = run_of(run_dir, server), json.loads((run_dir / "summary.json").read_text())
    assert "incomplete_records" not in summary
    assert run.info.status == "FINISHED"
    tags = run.data.tags
    assert (tags["group"], tags["job_type"], tags["mlflow.note.content"]) == ("losses", "try", "a b, c")
    assert (tags["first"], tags["small"]) == ("true", "true")
    assert tags["mlflow.runName"] == "digits_dcgan_bce_width8_num_images256"  # and what differs
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["mlflow.source.git.commit"] == summary["git_commit"]
    assert tags["best.value"] == str(summary["best"]["value"])
    assert run.data.params["data._target_"] == "ganworks.data.Digits"
    assert run.data.params["num_images"] == "256"
    for name in ("train/generator/adversarial", "metric/fd_digits"):
        expected = [
            (row["images_seen"], row[name]) for row in read_metrics(run_dir / "metrics.csv") if name in row
        ]
        assert (
            points(run_dir, server, name) == [(step, pytest.approx(value)) for step, value in expected] != []
        )
    assert {"summary.json", "config.yaml", "contract.json", "report.html"} <= files(run_dir, server)
    assert files(run_dir, server, "generator") == {"generator/config.json", "generator/model.safetensors"}
    assert "checkpoints/best.ckpt" in files(run_dir, server, "checkpoints")
    assert tags["checkpoints/best.ckpt"] == f"best, fd-{summary['best']['value']:.2f}"
    assert not list(run_dir.glob(".mlflow-*"))
    assert any(path.startswith("images/samples+step+256+") for path in files(run_dir, server, "images"))


def test_run_that_broke_off_goes_on_as_the_same_run_without_points_twice(server: str, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    ring = ["data=ring", "num_threads=1", "callback=basic", "~callback.progress", "model.width=16"]
    ring += ["num_images=640", "callback.checkpoint.every_images=256", "trainer.log_every_n_steps=1"]
    broken = "+callback.breaks={_target_: running.RaiseAt, images: 448, rank: 0}"
    with pytest.raises(ArithmeticError):
        train(run_dir, *ring, "logger=mlflow", f"logger.mlflow.tracking_uri={server}", broken)
    before = run_of(run_dir, server)
    assert before.info.status == "FAILED"
    name = "train/generator/adversarial"
    assert points(run_dir, server, name)[-1][0] == 448  # past the checkpoint of 256
    train_on(run_dir, "callback.breaks.images=100000", "optimizer.generator.lr=0.001")
    after = run_of(run_dir, server)
    assert (after.info.run_id, after.info.status) == (before.info.run_id, "FINISHED")
    steps = [step for step, _ in points(run_dir, server, name)]
    assert steps == [row["images_seen"] for row in read_metrics(run_dir / "metrics.csv")]
    assert after.data.tags["changed.optimizer.generator.lr"] == "0.001"


def test_points_that_a_server_missed_are_sent_at_the_next_resume(server: str, tmp_path: Path) -> None:
    table = CSVLogger(str(tmp_path / "metrics.csv"))
    for step in (64, 128, 192):
        table.log_metrics({"metric/a": float(step)}, step=step)
    log_run(tmp_path, 64, 256, tracking_uri=server)
    logger = MLflowLogger(save_dir=str(tmp_path), tracking_uri=server)
    logger.rewind(192)
    logger.log_metrics({"metric/a": 256.0}, step=256)
    logger.log_image("samples", [str(tmp_path / "picture.png")], step=256)
    logger.finalize("success")
    assert points(tmp_path, server, "metric/a") == [(64 * n, 64.0 * n) for n in (1, 2, 3, 4)]
    pictures = [path for path in files(tmp_path, server, "images") if path.endswith(".png")]
    assert len(pictures) == 1
    assert run_of(tmp_path, server).info.status == "FINISHED"  # as it was


class Counting:
    """A run in a store that is slower than the training, and counts what it is asked."""

    def __init__(self) -> None:
        self.requests: list[list[int]] = []

    def log_rows(self, rows: list[Row]) -> None:
        time.sleep(0.2)
        self.requests.append([row.step for row in rows])


def test_rows_that_wait_for_a_slow_store_are_one_request(tmp_path: Path) -> None:
    logger, run = MLflowLogger(save_dir=str(tmp_path)), Counting()
    logger._begin = lambda: run  # type: ignore[assignment,return-value]
    for step in range(500):
        logger.log_metrics({"a": 1.0}, step=step)
    logger._sender.end(5, lambda seconds: False)  # type: ignore[union-attr]
    requests = [steps for steps in run.requests if steps]
    assert [step for steps in requests for step in steps] == list(range(500))
    assert len(requests) < 5


def test_runs_of_one_process_stay_apart(server: str, tmp_path: Path) -> None:
    for name, steps in (("one", (64, 128)), ("two", (192,))):
        log_run(tmp_path / name, *steps, tracking_uri=server, experiment="apart", name=name)
    assert points(tmp_path / "one", server, "metric/a") == [(64, 64.0), (128, 128.0)]
    assert points(tmp_path / "two", server, "metric/a") == [(192, 192.0)]


def test_checkpoint_is_sent_as_it_was_though_it_was_replaced_since(server: str, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.write_text("first")
    logger = MLflowLogger(save_dir=str(tmp_path), tracking_uri=server, artifacts="all")
    logger.keep_artifact(Artifact(path, "checkpoint", ("latest",), {"images_seen": 64}))
    path.unlink()
    path.write_text("second")
    logger.finalize("success")
    run = run_of(tmp_path, server)
    kept = client(server).download_artifacts(run.info.run_id, "checkpoints/last.ckpt", str(tmp_path))
    assert Path(kept).read_text() == "first"
    assert run.data.tags["checkpoints/last.ckpt"] == "latest"


def test_alert_is_a_tag(server: str, tmp_path: Path) -> None:
    logger = MLflowLogger(save_dir=str(tmp_path), tracking_uri=server)
    logger.log_alert("Mode collapse?", "all alike", "WARN", 640)
    logger.finalize("success")
    assert run_of(tmp_path, server).data.tags["alert.Mode collapse_"] == "WARN at 640 images: all alike"


def test_run_without_a_server_is_in_a_file_beside_the_runs(
    server: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "runs").mkdir()
    shutil.copy(folder / "store.db", tmp_path / "runs" / "mlflow.db")  # making one takes MLflow seconds
    log_run(tmp_path / "one", 64, experiment="beside", folder=str(tmp_path / "runs"), finish_timeout=120)
    uri = f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert points(tmp_path / "one", uri, "metric/a") == [(64, 64.0)]
    elsewhere = MLflowLogger(save_dir=str(tmp_path / "one"), folder="of another place")
    assert elsewhere.uri == uri  # a resumed run goes on in its own store


def test_a_silent_server_costs_no_more_than_the_end_may_wait(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes connections and never answers
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
        start = time.monotonic()
        logger = MLflowLogger(save_dir=str(tmp_path), tracking_uri=uri, finish_timeout=1)
        logger.start()
        for step in range(100):
            logger.log_metrics({"a": 1.0}, step=step)
        assert time.monotonic() - start < 1
        logger.finalize("success")
        assert time.monotonic() - start < 4
    assert "did not end within" in str(logger.incomplete)


def test_a_server_that_refuses_costs_the_record_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = MLflowLogger(save_dir=str(tmp_path), tracking_uri="http://127.0.0.1:1")
    for step in range(100):
        logger.log_metrics({"a": 1.0}, step=step)
    logger.finalize("success")
    assert "can't be reached" in str(logger.incomplete)
    assert caplog.text.count("is incomplete") == 1


def test_missing_library_and_wrong_choice_are_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match="none, best, all"):
        MLflowLogger(save_dir=str(tmp_path), artifacts="some")
    monkeypatch.setattr(mlflow, "find_spec", lambda name: None)
    with pytest.raises(GanworksError, match=r"pip install 'ganworks\[mlflow\]'"):
        MLflowLogger(save_dir=str(tmp_path))


def test_settings_become_parameters_with_dotted_names() -> None:
    settings = {"a": {"b": {"_target_": "x.Y"}, "c": {}}, "words": "w" * 9000, "odd@name": None}
    assert flat(settings) == {"a.b._target_": "x.Y", "a.c": "{}", "words": "w" * 5000, "odd_name": "None"}
