"""W&B, read back from the files of offline runs."""

from __future__ import annotations

import logging
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import wandb

from ganworks.errors import SettingError
from ganworks.logger.artifact import Artifact
from ganworks.logger.waiting import answers, ended_in_time
from ganworks.logger.wandb import WandbLogger
from ganworks.logger.wandb_start import has_key, mode
from offline_runs import history, of_kind, run


@pytest.fixture(autouse=True, scope="module")
def _end_the_service() -> Iterator[None]:
    yield
    wandb.teardown()


def test_page_is_kept_with_the_run(tmp_path: Path, records: Callable) -> None:
    logger = WandbLogger(save_dir=str(tmp_path), project="tests")
    (tmp_path / "report.html").write_text("<!doctype html><title>a run</title>")
    logger.log_page("report", tmp_path / "report.html")
    logger.finalize("success")
    (kept,) = records(tmp_path)
    (row,) = [row for row in history(kept) if "report.path" in row]
    assert row["report._type"] == "html-file"
    (copy,) = (tmp_path / "wandb").glob("offline-run-*/files/media/html/*.html")
    assert copy.read_text() == (tmp_path / "report.html").read_text()


def test_runs_of_one_process_stay_apart_and_lie_on_the_axis_of_images(
    tmp_path: Path, records: Callable
) -> None:
    run(tmp_path / "one", (64, {"a": 1.0}), (128, {"a": 2.0}))
    run(tmp_path / "two", (64, {"a": 10.0}))
    (first,), (second,) = records(tmp_path / "one"), records(tmp_path / "two")
    assert [(row["images_seen"], row["a"]) for row in history(first) if "a" in row] == [(64, 1), (128, 2)]
    assert [(row["images_seen"], row["a"]) for row in history(second) if "a" in row] == [(64, 10)]
    axes = [metric for metric in of_kind(first, "metric") if "step_metric" in metric]
    assert [(metric["glob_name"], metric["step_metric"]) for metric in axes] == [("*", "images_seen")]
    pictures = [row for row in history(first) if "samples.count" in row]
    assert [(row["images_seen"], row["samples.count"]) for row in pictures] == [(128, 1)]
    configs = [record["update"] for record in of_kind(first, "config")]
    assert configs[0]["loss"]["_target_"] == "ganworks.loss.BCE"


def test_key_without_a_network_goes_on_offline(
    tmp_path: Path,
    records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")  # nobody answers there
    wandb.teardown()
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "one", (64, {"a": 1.0}), init_timeout=1)
    assert "kept offline" in caplog.text
    (only,) = records(tmp_path / "one")
    assert [row["a"] for row in history(only) if "a" in row] == [1]
    wandb.teardown()


