"""Tables of Hugging Face: where they lie, which column is what, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from ganworks.data import HuggingFace
from ganworks.errors import GanworksError, SettingError
from packs import names_of, to_table, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "images", num=6)


def opened(root: Path | None, **settings) -> HuggingFace:
    cache = Path("cache") if root is None else root.parent / "cache"
    data = HuggingFace(root, **{"batch_size": 1, "resolution": 8, "cache": cache, **settings})
    data.check()
    return data


def everything(data: HuggingFace) -> torch.Tensor:
    return data.samples.read(torch.arange(len(data.samples)))


def test_parts_of_a_repository_and_its_splits_are_read(folder: Path, tmp_path: Path) -> None:
    table, place = to_table(folder), tmp_path / "repository" / "data"
    place.mkdir(parents=True)
    for name, rows in (
        ("train-00000-of-00002", [0, 1]),
        ("train-00001-of-00002", [2, 3]),
        ("test-00000-of-00001", [4]),
    ):
        table.select(rows).to_parquet(place / f"{name}.parquet")
    data = opened(place.parent)
    assert data.samples.labels.tolist() == [0, 0, 1, 1]
    assert list(data.classes) == ["ant", "bee"]  # no image of a cat is trained on
    assert opened(place.parent, split="test").samples.labels.tolist() == [0]
    assert len(opened(place.parent, split="all").samples) == 5
    with pytest.raises(SettingError, match="Did you mean 'test'"):
        opened(place.parent, split="tst")


def test_saved_splits_are_read(folder: Path, tmp_path: Path) -> None:
    table = to_table(folder)
    datasets.DatasetDict({"train": table.select([3, 0]), "validation": table.select([1])}).save_to_disk(
        tmp_path / "saved"
    )
    assert opened(tmp_path / "saved").samples.labels.tolist() == [1, 0]


def test_table_of_bytes_that_another_program_wrote_is_read(folder: Path, tmp_path: Path) -> None:
    contents = [(folder / name).read_bytes() for name in names_of(folder)]
    rows = {"picture": pa.array(contents), "label": pa.array(["b", "b", "a", "a", "c", "c"])}
    pq.write_table(pa.table(rows), tmp_path / "own.parquet")
    data = opened(tmp_path / "own.parquet")
    expected = opened_saved(folder, tmp_path)
    assert torch.equal(everything(data), everything(expected))
    assert data.samples.labels.tolist() == [1, 1, 0, 0, 2, 2]
    assert list(data.classes) == ["a", "b", "c"]


def opened_saved(folder: Path, tmp_path: Path, **settings) -> HuggingFace:
    to_table(folder).save_to_disk(tmp_path / "plain")
    return opened(tmp_path / "plain", **settings)


def test_table_of_paths_is_read(folder: Path, tmp_path: Path) -> None:
    paths = {"image": [str(folder / name) for name in names_of(folder)]}
    datasets.Dataset.from_dict(paths, features=datasets.Features({"image": datasets.Image()})).save_to_disk(
        tmp_path / "paths"
    )
    data = opened(tmp_path / "paths", cache_limit_gb=0, num_workers=0)
    assert torch.equal(everything(data), everything(opened_saved(folder, tmp_path)))
    assert data.num_classes == 0


def test_columns_are_chosen_by_name(folder: Path, tmp_path: Path) -> None:
    table = to_table(folder)
    masks = datasets.Dataset.from_list(table.to_list()[::-1], features=table.features)
    masks = masks.rename_column("image", "mask").select_columns("mask")
    table = datasets.concatenate_datasets([table, masks], axis=1).add_column("fine", [5, 4, 3, 2, 1, 0])
    table.save_to_disk(tmp_path / "wide")
    with pytest.raises(SettingError, match="image=None: must be one of image, mask"):
        opened(tmp_path / "wide")
    plain = opened(tmp_path / "wide", image="image")
    turned = opened(tmp_path / "wide", image="mask", label_source="fine")
    assert torch.equal(everything(plain), everything(turned).flip(0))
    assert plain.fingerprint != turned.fingerprint
    assert turned.samples.labels.tolist() == [5, 4, 3, 2, 1, 0]
    with pytest.raises(SettingError, match="Did you mean 'mask'"):
        opened(tmp_path / "wide", image="masks")
    with pytest.raises(SettingError, match="Did you mean 'fine'"):
        opened(tmp_path / "wide", image="image", label_source="fin")


def test_rows_without_a_label_or_an_image_are_said(folder: Path, tmp_path: Path) -> None:
    table = to_table(folder).to_list()
    table[2]["label"], table[4]["image"] = -1, None
    features = to_table(folder).features
    datasets.Dataset.from_list(table, features=features).save_to_disk(tmp_path / "holes")
    with pytest.raises(GanworksError, match="1 of 6 images have no label, such as 'row 2'"):
        opened(tmp_path / "holes")
    data = opened(tmp_path / "holes", num_classes=0, max_corrupt=0.5)
    assert list(data.opened.files.names) == ["row 0", "row 1", "row 2", "row 3", "row 5"]


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (None, "hf download"),
        ("image", "Did you mean"),
        ("images", "FileNotFound|no rows|must be a data set|image"),
    ],
)
def test_places_without_a_table_are_refused(
    root: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=message):
        opened(None if root is None else tmp_path / root)


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(SettingError, match=r"x\.parquet: must be a data set of Hugging Face"):
        opened(tmp_path / "x.parquet")


def test_library_that_is_missing_is_named_with_its_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(GanworksError, match=r"data=hf needs datasets: pip install 'ganworks\[hf\]'"):
        opened(folder)
