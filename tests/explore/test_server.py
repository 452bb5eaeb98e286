"""The page's server answers its own page and nobody else, and says what is wrong."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ganworks.errors import SettingError
from ganworks.explore import server as serving
from ganworks.explore.server import server_of
from serving import served

Answer = tuple[http.client.HTTPResponse, bytes]
At = Callable[[str], str]


def ask(address: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """Return the answer of a server to a request whose headers are given with _ for -."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def test_page_and_its_parts_come_from_here_and_nothing_else(address: At) -> None:
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/style.css", "text/css")):
        answer, content = ask(address("images"), path)
        assert answer.status == 200
        assert str(answer.headers["Content-Type"]).startswith(kind)
        assert b"http://" not in content.replace(b"http://www.w3.org/2000/svg", b"")
        assert b"https://" not in content
        assert "default-src 'none'" in str(answer.headers["Content-Security-Policy"])


@pytest.mark.parametrize(
    "path", ["/../server.py", "/%2e%2e/server.py", "/template/index.html", "/etc/passwd", "/nothing"]
)
def test_no_other_file_is_served(address: At, path: str) -> None:
    answer, content = ask(address("images"), path)
    assert answer.status == 404
    assert "error" in json.loads(content)


def test_drawing_and_saving_by_the_settings_of_the_address(address: At) -> None:
    answer, content = ask(address("images"), "/draw?seeds=3,4")
    assert answer.status == 200
    assert len(json.loads(content)["pictures"]) == 2
    answer, content = ask(address("images"), "/save?seeds=3&out=my%20picture.png")
    assert content.startswith(b"\x89PNG")
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''my%20picture.png"


def test_mistake_is_an_error_in_words(address: At) -> None:
    answer, content = ask(address("images"), "/draw?seeds=x")
    assert answer.status == 400
    assert json.loads(content)["error"].startswith("seeds=x: must be numbers from 0 up")
    answer, content = ask(address("translator"), "/translate?input=a.png", "POST", b"nothing")
    assert answer.status == 400
    assert json.loads(content)["error"].startswith("input: a.png cannot be read")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # a name that leads to this machine
        {"Origin": "http://evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Origin": "null"},
    ],
)
def test_another_site_gets_nothing(address: At, headers: Mapping[str, str]) -> None:
    for path in ("/draw?seeds=3", "/facts"):
        assert ask(address("images"), path, **headers)[0].status == 403
    assert ask(address("translator"), "/translate?input=a.png", "POST", b"", **headers)[0].status == 403


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:9"])
def test_tunnel_to_this_machine_is_let_in(address: At, host: str) -> None:
    assert ask(address("images"), "/draw?seeds=3", Host=host)[0].status == 200
    assert (
        ask(address("images"), "/", Host=host, Sec_Fetch_Site="cross-site")[0].status == 200
    )  # a link to the page


def test_large_upload_is_refused_before_it_is_read(address: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MAX_UPLOAD", 10)
    answer, content = ask(address("translator"), "/translate?input=a.png", "POST", b"x" * 11)
    assert answer.status == 413
    assert "at most" in json.loads(content)["error"]


@pytest.mark.parametrize("length", ["-1", "many", ""])
def test_upload_without_a_length_is_refused(address: At, length: str) -> None:
    with socket.create_connection(
        (urlsplit(address("translator")).hostname, urlsplit(address("translator")).port)
    ) as line:
        line.sendall(
            f"POST /translate?input=a.png HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        line.settimeout(10)
        assert line.recv(100).startswith(b"HTTP/1.1 411")


class Broken:
    """An explorer with a mistake of its own."""

    def facts(self) -> dict[str, Any]:
        raise ArithmeticError("a sign is wrong\nsomewhere")


def test_mistake_of_our_own_is_said_and_the_server_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with served(Broken()) as address:
        for _ in range(2):
            answer, content = ask(address, "/facts")
            assert answer.status == 500
            assert "a sign is wrong" in json.loads(content)["error"]
    assert "Traceback" in caplog.text


def test_server_is_out_of_reach_of_other_machines(address: At) -> None:
    with server_of(Broken()) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_port_that_is_taken_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingError, match=r"port=\d+: must be a free port"):
            server_of(Broken(), taken.getsockname()[1])
    with pytest.raises(SettingError, match="port=70000"):
        server_of(Broken(), 70_000)


def test_command_says_where_the_page_is_and_ends_by_a_signal(generator_of: Callable[[str], Path]) -> None:
    command = [sys.executable, "-m", "ganworks.explore", f"run={generator_of('images')}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as run:
        assert run.stdout is not None
        words = next(line for line in run.stdout if "http://" in line)
        address = re.search(r"http://127\.0\.0\.1:\d+/", words)
        assert address is not None
        assert ask(address[0], "/draw?seeds=1")[0].status == 200
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=20)
    assert run.returncode == 128 + signal.SIGINT
    assert errors == "ended by SIGINT\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "run=: must be given"),
        (["run=missing"], "run=missing: must be an existing run directory"),
        (["run=x", "port=none"], "port"),
        (["run=x", "port=-1"], "port=-1: must be an integer from 1 up"),
        (["run=x", "seed=3"], "there is no setting 'seed'"),
        (["run=x", "data.root=y"], "data.root=y: must be left out"),
    ],
)
def test_mistake_in_the_command_is_one_line(ganworks: Callable, arguments: list[str], words: str) -> None:
    result = ganworks("explore", *arguments)
    assert result.code == 1
    assert words in result.err
    assert result.err.count("\n") == 1
