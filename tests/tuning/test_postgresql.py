"""Workers on a real PostgreSQL server share a study: nobody's trial is anybody else's, the lost are found."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from ganworks.errors import GanworksError
from ganworks.tuning.search import Search
from ganworks.tuning.storage import lock, open_storage
from searching import settings_of, study_of, tune_apart, write_space

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin")) + [
    Path(path).parent for path in [shutil.which("initdb")] if path
]


def as_server_user(command: list[str]) -> list[str]:
    """Return the command for a user that the server accepts: it refuses to be run by root."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server of the test's own on a free port of the loopback device."""
    pytest.importorskip("psycopg", reason="the extra ganworks[postgresql] is not installed")
    if not BINARIES:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    binaries, folder = BINARIES[-1], Path(tempfile.mkdtemp(prefix="postgresql_"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    init = [str(binaries / "initdb"), "-D", str(data), "-U", "tester", "-A", "trust", "--no-sync"]
    made = subprocess.run(as_server_user(init), capture_output=True, text=True, cwd=folder)
    assert made.returncode == 0, made.stdout + made.stderr
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            as_server_user([str(binaries / "postgres"), "-D", str(data), *options]), stdout=log, stderr=log, cwd=folder
        )  # fmt: skip
    try:
        wait_until_ready(port, process, folder / "log")
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the server takes connections."""
    import psycopg

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(f"postgresql://tester@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text())


def test_two_commands_on_one_server_share_the_trials_of_a_study(server: str, tmp_path: Path) -> None:
    write_space(tmp_path, num_trials=4, top_k=0)
    arguments = (f"paths.runs={tmp_path / 'runs'}", f"storage={server}", "name=shared")
    commands = [tune_apart(tmp_path, *arguments) for _ in range(2)]
    outputs = [command.communicate(timeout=240)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], outputs
    study = study_of(settings_of(tmp_path, f"storage={server}", "name=shared"))
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
    assert len({trial.user_attrs["run_dir"] for trial in study.trials}) == 4
    assert not (tmp_path / "runs" / "tune" / "shared" / "study.db").exists()


def test_the_study_is_held_by_one_worker_at_a_time(server: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"storage={server}", "name=held")
    first, second = open_storage(settings), open_storage(settings)
    order: list[str] = []

    def wait_for_it() -> None:
        with lock(settings, second):
            order.append("second")

    with lock(settings, first):
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]


def test_a_trial_of_a_silent_worker_on_another_machine_is_queued_again(server: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, f"storage={server}", "name=silent", num_trials=2)
    storage: Any = open_storage(settings)
    storage.grace_period = 2
    lost = Search(settings, storage, "elsewhere:1").next_task()
    assert lost is not None
    alive = Search(settings, storage, f"{socket.gethostname()}:{os.getpid()}")
    other = alive.next_task()
    assert other is not None
    assert other.trial.number != lost.trial.number  # it was heard of just now
    deadline = time.monotonic() + 30
    again = None
    while again is None and time.monotonic() < deadline:
        time.sleep(0.5)
        storage.record_heartbeat(other.trial._trial_id)
        again = alive.next_task()
    assert again is not None
    assert again.run_dir == lost.run_dir
    assert again.trial.params == lost.trial.params


def test_a_server_that_does_not_answer_is_an_error_without_the_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    settings = settings_of(tmp_path, "storage=postgresql://me:secret@127.0.0.1:1/none")
    with pytest.raises(GanworksError, match="storage=postgresql") as error:
        open_storage(settings)
    assert "secret" not in str(error.value)
