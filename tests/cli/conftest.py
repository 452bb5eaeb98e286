from __future__ import annotations

from pathlib import Path

import pytest

from digit_files import write_images
from ganworks.metric import digits_images


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of 201 and 121 digits, numbers of which two processes cannot have equal shares."""
    root, images = tmp_path_factory.mktemp("folders"), digits_images()[0]
    return write_images(root / "real", images[:201]), write_images(root / "fake", images[201:322])
