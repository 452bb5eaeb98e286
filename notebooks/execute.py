"""Execute a notebook in an empty folder and write its outputs back.

    python notebooks/execute.py notebooks/01_first_gan.ipynb

The outputs are kept in the repository for readers who only look.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode


def execute(path: Path, folder: Path) -> NotebookNode:
    """Return the notebook with the outputs that it has when it runs in ``folder``."""
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=900, resources=resources, record_timing=False).execute()
    for cell in notebook.cells:
        tidy(cell.get("outputs", []))
    return notebook


def tidy(outputs: list[NotebookNode]) -> None:
    """Join what was printed bit by bit, and drop the second copy of pictures."""
    joined: list[NotebookNode] = []
    for output in outputs:
        output.get("data", {}).pop("image/jpeg", None)
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    outputs[:] = joined


if __name__ == "__main__":
    source = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        executed = execute(source, Path(temporary))
    executed.metadata = {"kernelspec": executed.metadata.kernelspec, "language_info": {"name": "python"}}
    nbformat.write(executed, source)
