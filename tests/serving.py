"""Pages that are served, for tests of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ganworks.explore.server import address_of, server_of


@contextmanager
def served(explorer: Any) -> Iterator[str]:
    """Serve a page; yield its address."""
    server = server_of(explorer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield address_of(server)
    finally:
        server.shutdown()
        server.server_close()
