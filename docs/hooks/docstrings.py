"""Docstrings as pages have them: their examples, which stand behind `>>>`, become blocks of code."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(>>> .*(?:\n.+)*)", flags=re.M)  # up to the next empty line


def with_fenced_examples(text: str) -> str:
    """Return a docstring with fences around the examples that stand at its margin."""
    return EXAMPLE.sub(r"```pycon\n\1\n```", text)


class Examples(griffe.Extension):
    """Fences the examples of every docstring that griffe reads."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = with_fenced_examples(obj.docstring.value)
