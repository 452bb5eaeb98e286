"""The page's server: this machine alone can reach it, and it reads nothing but what it is sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from ganworks.errors import GanworksError, SettingError

log = logging.getLogger(__name__)
TEMPLATE = Path(__file__).parent / "template"
LOOPBACK = "127.0.0.1"
NAMES = (LOOPBACK, "localhost", "::1")  # of this machine, whatever port a tunnel ends at
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MAX_UPLOAD = 64 * 2**20  # bytes
# Nothing of the page comes from elsewhere, whatever a class or a run is called.
POLICY = "default-src 'none'; img-src data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'"


class Explorer(Protocol):
    """What draws for the page; settings are those of `sample.py`, as text by name."""

    def facts(self) -> dict[str, Any]:
        """Return what the page has to know of the generator."""

    def draw(self, settings: Mapping[str, str]) -> dict[str, Any]:
        """Return samples in plain types, and the command line that draws the same."""

    def save(self, settings: Mapping[str, str]) -> bytes:
        """Return the content of the file that the command line writes, which settings call ``out``."""

    def translate(self, settings: Mapping[str, str], name: str, content: bytes) -> dict[str, Any]:
        """Return what a translator makes of the image file ``name``, and the command line that makes the same."""


class Handler(BaseHTTPRequestHandler):
    """Answers the page; `handler_of` gives it an explorer."""

    explorer: ClassVar[Explorer]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with a part of the page, facts, samples or a file to keep."""
        url = urlsplit(self.path)
        settings = dict(parse_qsl(url.query, keep_blank_values=True))
        file = TEMPLATE / (url.path.lstrip("/") or "index.html")
        if not self.is_own(url.path):
            self.refuse(403, "this page answers to itself alone")
        elif file.parent == TEMPLATE and file.is_file():
            self.answer(200, TYPES[file.suffix] + "; charset=utf-8", file.read_bytes())
        elif url.path == "/facts":
            self.attempt(self.explorer.facts)
        elif url.path == "/draw":
            self.attempt(lambda: self.explorer.draw(settings))
        elif url.path == "/save":
            self.attempt(lambda: self.explorer.save(settings), settings.get("out", "samples"))
        else:
            self.refuse(404, f"there is no {url.path} here")

    def do_POST(self) -> None:
        """Answer with the translation of the image that is sent."""
        url, text = urlsplit(self.path), self.headers.get("Content-Length", "")
        length = int(text) if text.isdecimal() else None
        settings = dict(parse_qsl(url.query, keep_blank_values=True))
        if not self.is_own(url.path) or url.path != "/translate":
            self.refuse(403, "this page answers to itself alone")
        elif length is None:
            self.refuse(411, "the length of what is sent must be said")
        elif length > MAX_UPLOAD:
            self.refuse(
                413, f"the image has {length / 2**20:.0f} MiB: at most {MAX_UPLOAD / 2**20:.0f} are taken"
            )
        else:
            content, name = self.rfile.read(length), settings.pop("input", "")
            self.attempt(lambda: self.explorer.translate(settings, name, content))

    def is_own(self, path: str) -> bool:
        """Say whether a request comes from the page or the address line, and not from a site that is open beside it.

        A site may let its own name lead here (the Host says so), or send a request that it cannot read the answer of.
        """
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        origin = self.headers.get("Origin")
        is_same = origin is None or urlsplit(origin).netloc == self.headers.get("Host")
        return host in NAMES and is_same and (path == "/" or site in ("same-origin", "none"))

    def attempt(self, make: Any, name: str = "") -> None:
        """Answer with what ``make`` returns, as a file to keep where that is bytes; with its error in plain words."""
        try:
            made = make()
        except GanworksError as error:
            self.refuse(400, str(error))
        except Exception as error:
            log.exception("The page asked for %s", self.path)
            words = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            self.refuse(500, f"this could not be drawn: {words} (the whole error is in the terminal)")
        else:
            if isinstance(made, bytes):
                kept = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
                self.answer(200, "application/octet-stream", made, kept)
            else:
                self.answer(200, "application/json", json.dumps(made).encode())

    def refuse(self, status: int, words: str) -> None:
        """Answer with an error that the page shows; the connection ends, as nobody may have read what was sent."""
        self.close_connection = True
        self.answer(status, "application/json", json.dumps({"error": words}).encode())

    def answer(self, status: int, kind: str, content: bytes, more: Mapping[str, str] | None = None) -> None:
        """Send an answer; a browser that has gone by then does not matter."""
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Cache-Control": "no-store"}
        headers |= {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", **(more or {})}
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Keep the terminal for what matters."""


def server_of(explorer: Explorer, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of the page on the loopback address, which begins with `serve_forever`.

    Args:
        port: 0 takes one that is free.

    Raises:
        SettingError: the port is taken, or not for this user.
    """
    handler = type("Handler", (Handler,), {"explorer": explorer})
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError("port", port, f"a free port from 1024 to 65535, or left out ({reason})") from error
    server.daemon_threads = True
    return server


def address_of(server: ThreadingHTTPServer) -> str:
    """Return the address of the page."""
    return f"http://{LOOPBACK}:{server.server_address[1]}/"
