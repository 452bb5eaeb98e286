"""A whole run in W&B's offline files: what a team finds there, and what is left of it after a kill."""

from __future__ import annotations

import json
import multiprocessing
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wandb

from ganworks.logger import read_metrics
from ganworks.logger.wandb_record import history
from ganworks.run.start import start
from running import QUICK, checkpoint, compose, train, train_on

RING = ["data=ring", "num_threads=1", "~callback.progress", "~callback.report", "model.width=16"]
LONG = [*RING, "num_images=1280", "callback.checkpoint.every_images=512", "trainer.log_every_n_steps=1"]
WANDB = ["logger=wandb", "logger.wandb.offline=true"]


@pytest.fixture(autouse=True)
def _end_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "artifacts"))
    wandb.teardown()
    yield
    wandb.teardown()


def of_kind(run: list[dict], kind: str) -> list[dict]:
    return [record[kind] for record in run if record["type"] == kind]


def rows_of(runs: list[list[dict]]) -> list[dict]:
    return [record["item"] for run in runs for record in of_kind(run, "history")]


def train_until_killed(run_dir: Path, images: int) -> None:
    """Train in this process, which is killed once it has seen ``images``."""
    kill = f"+callback.kill={{_target_: running.SignalAt, images: {images}}}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGNAL", "SIGKILL")
        start(compose(*QUICK, *LONG, *WANDB, kill), run_dir, 0.0)


def test_run_that_was_killed_and_resumed_has_each_point_once(tmp_path: Path, records: Callable) -> None:
    run_dir = tmp_path / "run"
    process = multiprocessing.get_context("fork").Process(target=train_until_killed, args=(run_dir, 1088))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert checkpoint(run_dir)["time"]["images_seen"] == 1024
    (part,) = run_dir.glob("wandb/offline-run-*/*.wandb")
    before = {row["images_seen"] for row in history(part)}
    train_on(run_dir)
    wandb.teardown()
    rows = rows_of(records(run_dir))
    table = {int(row.pop("images_seen")): row for row in read_metrics(run_dir / "metrics.csv")}
    counts = Counter(row["images_seen"] for row in rows if any("/" in name for name in row))
    assert counts == dict.fromkeys(table, 1)
    assert 0 < len(before) < len(table)
    by_place = {row["images_seen"]: row for row in rows if row["images_seen"] in table}
    for images_seen, expected in table.items():
        assert expected.keys() <= by_place[images_seen].keys()
    assert [row["_step"] for row in rows if row["images_seen"] in table] == sorted(table)


@pytest.mark.parametrize("callback", ["doctor", "basic"])
def test_divergence_is_an_alert_with_a_doctor_and_without(
    callback: str, tmp_path: Path, records: Callable
) -> None:
    spoil = "+callback.spoil={_target_: running.SpoilAt, images: 256}"
    chosen = [each for each in LONG if each != "~callback.report"]
    outcome = train(tmp_path, *chosen, f"callback={callback}", "task.patience=2", spoil, *WANDB)
    assert outcome.status == "diverged"
    wandb.teardown()
    (run,) = records(tmp_path)
    (alert,) = [each for each in of_kind(run, "alert") if each["level"] == "ERROR"]
    assert "not finite" in alert["title"] + alert["text"]
    assert of_kind(run, "exit")[0]["exit_code"] == 1


def test_collapse_is_an_alert(tmp_path: Path, records: Callable) -> None:
    overrides = ["data=digits", "num_images=1280", "trainer.log_every_n_steps=1", "~callback.report"]
    train(tmp_path, *overrides, "+callback.collapse={_target_: running.Collapse}", *WANDB)
    wandb.teardown()
    (run,) = records(tmp_path)
    said = json.loads((tmp_path / "summary.json").read_text())["doctor"]["episodes"]
    titles = [each["title"] for each in of_kind(run, "alert")]
    assert "collapse" in " ".join(titles).lower(), (titles, said)


def test_team_finds_code_words_artifacts_and_outcome(
    ganworks: Callable, records: Callable, summary_of: Callable
) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "init", "-q"], check=True)
    Path("notes.txt").write_text("one\n")
    subprocess.run([*git, "add", "notes.txt"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    Path("notes.txt").write_text("two\n")
    small = ("data=digits", "loss=bce", "model.width=8", "num_images=256", "metric.every_images=128")
    words = ("logger.wandb.group=losses", "logger.wandb.job_type=try", "logger.wandb.notes='a b, c'")
    result = ganworks(
        *("train", *WANDB, "logger.wandb.artifacts=best", *small, *words, "tags=first,small"),
        *("metric.num_samples=24", "trainer=cpu", "hydra.run.dir=run"),
    )
    assert result.code == 0, result.err
    assert "wandb sync run/wandb/offline-run-" in result.out + result.err
    wandb.teardown()
    (run,), summary = records(Path("run")), json.loads(Path("run/summary.json").read_text())
    began = of_kind(run, "run")[0]
    assert (began["run_group"], began["job_type"], began["notes"]) == ("losses", "try", "a b, c")
    assert began["tags"] == ["first", "small"]
    assert began["git"]["commit"] == summary["git_commit"].removesuffix("-dirty")
    (diff,) = Path("run/wandb").glob("offline-run-*/files/diff.patch")
    assert "-one\n+two" in diff.read_text()
    assert "diff.patch" in json.dumps(of_kind(run, "files"))
    assert of_kind(run, "stats")  # of the machine
    artifacts = {each["name"].partition("-")[0]: each for each in of_kind(run, "artifact")}
    best = f"fd-{summary['best']['value']:.2f}"
    assert set(artifacts["checkpoint"]["aliases"]) == {"best", best, "latest"}
    assert "latest" in artifacts["generator"]["aliases"]
    files = {each["path"] for each in artifacts["generator"]["manifest"]["contents"]}
    assert files == {"config.json", "model.safetensors"}
    kept = summary_of(Path("run"))
    assert (kept["status"], kept["best"]) == ("finished", summary["best"])
    assert kept["git_commit"] == summary["git_commit"]
    assert {"contract", "images_per_second", "parameters"} <= kept.keys()
