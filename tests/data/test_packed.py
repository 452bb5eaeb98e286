"""The same images as a folder, a zip file, shards and tables are the same data: order, draws, labels, weights."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganworks.data import Folder, GanDataModule, HuggingFace, WebDataset
from ganworks.data import on_the_fly as flying_module
from ganworks.data.order import KeyedOrder
from packs import write_folder, write_parquet, write_saved, write_shards, write_zip
from running import checkpoint, differences, train, train_on

WRITERS: dict[str, tuple[type[GanDataModule], Callable[[Path], Path]]] = {
    "zip": (Folder, write_zip),
    "shards": (WebDataset, write_shards),
    "parquet": (HuggingFace, write_parquet),
    "saved": (HuggingFace, write_saved),
}
OPTIONS = {Folder: "folder", WebDataset: "webdataset", HuggingFace: "hf"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[type[GanDataModule], Path]]:
    """The classes that read each form of the same images, and where it lies."""
    folder = write_folder(tmp_path_factory.mktemp("packs") / "images")
    return {"folder": (Folder, folder)} | {
        name: (module, write(folder)) for name, (module, write) in WRITERS.items()
    }


def opened(place: tuple[type[GanDataModule], Path], cache: Path, **settings) -> GanDataModule:
    module, root = place
    settings = {"batch_size": 5, "resolution": 8, "horizontal_flip": True, "cache": cache, **settings}
    if module is Folder:
        settings = {"label_source": "auto", "value_range": "auto", "changed": "error", **settings}
    data = module(root, **settings)
    data.check()
    return data


def batches(data: GanDataModule, num: int = 6) -> list[dict[str, Tensor]]:
    loader = data.train_dataloader()
    endless = itertools.chain.from_iterable(itertools.repeat(loader))
    return list(itertools.islice(endless, num))  # no more: the position counts what was handed out


def equal(first: list[dict[str, Tensor]], second: list[dict[str, Tensor]]) -> bool:
    return all(
        a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("settings", [{}, {"cache_limit_gb": 0, "num_workers": 0}, {"num_train": 10}])
@pytest.mark.parametrize("form", WRITERS)
def test_batches_are_those_of_the_folder(places: dict, form: str, settings: dict, tmp_path: Path) -> None:
    ours, theirs = (opened(places[name], tmp_path, **settings) for name in (form, "folder"))
    assert equal(batches(ours), batches(theirs))
    assert not equal(batches(opened(places[form], tmp_path, seed=1, **settings)), batches(theirs))  # control


@pytest.mark.parametrize("form", WRITERS)
def test_workers_give_the_same_batches_and_resume_in_the_middle_of_an_epoch(
    places: dict, form: str, tmp_path: Path
) -> None:
    settings = {"cache_limit_gb": 0, "num_train": 20}
    whole = batches(opened(places[form], tmp_path, num_workers=0, **settings), 9)
    first = opened(places[form], tmp_path, num_workers=2, **settings)
    begun = batches(first, 2)
    state = first.state_dict()
    second = opened(places[form], tmp_path, num_workers=1, **settings)
    second.check_same(state)
    second.load_state_dict(state)
    assert equal([*begun, *batches(second, 7)], whole)


@pytest.mark.parametrize("form", WRITERS)
def test_ranks_share_a_batch(places: dict, form: str, tmp_path: Path) -> None:
    data = opened(places[form], tmp_path, batch_size=6, cache_limit_gb=0, num_workers=0)
    (whole,) = batches(data, 1)
    parts = [
        next(iter(data.make_loader(KeyedOrder(len(data.samples), 3, 0, rank, 2), passes=1)))
        for rank in range(2)
    ]
    for rank, part in enumerate(parts):
        assert equal([part], [{name: values[rank::2] for name, values in whole.items()}])


@pytest.mark.parametrize("form", WRITERS)
def test_reference_of_the_metrics_and_what_is_said_are_those_of_the_folder(
    places: dict, form: str, tmp_path: Path
) -> None:
    ours, theirs = (opened(places[name], tmp_path, num_train=8) for name in (form, "folder"))
    assert equal(list(ours.reference_batches()), list(theirs.reference_batches()))
    assert ours.num_reals == 24
    assert len(ours.fingerprint) == len(theirs.fingerprint)
    own = {"name", "root", "classes"}
    said, expected = ours.describe(), theirs.describe()
    assert {name: said[name] for name in said.keys() - own} == {
        name: expected[name] for name in expected.keys() - own
    }
    assert list(ours.classes) in ([], ["ant", "bee", "cat"])


@pytest.mark.parametrize("form", WRITERS)
def test_files_reach_a_process_that_does_not_share_memory(places: dict, form: str, tmp_path: Path) -> None:
    data = opened(places[form], tmp_path, cache_limit_gb=0)
    sent = pickle.loads(pickle.dumps(data.files))
    assert [sent.path(i).read_bytes() for i in (0, 23)] == [data.files.path(i).read_bytes() for i in (0, 23)]
    assert sent.only([3, 5]).fingerprint() == data.files.only([3, 5]).fingerprint() != sent.fingerprint()


@pytest.mark.parametrize("form", ["zip", "shards", "saved"])
def test_a_damaged_image_is_named_and_skipped(form: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images")
    (folder / "bee" / "004.png").write_bytes(b"no image")
    module, write = WRITERS[form]
    data = opened((module, write(folder)), tmp_path / "cache")
    assert len(data.samples) == 23
    assert data.describe()["num_skipped"] == 1
    assert data.samples.labels.bincount().tolist() == [8, 7, 8]


def test_on_the_fly_a_damaged_image_is_replaced_also_where_few_are_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_folder(tmp_path / "images", size=(40, 40))
    path = folder / "bee" / "004.png"
    path.write_bytes(path.read_bytes()[:3000])
    monkeypatch.setattr("ganworks.data.survey.NUM_TRIED", 0)
    said: list[str] = []
    monkeypatch.setattr(flying_module.log, "warning", lambda text, *values: said.append(text % values))
    data = opened(
        (WebDataset, write_shards(folder)), tmp_path / "cache", cache_limit_gb=0, num_train=24, num_workers=1
    )
    batches(data, 12)
    assert data.describe()["num_replaced"] == 1
    assert "bee/004.png" in said[0]


@pytest.mark.parametrize("form", ["shards", "saved"])
def test_other_images_than_those_of_the_run_are_noticed(places: dict, form: str, tmp_path: Path) -> None:
    state = opened(places[form], tmp_path).state_dict()
    folder = write_folder(tmp_path / "images", num=21)
    module, write = WRITERS[form]
    other = opened((module, write(folder)), tmp_path)
    with pytest.raises(ValueError, match="changed=error: must be accept"):
        other.check_same(state)


def settings_of(place: tuple[type[GanDataModule], Path], cache: Path) -> list[str]:
    module, root = place
    return [
        *(f"data={OPTIONS[module]}", f"data.root={root}", f"paths.cache={cache}"),
        *("data.resolution=8", "data.batch_size=4", "data.horizontal_flip=true", "num_images=24"),
        *("model=mlp", "model.conditional=true", "data.num_workers=1", "data.cache_limit_gb=0"),
        *("trainer.log_every_n_steps=3", "num_threads=1", "~callback.report", "callback.doctor=null"),
        "callback.checkpoint.every_images=8",
    ]


@pytest.fixture(scope="module")
def weights_of_folder(places: dict, tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("trained")
    train(folder / "run", *settings_of(places["folder"], folder / "cache"))
    return checkpoint(folder / "run")["state_dict"]


@pytest.mark.parametrize("form", WRITERS)
def test_training_on_each_form_also_with_a_resume_ends_in_the_same_weights_to_the_bit(
    places: dict, form: str, tmp_path: Path, weights_of_folder: dict
) -> None:
    breaks = "+callback.breaks={_target_: running.RaiseAt, images: 12, rank: 0}"
    with pytest.raises(ArithmeticError):  # in the middle of the first epoch
        train(tmp_path / "run", *settings_of(places[form], tmp_path / "cache"), breaks)
    assert differences(checkpoint(tmp_path / "run")["state_dict"], weights_of_folder) != []  # control
    train_on(tmp_path / "run", "callback.breaks.images=1000000")
    assert differences(checkpoint(tmp_path / "run")["state_dict"], weights_of_folder) == []
    assert any(values.is_floating_point() for values in weights_of_folder.values())
