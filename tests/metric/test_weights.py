"""Weights files: where they belong, whether they are whole, and the list of them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torchvision.models import VGG16_Weights

from ganworks.errors import GanworksError
from ganworks.metric.weights import WeightsFile, file_sha256, verify_sha256
from ganworks.metric.weights.__main__ import state_of
from ganworks.metric.weights.known import INCEPTION, KNOWN, VGG16


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"weights")
    return path


def test_whole_hash_and_known_beginning_pass(file: Path) -> None:
    whole = hashlib.sha256(b"weights").hexdigest()
    for known in (whole, whole.upper(), whole[:8], ""):
        assert verify_sha256(file, known, "") == whole


def test_another_file_is_refused_with_both_hashes(file: Path) -> None:
    with pytest.raises(GanworksError, match=rf"SHA-256 {file_sha256(file)}, expected 6726825d; get it\."):
        verify_sha256(file, "6726825d", "get it")
    with pytest.raises(GanworksError, match=r"missing; get it\."):
        verify_sha256(file.with_name("other"), "6726825d", "get it")


def test_file_that_changes_is_hashed_again(file: Path) -> None:
    before = file_sha256(file)
    file.write_bytes(b"other weights")
    assert file_sha256(file) == hashlib.sha256(b"other weights").hexdigest() != before


def test_states_are_told_apart(file: Path) -> None:
    assert state_of(file, file_sha256(file)) == "whole"
    assert state_of(file, "6726825d") == f"another file, with SHA-256 {file_sha256(file)}"
    assert state_of(file.with_name("other"), "6726825d") == "missing"


def test_known_files_are_those_that_the_libraries_download() -> None:
    assert INCEPTION.address == URL_INCEPTION_V3
    assert VGG16_Weights.IMAGENET1K_V1.url == VGG16.address
    for known in KNOWN:
        assert re.fullmatch("[0-9a-f]{64}", known.sha256)
        assert known.address.startswith("https://")
        for prefix in re.findall(r"-([0-9a-f]{8})\.pth", known.file_name):
            assert known.sha256.startswith(prefix)
    assert len({known.file_name for known in KNOWN}) == len(KNOWN)


def test_list_says_of_each_file_where_it_belongs_and_whether_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / VGG16.file_name).write_bytes(b"half a download")
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "ganworks.metric.weights"]
    environment = {**os.environ, "TORCH_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    listed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert listed.stderr == ""
    entries = re.split(r"\n(?=\S)", listed.stdout)
    assert len(entries) == len(KNOWN) + 2
    assert entries[0].startswith("digits-classifier whole")
    assert entries[1].startswith("moving-digits-classifier whole")
    for entry, known in zip(entries[2:], KNOWN, strict=True):
        state = "another file, with SHA-256" if known is VGG16 else "missing"
        assert entry.startswith(f"{known.network} {state}")
        for part in (str(folder / known.file_name), known.sha256, known.address):
            assert part in entry


def test_remedy_names_address_setting_and_what_does_without() -> None:
    file = WeightsFile("net", "net.pth", "https://example.org/net.pth", "ab", 12, "a figure")
    remedy = file.remedy("metric.extractor.net.weights", "metric=none does without")
    for part in ("https://example.org/net.pth", "12 MB", "metric.extractor.net.weights=PATH", "metric=none"):
        assert part in remedy
