"""What a command line changes in a few words, which tell the directories and the records of runs apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

# Settings that do not shape the networks: how a run is called, where it lies, what is logged, which machine it is on.
ASIDE = (
    "name", "label", "tags", "resume", "dry_run", "paths", "local", "hydra", "debug", "logger", "callback", "metric",
    "trainer", "num_threads", "compile", "channels_last", "data.num_workers", "data.cache_limit_gb",
)  # fmt: skip
BUT = ("trainer.precision",)
LENGTH = 44  # letters; a folder's name may have 255, a path of Windows 260
NUMBER = re.compile(r"[-+]?[\d_]*\.?[\d_]+(e[-+]?\d+)?", re.IGNORECASE)


def label_of(overrides: Sequence[str], name: str) -> str:
    """Return what ``overrides`` change, as a part of a file's name; "" where they name the run themselves.

    What stands in ``name`` is not said again, and of many changes the first ones are.

    >>> label_of(["loss=hinge", "model.width=8", "optimizer.generator.lr=1e-4"], "digits_dcgan_hinge")
    'width8_generator-lr1e-4'
    """
    pairs = [override.lstrip("+").partition("=") for override in overrides]
    if any(key == "name" for key, _, _ in pairs):
        return ""
    words = [word(key, value) for key, _, value in pairs if not is_aside(key)]
    words = [each for each in dict.fromkeys(words) if f"_{each}_" not in f"_{name}_"]
    kept = list(words)
    while len(kept) > 1 and len("_".join(kept)) > LENGTH:
        kept.pop()
    text = "_".join(kept)[:LENGTH].rstrip(".+-_")
    return f"{text}_+{len(words) - len(kept)}" if len(words) > len(kept) else text


def is_aside(key: str) -> bool:
    """Say whether a setting does not shape the networks.

    >>> is_aside("paths.runs"), is_aside("trainer.precision"), is_aside("~model.width")
    (True, False, False)
    """
    path = key.lstrip("~")
    return path not in BUT and any(path == name or path.startswith(f"{name}.") for name in ASIDE)


def word(key: str, value: str) -> str:
    """Return one override in a word: of a group the option, else the setting's own name before its value.

    >>> word("regularizer", "[r1,r2]"), word("model.conditional", "true"), word("regularizer.r1.weight", "10")
    ('r1+r2', 'conditional', 'r1-weight10')
    """
    parts = key.lstrip("~").split(".")
    short = plain("-".join(parts[1:][-2:] or parts))
    text = value.strip("'\"")
    if key.startswith("~") or text.lower() in ("false", "null", "none", "", "[]", "{}"):
        return f"no-{short}"
    if text.lower() == "true":
        return short
    if NUMBER.fullmatch(text):
        return f"{short}{'-' * short[-1:].isdigit()}{text.replace('_', '')}"  # beta1-0.5
    is_option = len(parts) == 1 and parts[0] != "init_from"
    return (plain(text) if is_option else f"{short}-{plain(text)}").strip("-") or short


def plain(text: str) -> str:
    """Return a text with letters that may stand in the name of a file; of a path its last part, of a list all items.

    >>> plain("/data/faces"), plain("[r1,r2]"), plain("a b")
    ('faces', 'r1+r2', 'a-b')
    """
    if not text.startswith(("[", "{")):
        text = PureWindowsPath(text).name or PurePosixPath(text).name or text
    return re.sub(r"[^\w.+-]+", "-", text.strip("[]{}").replace(",", "+")).strip("-.")


def title(name: str, label: str | None) -> str:
    """Return what a run is called in a record of many: its name, and what its command line changed.

    >>> title("digits", "width8"), title("digits", "")
    ('digits_width8', 'digits')
    """
    return f"{name}_{label}" if label else name