def test_a_silent_server_costs_seconds_and_the_run_is_kept_offline(
    tmp_path: Path, records: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes connections and never answers
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        wandb.teardown()
        start = time.monotonic()
        reason = answers(wandb.setup().settings.base_url, 30)
        assert time.monotonic() - start < 8
        assert "does not answer within 5 s" in str(reason)
        with caplog.at_level(logging.WARNING):
            run(tmp_path / "one", (64, {"a": 1.0}), offline=False)
    assert "kept offline" in caplog.text
    assert len(records(tmp_path / "one")) == 1
    wandb.teardown()


class Evasive(BaseHTTPRequestHandler):
    """Answers whether it is there, and never what it is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        time.sleep(30)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_a_server_that_falls_silent_behind_its_first_answer_costs_ten_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Evasive)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    wandb.teardown()
    logger = WandbLogger(save_dir=str(tmp_path), project="tests", offline=False, init_timeout=3)
    begin, waited = logger._begin, []

    def timed() -> object:
        start = time.monotonic()
        run = begin()
        waited.append(time.monotonic() - start)
        return run

    monkeypatch.setattr(logger, "_begin", timed)
    logger.start()
    assert logger.is_offline
    logger.finalize("success")
    assert waited[0] < 3 + 7  # the bound, the end of W&B's process, the start of another one
    wandb.teardown()


def test_end_is_waited_for_longer_where_artifacts_are_sent_and_the_server_answers() -> None:
    asked: list[float] = []

    def may_go_on(seconds: float) -> bool:
        asked.append(seconds)
        return len(asked) < 2

    assert ended_in_time(lambda: time.sleep(0.3), 0.2, may_go_on) is None
    assert len(asked) == 1
    assert "did not end within 0.2" in str(ended_in_time(lambda: time.sleep(9), 0.2, lambda seconds: False))


def test_command_that_uploads_an_offline_run_can_be_pasted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        logger = run(tmp_path / "my run", (64, {"a": 1.0}))
    (command,) = [
        line for line in caplog.messages if "wandb sync" in line and "upload it" in line and "kept" in line
    ]
    word = shlex.split(command.partition("wandb sync ")[2])
    assert word == [f"{tmp_path}/my run/wandb/offline-run-*-{logger._id}"]
    assert len(list(tmp_path.glob(word[0].removeprefix(f"{tmp_path}/")))) == 1


def test_run_of_someone_else_in_this_process_stays_theirs(tmp_path: Path, records: Callable) -> None:
    (tmp_path / "theirs").mkdir()
    theirs = wandb.init(project="tests", dir=str(tmp_path / "theirs"), mode="offline")
    run(tmp_path / "ours", (64, {"a": 1.0}))
    assert wandb.run is theirs
    theirs.log({"b": 2.0})
    theirs.finish()
    (ours,), (other,) = records(tmp_path / "ours"), records(tmp_path / "theirs")
    assert [row["a"] for row in history(ours) if "a" in row] == [1]
    assert [(row["b"], "a" in row) for row in history(other) if "b" in row] == [(2, False)]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [("artifacts", "beste", "Did you mean 'best'"), ("init_timeout", 0, "from 1 up")],
)
def test_setting_that_it_cannot_have_is_refused(
    setting: str, value: object, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=said):
        WandbLogger(save_dir=str(tmp_path), project="tests", **{setting: value})


@pytest.mark.parametrize(
    ("artifacts", "sent"), [("none", []), ("best", ["b", "g2"]), ("all", ["a", "b", "g1", "g2"])]
)
def test_setting_says_which_artifacts_are_uploaded(artifacts: str, sent: list[str], tmp_path: Path) -> None:
    logger = WandbLogger(save_dir=str(tmp_path), project="tests", offline=True, artifacts=artifacts)
    uploaded: list[str] = []
    logger.upload = lambda artifact: uploaded.append(artifact.path.name)
    for name, kind, aliases in (
        ("a", "checkpoint", ("latest",)),
        ("b", "checkpoint", ("best", "fd-0.98")),
        ("g1", "generator", ("latest",)),
        ("g2", "generator", ("latest",)),
    ):
        logger.keep_artifact(Artifact(Path(name), kind, aliases))
    logger.upload_waiting()
    assert sorted(uploaded) == sent


def test_a_service_that_is_killed_costs_the_record_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = WandbLogger(save_dir=str(tmp_path), project="tests", offline=True)
    logger.start()
    wandb.setup()._connection._proc._process.kill()
    wandb.setup()._connection._proc._process.wait()
    with caplog.at_level(logging.WARNING):
        for step in range(200):
            logger.log_metrics({"a": 1.0}, step=step)
        logger.finalize("success")
    assert logger.incomplete is not None
    assert caplog.text.count("is incomplete") == 1
    later = run(tmp_path / "two", (64, {"a": 1.0}))  # the next run of a sweep has its own record
    assert later.incomplete is None


def test_an_end_that_never_comes_is_waited_for_no_longer_than_the_setting_says(tmp_path: Path) -> None:
    logger = WandbLogger(save_dir=str(tmp_path), project="tests", offline=True, finish_timeout=0.5)
    logger.start()
    logger._experiment = SimpleNamespace(finish=lambda exit_code: time.sleep(60))
    start = time.monotonic()
    logger.finalize("success")
    assert time.monotonic() - start < 6
    assert "did not end within 0.5 s" in str(logger.incomplete)


@pytest.mark.parametrize(
    ("tags", "taken"),
    [("first", ["first"]), ("first, small", ["first", "small"]), (None, []), (["a"], ["a"])],
)
def test_tags_are_a_list_or_a_string(tags: object, taken: list[str], tmp_path: Path) -> None:
    logger = WandbLogger(save_dir=str(tmp_path), project="tests", offline=True, tags=tags)
    assert logger._wandb_init["tags"] == taken


def test_mode_is_the_settings_then_the_environments_then_what_the_key_allows(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert (mode(True), mode(False)) == ("offline", "online")
    with caplog.at_level(logging.WARNING):
        assert mode(None) == "offline"
    assert "no API key found" in caplog.text
    wandb.teardown()  # it reads the environment once
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert mode(None) == "online"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert mode(None) is None
    wandb.teardown()


def test_key_in_the_netrc_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = urlsplit(wandb.setup().settings.base_url).hostname
    (tmp_path / "netrc").write_text(f"machine {host}\n  login user\n  password {'0' * 40}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert has_key()
    (tmp_path / "netrc").write_text("machine elsewhere.org\n  login user\n  password 1\n")
    assert not has_key()
    wandb.teardown()


def test_key_that_is_none_goes_on_offline(
    tmp_path: Path,
    records: Callable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "short")
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # answers that it knows nothing
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    wandb.teardown()
    with caplog.at_level(logging.WARNING):
        run(tmp_path / "one", (64, {"a": 1.0}), init_timeout=1)
    assert "40+ characters" in caplog.text
    assert len(records(tmp_path / "one")) == 1
    wandb.teardown()
