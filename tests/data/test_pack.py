"""What `pack` writes is read back as the same samples, in every form."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Digits, Folder, GanDataModule, HuggingFace, Ring, WebDataset
from ganworks.data.__main__ import main
from ganworks.data.pack import check_out, write_pack
from ganworks.errors import SettingError
from ganworks.run.compose import compose
from ganworks.run.instantiate import make
from packs import write_folder

FORMS: dict[str, tuple[str, type[GanDataModule]]] = {
    "zip": ("out.zip", Folder),
    "shards": ("out", WebDataset),
    "parquet": ("out.parquet", HuggingFace),
}


def opened(module: type[GanDataModule], root: Path, **settings) -> GanDataModule:
    settings = {"batch_size": 1, "resolution": 8, "cache": root.parent / "cache", **settings}
    if module is Folder:
        settings = {"label_source": "auto", **settings}
    data = module(root, **settings)
    data.check()
    return data


def everything(data: GanDataModule) -> tuple[torch.Tensor, torch.Tensor | None]:
    return data.samples.read(torch.arange(len(data.samples))), data.samples.labels


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_samples_labels_and_their_order_come_back(form: str, keep: bool, tmp_path: Path) -> None:
    data = opened(Folder, write_folder(tmp_path / "images", num=13, size=(20, 16)))
    name, module = FORMS[form]
    assert write_pack(data, tmp_path / name, keep, shard=5) == 13
    images, labels = everything(opened(module, tmp_path / name))
    expected, numbers = everything(data)
    assert torch.equal(images, expected)
    assert torch.equal(labels, numbers)
    again = opened(module, tmp_path / name, resolution=16)
    is_bigger = torch.equal(
        everything(again)[0], everything(opened(Folder, tmp_path / "images", resolution=16))[0]
    )
    assert is_bigger == keep


def test_zip_has_the_layout_of_stylegan(tmp_path: Path) -> None:
    data = opened(Folder, write_folder(tmp_path / "images", num=4))
    write_pack(data, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as file:
        assert file.namelist() == [*(f"00000/img{index:08d}.png" for index in range(4)), "dataset.json"]
        assert {entry.compress_type for entry in file.infolist()[:4]} == {zipfile.ZIP_STORED}
        content = json.loads(file.read("dataset.json"))
        with Image.open(io.BytesIO(file.read("00000/img00000003.png"))) as image:
            assert np.array_equal(np.asarray(image), data.samples.read(torch.tensor([3]))[0].permute(1, 2, 0))
    assert content["labels"] == [
        [f"00000/img{index:08d}.png", label] for index, label in enumerate([0, 0, 1, 2])
    ]


def test_names_of_classes_come_back_from_a_table(tmp_path: Path) -> None:
    write_pack(opened(Folder, write_folder(tmp_path / "images")), tmp_path / "out.parquet")
    assert list(opened(HuggingFace, tmp_path / "out.parquet").classes) == ["ant", "bee", "cat"]


@pytest.mark.parametrize("form", FORMS)
def test_vectors_are_packed(form: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", num=6)
    rows = "".join(
        f"{path.relative_to(folder)},{i / 8},{-i}\n" for i, path in enumerate(sorted(folder.rglob("*.png")))
    )
    (folder / "labels.csv").write_text(f"path,x,y\n{rows}")
    data = opened(Folder, folder, label="vector")
    name, module = FORMS[form]
    write_pack(data, tmp_path / name)
    assert torch.equal(everything(opened(module, tmp_path / name, label="vector"))[1], data.samples.labels)


def test_bundled_images_are_packed_too(tmp_path: Path) -> None:
    data = Digits(batch_size=1)
    data.check()
    write_pack(data, tmp_path / "digits.zip")
    packed = opened(Folder, tmp_path / "digits.zip", channels=1)
    assert torch.equal(everything(packed)[1], data.reference.labels)
    first = next(iter(data.reference_batches(8)))["real"]
    assert (next(iter(packed.reference_batches(8)))["real"] - first).abs().max() < 1.1 / 255


@pytest.mark.parametrize("out", [None, "images", "out.tar", "out.png"])
def test_place_that_cannot_be_written_is_refused(out: str | None, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(SettingError, match="out="):
        check_out(out)


def test_nothing_stays_of_a_pack_that_failed(tmp_path: Path) -> None:
    data = Ring(batch_size=1)
    data.check()
    for name, _ in FORMS.values():
        with pytest.raises(SettingError, match="data=ring: must be images"):
            write_pack(data, tmp_path / name)
        with pytest.raises(SettingError, match="keep=True"):
            write_pack(data, tmp_path / name, keep=True)
    assert list(tmp_path.iterdir()) == []


def test_command_packs_and_says_how_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = write_folder(tmp_path / "images", num=5), tmp_path / "out.zip"
    settings = [
        f"data.root={folder}",
        "data.resolution=[8,16]",
        f"out={out}",
        f"paths.cache={tmp_path / 'cache'}",
    ]
    monkeypatch.setattr(sys, "argv", ["", "pack", "data=folder", *settings])
    main()
    assert f"5 images in {out}: python train.py data=folder data.root={out}" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: out={out}: must be")


def test_command_for_a_path_with_a_space_and_an_accent_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = write_folder(tmp_path / "my büilder", num=5), tmp_path / "my päck.zip"
    cache = f"paths.cache={tmp_path / 'cache'}"
    monkeypatch.setattr(sys, "argv", ["", "pack", f"data.root={folder}", f"out='{out}'", cache])
    with pytest.raises(SystemExit):
        main()
    told = f"""'data.root="{folder}"'."""
    assert told in capsys.readouterr().err  # what to type instead, and with it:
    root = shlex.split(told.rstrip("."))
    monkeypatch.setattr(sys, "argv", ["", "pack", *root, f"out='{out}'", cache])
    main()
    command = shlex.split(capsys.readouterr().out.split(": ", 1)[1])
    assert len(make("data", compose(command[2:]).data, cache=tmp_path / "cache", batch_size=1).samples) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pakc"], "there is no command 'pakc'; there are show, pack, encode. Did you mean 'pack'?"),
        (["show", "model.width=8"], "'model.width=8' is no setting of the data"),
        (["show", "data=foldr"], "data=foldr: must be one of"),
        (["show", "data=folder", "data.root=/nowhere"], "data.root=/nowhere: must be a folder that exists"),
        (["show", "data=ring"], "data=ring: must be a data set of images; this one has points"),
        (["show", "num=0"], "num=0: must be an integer from 1 up"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert message in capsys.readouterr().err
    assert list(tmp_path.glob("*.html")) == []


def documented() -> list[list[str]]:
    """Return the commands of docs/packed.md, without what starts them."""
    page = Path(__file__).parents[2] / "docs" / "packed.md"
    lines = re.findall(r"^python -m ganworks\.data (.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("arguments", documented(), ids=" ".join)
def test_documented_command_works(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_folder(tmp_path / "images", num=6)
    arguments = [argument.replace("FOLDER", str(folder)) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["", *arguments, "paths.cache=cache"])
    main()
    out = next((argument[4:] for argument in arguments if argument.startswith("out=")), "data.html")
    assert (tmp_path / out).exists()
