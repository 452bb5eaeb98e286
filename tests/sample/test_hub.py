"""Generator folders on the Hugging Face Hub, read from a cache that is made here: nothing is downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from conftest import Result
from ganworks import load_generator
from ganworks.errors import GanworksError, SettingError
from ganworks.sample import hub
from ganworks.sample.hub import local_place

huggingface_hub = pytest.importorskip("huggingface_hub")
GENERATOR = Path(__file__).parents[1] / "fixtures" / "earlier" / "conditional_dcgan" / "generator"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The snapshot of me/digits in a cache of the hub's layout, and no network."""
    place = tmp_path / "hub" / "models--me--digits"
    snapshot = Path(shutil.copytree(GENERATOR, place / "snapshots" / COMMIT))
    for revision in ("main", "v1"):
        (place / "refs").mkdir(exist_ok=True)
        (place / "refs" / revision).write_text(COMMIT)
    for module in ("huggingface_hub.constants", "huggingface_hub._snapshot_download.constants"):
        monkeypatch.setattr(f"{module}.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(f"{module}.HF_HUB_OFFLINE", True)
    return snapshot


@pytest.mark.parametrize("address", ["hf://me/digits", "hf://me/digits@v1", f"hf://me/digits@{COMMIT}"])
def test_generator_of_the_hub_loads_from_the_cache(cached: Path, address: str) -> None:
    assert local_place(address) == cached
    assert torch.equal(load_generator(address).sample(3), load_generator(GENERATOR).sample(3))


def test_a_path_is_left_as_it_is() -> None:
    assert local_place("runs/hf") == Path("runs/hf")


def test_commands_take_the_address_where_they_take_a_run(
    cached: Path, ganworks: Callable[..., Result]
) -> None:
    assert ganworks("sample", "run=hf://me/digits", "num=4", "out=four.png").code == 0
    assert Path("four.png").is_file()


def test_what_the_cache_lacks_is_one_line(cached: Path) -> None:
    words = "hf://me/faces cannot be had: it is not in the cache, and HF_HUB_OFFLINE keeps from the network"
    with pytest.raises(GanworksError, match=words):
        load_generator("hf://me/faces")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RevisionNotFoundError", "it has no branch, tag or commit 'v9'."),
        ("RepositoryNotFoundError", "there is no such repository, or it is not open to you"),
        ("LocalEntryNotFoundError", "it is not in the cache, and the hub does not answer."),
        (None, "Name or service not known"),
    ],
)
def test_what_the_hub_refuses_is_said_in_its_own_words(
    name: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = OSError if name is None else getattr(huggingface_hub.errors, name)

    def refuse(*args: object, **kwargs: object) -> None:
        raise kind.__new__(kind, "Name or service not known")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(GanworksError, match=rf"hf://me/digits@v9 cannot be had: {words}"):
        load_generator("hf://me/digits@v9")


@pytest.mark.parametrize("address", ["hf://digits", "hf://me/digits@", "hf://me/digits/model.safetensors"])
def test_an_address_of_another_form_says_how_it_is_written(address: str) -> None:
    with pytest.raises(SettingError, match="hf://user/name@revision"):
        load_generator(address)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    with pytest.raises(GanworksError, match=r"pip install 'ganworks\[hub\]'"):
        load_generator("hf://me/digits")
