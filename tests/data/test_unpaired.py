"""Two domains: keyed, each at its own pace, resumable, the same for any number of ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganworks.data import Domains, GanDataModule, PrintedDigits
from ganworks.data.glyphs import TYPEFACES, draw_digits, glyphs
from ganworks.errors import GanworksError, SettingError
from ganworks.noise import keyed_rng


def write(
    folder: Path, num: int, size: tuple[int, int] = (12, 16), start: int = 0, channels: int = 1
) -> None:
    """Write images whose first row, and column, tell them apart, at full contrast."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(num):
        pixels = np.full((*size, 3), start + index, dtype=np.uint8)
        Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(folder / f"{index:03d}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Seven dark images and five bright ones to train on, three and two to measure with."""
    for name, num, start in (("trainA", 7, 0), ("trainB", 5, 100), ("testA", 3, 50), ("testB", 2, 200)):
        write(tmp_path / "data" / name, num, start=start)
    return tmp_path / "data"


def domains(root: Path | None, **kwargs: Any) -> Domains:
    settings: dict[str, Any] = {
        "batch_size": 2,
        "resolution": [12, 16],
        "channels": 1,
        "horizontal_flip": False,
    }
    return Domains(root, **{**settings, "cache": (root or Path("/")).parent / "cache", **kwargs})


def batches(data: GanDataModule, num: int) -> list[dict[str, Tensor]]:
    found: list[dict[str, Tensor]] = []
    while len(found) < num:
        found += list(data.train_dataloader() if data.loader is None else data.loader)
    return found[:num]


def numbers(images: Tensor) -> list[int]:
    """Return which files these images are."""
    return [round((float(value) + 1) * 127.5) for value in images.flatten(1)[:, 0]]


def test_each_domain_has_its_own_length_order_and_passes(root: Path) -> None:
    found = batches(domains(root), 21)
    sources = [number for batch in found for number in numbers(batch["source"])]
    reals = [number for batch in found for number in numbers(batch["real"])]
    for start in range(0, 36, 6):  # three batches of two are a pass over seven
        assert len(set(sources[start : start + 6])) == 6
    assert set(sources) == set(range(7))
    assert set(reals) == set(range(100, 105))
    assert sources[:6] != sources[6:12]
    again = batches(domains(root), 3)
    assert [numbers(batch["source"]) for batch in again] == [numbers(batch["source"]) for batch in found[:3]]
    other = batches(domains(root, seed=1), 3)
    assert [numbers(batch["source"]) for batch in other] != [numbers(batch["source"]) for batch in found[:3]]


def test_domains_of_equal_length_do_not_walk_in_step(tmp_path: Path) -> None:
    for name in "AB":
        write(tmp_path / "data" / name, 8)
    found = batches(domains(tmp_path / "data"), 16)
    assert any(numbers(batch["source"]) != numbers(batch["real"]) for batch in found)


@pytest.mark.parametrize("kind", ["domains", "printed"])
def test_a_loader_goes_on_where_it_stopped(kind: str, root: Path) -> None:
    def make() -> GanDataModule:
        if kind == "printed":
            return PrintedDigits(batch_size=100, num_classes=10)
        return domains(root, resolution=[8, 8], load_resolution=[12, 16], horizontal_flip=True)

    whole = batches(make(), 9)
    first = make()
    batches(first, 4)
    state = first.state_dict()
    position = state["loader"]["epoch"] * (8 if kind == "printed" else 2) + state["loader"]["batch"]
    resumed = make()
    resumed.load_state_dict(state)
    for number, batch in enumerate(batches(resumed, 9 - position), start=position):
        assert {name: rows.tolist() for name, rows in batch.items()} == {
            name: rows.tolist() for name, rows in whole[number].items()
        }


@pytest.mark.parametrize("kind", ["domains", "printed"])
def test_two_ranks_share_the_batches_of_one(kind: str, root: Path) -> None:
    def make(batch_size: int) -> GanDataModule:
        if kind == "printed":
            return PrintedDigits(batch_size=batch_size, num_classes=10)
        return domains(
            root, batch_size=batch_size, resolution=[8, 8], load_resolution=[12, 16], horizontal_flip=True
        )

    whole = batches(make(4), 3)
    for rank in (0, 1):
        with patch("ganworks.data.base._rank_and_world_size", return_value=(rank, 2)):
            share = batches(make(2), 3)
        for mine, every in zip(share, whole, strict=True):
            for name, rows in mine.items():
                assert torch.equal(rows, every[name][rank::2])


def test_crops_and_flips_are_drawn_for_each_domain_anew(tmp_path: Path) -> None:
    for name in "AB":
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for index in range(4):
            ramp = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
            Image.fromarray(ramp).save(folder / f"{index}.png")
    data = domains(
        tmp_path / "data", batch_size=4, resolution=8, load_resolution=[12, 16], horizontal_flip=True
    )
    corners: dict[str, list[int]] = {"real": [], "source": []}
    for batch in batches(data, 60):
        for name, places in corners.items():
            pixels = ((batch[name][:, 0] + 1) * 127.5).round()
            left = torch.minimum(pixels[:, 0, 0], pixels[:, 0, -1])
            assert (pixels[:, 1, 0] - pixels[:, 0, 0] == 16).all()  # rows of the file follow each other
            places += [
                int(value) * (1 if p[0, 0] < p[0, 1] else -1) for value, p in zip(left, pixels, strict=True)
            ]
    tops_and_lefts = {(abs(c) // 16, abs(c) % 16) for c in corners["real"]}
    assert tops_and_lefts == {(top, left) for top in range(5) for left in range(9)}
    assert 0.3 < sum(c < 0 for c in corners["real"]) / len(corners["real"]) < 0.7
    assert corners["real"] != corners["source"]


def test_the_test_folders_are_what_is_measured(root: Path) -> None:
    data = domains(root, load_resolution=[24, 32])
    assert sorted(numbers(torch.cat([b["real"] for b in data.reference_batches()]))) == [200, 201]
    drawn = data.draw_conditions(["source"], 6, seed=0)["source"]
    assert sorted(numbers(drawn)) == [50, 50, 51, 51, 52, 52]
    assert torch.equal(data.baselines(6, 0)["source"]["real"], drawn)
    assert data.training_data().example(1)["real"].shape == (1, 1, 12, 16)
    assert set(data.example()) == {"real", "source"}
    back = domains(root, direction="BtoA")
    assert sorted(numbers(torch.cat([b["real"] for b in back.reference_batches()]))) == [50, 51, 52]


def test_without_test_folders_the_training_images_are_measured(root: Path) -> None:
    data = domains(None, root_a=root / "trainA", root_b=root / "trainB")
    assert data.num_reals == 5
    assert sorted(numbers(data.draw_conditions(["source"], 7, 0)["source"])) == list(range(7))


def test_training_images_are_no_reference_of_their_own(root: Path, tmp_path: Path) -> None:
    assert domains(root).has_own_reference
    for name in "AB":
        write(tmp_path / "alone" / name, 8)
    data = domains(tmp_path / "alone")
    assert data.reference is not data.samples
    assert not data.has_own_reference


LAYOUTS = {
    "A/{split}": "A/train A/test B/train B/test",
    "{split}/A": "train/A test/A train/B test/B",
    "{split}A with val": "trainA valA trainB valB",
    "A/{split} with val": "A/train A/val B/train B/val",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_of_pairs_is_one_of_domains(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for start, folder in zip((0, 50, 100, 200), LAYOUTS[name].split(), strict=True):
        write(root / folder, 3, start=start)
    found = batches(domains(root), 8)
    assert {number for batch in found for number in numbers(batch["source"])} == {0, 1, 2}
    assert {number for batch in found for number in numbers(batch["real"])} == {100, 101, 102}
    data = domains(root)
    assert sorted(numbers(torch.cat([b["real"] for b in data.reference_batches()]))) == [200, 201, 202]
    assert sorted(numbers(data.draw_conditions(["source"], 3, 0)["source"])) == [50, 51, 52]


def test_the_splits_of_each_of_two_folders_are_used(tmp_path: Path) -> None:
    for start, folder in zip((0, 50, 100, 200), LAYOUTS["A/{split}"].split(), strict=True):
        write(tmp_path / folder, 3, start=start)
    data = domains(None, root_a=tmp_path / "A", root_b=tmp_path / "B", cache=tmp_path / "cache")
    assert sorted(numbers(torch.cat([b["real"] for b in data.reference_batches()]))) == [200, 201, 202]


@pytest.mark.parametrize(
    "folders", ["trainA trainB testA", "train/A train/B test/B", "A/train B/train A/val"]
)
def test_half_a_test_set_is_refused(folders: str, tmp_path: Path) -> None:
    for folder in folders.split():
        write(tmp_path / "data" / folder, 3)
    with pytest.raises(SettingError, match="is missing"):
        domains(tmp_path / "data").prepare_data()


def test_a_folder_of_one_domain_beside_the_root_is_refused(root: Path) -> None:
    for name in ("root_a", "root_b"):
        with pytest.raises(
            SettingError, match=rf"left out for root_a and root_b together; given: root=.*, {name}="
        ):
            domains(root, **{name: root / "trainA"}).prepare_data()
        with pytest.raises(SettingError, match="root=None"):
            domains(None, **{name: root / "trainA"}).prepare_data()


def test_too_few_sources_are_named_before_the_training(root: Path) -> None:
    data = domains(root, batch_size=4, direction="BtoA")
    data.check()
    for number in range(2, 5):
        (root / "trainB" / f"{number:03d}.png").unlink()
    with pytest.raises(SettingError, match=r"batch_size=4: must be at most 2: the sources in .*trainB are 2"):
        domains(root, batch_size=4, direction="BtoA").check()


def test_sources_of_the_reference_stay_bytes_until_they_are_read(root: Path) -> None:
    data = domains(root)
    fields = data.reference.read(torch.tensor([0, 1]))
    assert {values.dtype for values in fields.values()} == {torch.uint8}
    assert data.reference.sources is data.sources
    assert data.example(2)["source"].dtype == torch.float32


def test_few_sources_are_said_once_and_written_down(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = domains(root)
    for _ in range(2):
        data.draw_conditions(["source"], 1000, 0)
    assert caplog.text.count("1,000 translations of 3 sources") == 1
    assert data.describe()["num_reference_sources"] == 3


def test_crops_are_keyed_by_sample_and_epoch(root: Path) -> None:
    whole = batches(domains(root, resolution=[8, 8], load_resolution=[24, 32]), 12)
    single = batches(domains(root, resolution=[8, 8], load_resolution=[24, 32], batch_size=1), 20)

    def rows(found: list[dict[str, Tensor]], name: str) -> set[bytes]:
        return {row.numpy().tobytes() for batch in found for row in batch[name]}

    assert rows(whole[:2], "real") <= rows(single[:5], "real")  # one pass, in batches of two and of one


def test_domains_of_12_bits_have_one_range(tmp_path: Path) -> None:
    for name, high in (("A", 4000), ("B", 2000)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(2):
            values = np.linspace(0, high, 12 * 16).astype(np.uint16).reshape(12, 16)
            Image.fromarray(values).save(tmp_path / "data" / name / f"{number}.png")
    data = domains(tmp_path / "data")
    data.check()
    assert data.settled == {"value_range": [0, 4095]}
    assert (int(data.domain.values.max()), int(data.samples.values.max())) == (249, 125)
    assert domains(tmp_path / "data", value_range="dtype").settled == {}


def test_subfolders_of_equal_names_are_labels(tmp_path: Path) -> None:
    for name, start in (("A", 0), ("B", 100)):
        for place, label in enumerate(("cat", "dog")):
            write(tmp_path / "data" / name / label, 3, start=start + 10 * place)
    data = domains(tmp_path / "data", num_classes=2)
    for batch in batches(data, 6):
        assert [number % 100 // 10 for number in numbers(batch["real"])] == batch["label"].tolist()
        assert [number // 10 for number in numbers(batch["source"])] == batch["source_label"].tolist()
    (tmp_path / "data" / "A" / "dog").rename(tmp_path / "data" / "A" / "wolf")
    with pytest.raises(SettingError, match=r"num_classes=2: .*of the same names.*cat, wolf"):
        domains(tmp_path / "data", num_classes=2).prepare_data()


def test_what_is_wrong_with_two_domains_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="root"):
        domains(None).prepare_data()
    with pytest.raises(SettingError, match="root"):
        domains(root, root_a=root, root_b=root).prepare_data()
    with pytest.raises(SettingError, match=r"A and B, or trainA and trainB; in it: no folder"):
        domains(root / "testA").prepare_data()
    with pytest.raises(SettingError, match="load_resolution"):
        domains(root, load_resolution=8)
    with pytest.raises(SettingError, match="direction"):
        domains(root, direction="AtoC")
    with pytest.raises(SettingError, match="batch_size"):
        domains(root, batch_size=6).check()
    (root / "trainA" / "broken.png").write_bytes(b"no image")
    with pytest.raises(GanworksError, match=r"broken\.png cannot be read"):
        domains(root).prepare_data()


def test_printed_digits_are_a_function_of_their_key_and_new_in_every_batch() -> None:
    first, again = batches(PrintedDigits(), 30), batches(PrintedDigits(), 30)
    assert all(torch.equal(a["source"], b["source"]) for a, b in zip(first, again, strict=True))
    assert len({batch["source"].numpy().tobytes() for batch in first}) == 30
    assert set(first[0]) == {"real", "source"}
    assert not torch.equal(batches(PrintedDigits(seed=1), 1)[0]["source"], first[0]["source"])


def test_printed_digits_lie_in_the_range_and_show_their_class() -> None:
    images, label = draw_digits(500, keyed_rng(0))
    assert images.shape == (500, 1, 8, 8)
    assert float(images.min()) >= -1
    assert float(images.max()) <= 1
    # The nearest mean of a class, of other draws: far above the one in ten of the control.
    others, other_label = draw_digits(2000, keyed_rng(1))
    means = torch.stack([others[other_label == digit].mean(0) for digit in range(10)]).flatten(1)
    right = torch.cdist(images.flatten(1), means).argmin(1) == label
    assert right.float().mean() > 0.75
    assert (torch.cdist(images.flatten(1), means).argmin(1) == label.roll(1)).float().mean() < 0.2


def test_every_typeface_has_ten_digits_of_full_height() -> None:
    pictures = glyphs()
    assert pictures.shape[:2] == (len(TYPEFACES), 10)
    assert bool((pictures.amax(-1) > 0.2).all())  # ink in every row
    flat = pictures.flatten(2)
    assert all(len({digit.numpy().tobytes() for digit in face}) == 10 for face in flat)


def test_the_reference_was_not_trained_on_and_says_what_it_shows() -> None:
    data = PrintedDigits()
    seen = {image.numpy().tobytes() for image in data.samples.values}
    reference = torch.cat([batch["real"] for batch in data.reference_batches()])
    assert not seen & {image.numpy().tobytes() for image in reference}
    drawn = data.draw_conditions(["source", "digit", "real"], 50, seed=3)
    line = data.baselines(50, seed=3)["source"]
    assert torch.equal(drawn["source"], line["real"])
    assert torch.equal(drawn["digit"], line["digit"])
    alone = data.draw_conditions(["digit"], 50, seed=3)
    assert torch.equal(drawn["digit"], alone["digit"])


def test_labels_of_printed_digits_are_all_ten_or_none() -> None:
    assert set(batches(PrintedDigits(num_classes=10), 1)[0]) == {"real", "label", "source", "source_label"}
    with pytest.raises(SettingError, match="num_classes"):
        PrintedDigits(num_classes=5)
    with pytest.raises(SettingError, match="shape"):
        PrintedDigits(shape=(3, 8, 8))
