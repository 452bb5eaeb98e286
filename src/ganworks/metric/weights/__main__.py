"""``python -m ganworks.metric.weights``: each weights file, where it belongs, and whether it is there and whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from ganworks.metric.extractor import digits, moving_digits
from ganworks.metric.weights import file_sha256
from ganworks.metric.weights.known import KNOWN

STYLES = {"whole": "green", "missing": "yellow"}


def main() -> None:
    """Print the list; nothing is loaded and nothing is downloaded."""
    console = Console(highlight=False, soft_wrap=True)
    for network, figures, state, facts in listing():
        console.print(f"{network} [{STYLES.get(state, 'red')}]{state}[/]  for {figures}")
        for name, fact in facts.items():
            console.print(f"    {name:<8} {fact}", markup=False)


def listing() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield network, the figures it is for, its file's state, and path, SHA-256 and address."""
    for name, module in (("digits", digits), ("moving_digits", moving_digits)):
        facts = {"path": str(module.WEIGHTS), "sha256": module.WEIGHTS_SHA256}
        figures = f"metric={name} (ships with ganworks)"
        state = state_of(module.WEIGHTS, module.WEIGHTS_SHA256)
        yield f"{name.replace('_', '-')}-classifier", figures, state, facts
    for file in KNOWN:
        facts = {
            "path": str(file.path),
            "sha256": file.sha256,
            "address": f"{file.address} ({file.size_mb:,} MB)",
        }
        yield file.network, file.figures, state_of(file.path, file.sha256), facts


def state_of(path: Path, sha256: str) -> str:
    """Return whole, missing, or the hash that the file has instead of ``sha256``."""
    if not path.is_file():
        return "missing"
    found = file_sha256(path)
    return "whole" if found.startswith(sha256) else f"another file, with SHA-256 {found}"


if __name__ == "__main__":
    main()
