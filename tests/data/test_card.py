"""The data card: what it counts, what it remarks, and that its page shows what the loader gives."""

from __future__ import annotations

import re
import shutil
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganworks.data import Digits, DigitsSuperres, Folder, Ring, StackedDigits
from ganworks.data.__main__ import main
from ganworks.data.card.card import Card, look_at
from ganworks.data.card.page import remarks, sizes_said, write_page
from ganworks.data.samples import to_float
from ganworks.errors import SettingError
from packs import write_folder, write_zip


def folder_of(root: Path, **settings) -> Folder:
    settings = {"batch_size": 1, "resolution": 8, "label_source": "auto", "value_range": "auto", **settings}
    data = Folder(root, cache=root.parent / "cache", **settings)
    data.check()
    return data


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """24 images of 11 x 9 in three classes; one more copy, one gray, one turned, one small and two that are damaged."""
    root = write_folder(tmp_path / "images")
    shutil.copy(root / "ant" / "000.png", root / "bee" / "copy.png")
    Image.new("L", (30, 20), 7).save(root / "ant" / "gray.jpg")
    turned = Image.new("RGB", (40, 10))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(root / "ant" / "turned.jpg", exif=exif)
    Image.new("RGB", (4, 5), "red").save(root / "cat" / "small.png")
    (root / "cat" / "empty.png").write_bytes(b"")
    cut = root / "cat" / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    return root


def test_files_are_counted_by_size_mode_content_and_damage(root: Path) -> None:
    card = look_at(folder_of(root, max_corrupt=0.5), 4)
    facts = card.facts
    assert facts is not None
    assert (facts.num, card.num) == (30, 28)
    assert facts.sizes == {(11, 9): 25, (20, 30): 1, (40, 10): 1, (5, 4): 1}
    assert facts.modes == {"PNG RGB": 26, "JPEG L": 1, "JPEG RGB": 1}
    assert sorted(facts.corrupt) == ["cat/cut.png", "cat/empty.png"]
    assert "truncated" in facts.corrupt["cat/cut.png"]
    assert facts.copies == [["ant/000.png", "bee/copy.png"]]
    assert (facts.num_copies, card.num_copies) == (1, 1)
    assert card.classes == [("ant", 10), ("bee", 9), ("cat", 9)]
    assert "25 of 11 x 9" in sizes_said(card)


def test_what_a_person_should_know_is_remarked(root: Path) -> None:
    said = " ".join(remarks(look_at(folder_of(root, max_corrupt=0.5), 4)))
    for part in (
        "cannot be read, and are left out: 2 of 30",
        "too few pixels for 8 x 8, which are enlarged and so blurred: 1 of 30",
        "exact copies of others, and so are seen more often: 1 of 30",
    ):
        assert part in said
    assert "augment=ada" in said
    assert "uneven" not in said
    for path in list((root / "bee").iterdir()):
        path.unlink()
    shutil.copy(root / "ant" / "003.png", root / "bee" / "one.png")
    uneven = " ".join(remarks(look_at(folder_of(root, max_corrupt=0.5, num_train=8), 4)))
    assert "the smallest, bee, has 1, and the largest 10" in uneven


def test_values_that_leave_most_of_the_range_empty_are_remarked(tmp_path: Path) -> None:
    (tmp_path / "dark").mkdir()
    for index in range(4):
        image = np.full((8, 8), 1000 + index, dtype=np.uint16)
        Image.fromarray(image).save(tmp_path / "dark" / f"{index}.png")
    card = look_at(folder_of(tmp_path / "dark", value_range=[0, 65535]), 2)
    assert any("data.value_range" in text for text in remarks(card))
    assert not any("data.value_range" in text for text in remarks(look_at(folder_of(tmp_path / "dark"), 2)))


def test_samples_are_those_of_the_first_batch_of_a_training(root: Path) -> None:
    settings = {"horizontal_flip": True, "max_corrupt": 0.5}
    card = look_at(folder_of(root, **settings), 12)
    batch = next(iter(folder_of(root, batch_size=12, **settings).train_dataloader()))
    assert torch.equal(card.seen["real"], batch["real"])
    assert [card.class_of(row) for row in range(12)] == [
        ["ant", "bee", "cat"][label] for label in batch["label"]
    ]
    plain = next(iter(folder_of(root, batch_size=12, max_corrupt=0.5).train_dataloader()))
    assert not torch.equal(card.seen["real"], plain["real"])  # control: mirrored


def pictures(page: str) -> list[torch.Tensor]:
    """Return the pictures in the part of a page that shows what the networks see, uint8 (3, H, W)."""
    part = page.partition('id="seen"')[2].partition("</section>")[0]
    found = [Image.open(BytesIO(b64decode(text))) for text in re.findall(r"base64,([^\"]+)", part)]
    return [torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1) for image in found]


def test_page_shows_the_samples_as_they_are(root: Path, tmp_path: Path) -> None:
    card = look_at(folder_of(root, max_corrupt=0.5), 6)
    page = write_page(card, tmp_path / "out" / "data.html", "data=folder").read_text(encoding="utf-8")
    shown = pictures(page)
    assert len(shown) == 6
    for picture, sample in zip(shown, card.seen["real"], strict=True):
        assert (to_float(picture) - sample).abs().max() < 1e-6
    for text in ("cat/cut.png", "bee/copy.png", "data=folder", "28", "From file to sample"):
        assert text in page
    assert "<script>alert" not in page


def test_names_cannot_change_the_page(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "images", num=6)
    (root / "ant").rename(root / "<b>ant<b>")
    page = write_page(look_at(folder_of(root), 6), tmp_path / "data.html", "x").read_text(encoding="utf-8")
    assert "&lt;b&gt;ant" in page
    assert "<b>ant" not in page


def test_images_of_all_kinds_have_a_card(tmp_path: Path) -> None:
    cards: list[Card] = []
    for data in (Digits(batch_size=1), StackedDigits(batch_size=1), DigitsSuperres(batch_size=1)):
        data.check()
        cards.append(look_at(data, 5))
        write_page(cards[-1], tmp_path / f"{data.name}.html", "x")
    assert [card.facts for card in cards] == [None] * 3
    assert set(cards[2].seen) >= {"real", "source"}
    zipped = look_at(folder_of(write_zip(write_folder(tmp_path / "images", num=6))), 3)
    assert zipped.facts is not None
    assert zipped.facts.sizes == {(11, 9): 6}
    large = look_at(folder_of(tmp_path / "images", cache_limit_gb=0, num_workers=0), 3)
    assert large.num_copies is None
    with pytest.raises(SettingError, match="data=ring"):
        look_at(Ring(batch_size=1))


def test_command_prints_the_facts_and_writes_the_page(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [f"data.root={root}", "data.max_corrupt=0.5", f"paths.cache={tmp_path / 'cache'}"]
    monkeypatch.setattr(sys, "argv", ["", "show", "data=folder", *settings, f"out={tmp_path / 'page.html'}"])
    main()
    said = capsys.readouterr().out
    for text in ("28", "3 classes", "25 of 11 x 9", "cat/cut.png", "page.html"):
        assert text in said
    assert (tmp_path / "page.html").exists()
