"""Labels of a folder: from a file beside the images or from its subfolders, of every form, and their faults."""

import csv
import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from ganworks.data import Folder, GanDataModule, TensorSamples
from ganworks.data import labels as labels_module
from ganworks.data.files import ImageFiles
from ganworks.errors import GanworksError, SettingError
from running import compose

NUM = 6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six images whose gray level is their number, in two folders of storage."""
    for level in range(NUM):
        path = tmp_path / "images" / f"0000{level // 3}" / f"{level}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), level, dtype=np.uint8)).save(path)
    return tmp_path / "images"


NAMES = [f"0000{level // 3}/{level}.png" for level in range(NUM)]


def write(root: Path, labels: dict | list, name: str = "labels.json") -> Path:
    (root / name).write_text(json.dumps(labels))
    return root


def write_csv(root: Path, header: list[str], rows: list[list], **settings) -> Path:
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file, **settings).writerows([header, *rows])
    return root


def by_path(labels: list) -> dict:
    return dict(zip(NAMES, labels, strict=True))


def folder(root: Path, **settings) -> Folder:
    defaults = {"batch_size": 3, "resolution": 8, "channels": 1, "label_source": "auto"}
    return Folder(root, cache=root.parent / "cache", **{**defaults, **settings})


def labels_of(data: Folder) -> list:
    """The labels of the images 0 to 5, as they come in the batches of training."""
    data.check()
    found: dict[int, object] = {}
    for batch in data.train_dataloader():
        for image, label in zip(batch["real"], batch["label"], strict=True):
            found[round((image[0, 0, 0].item() + 1) * 127.5)] = label.tolist()
    return [found[level] for level in range(NUM)]


def kinds(data: Folder) -> tuple[str, int, tuple[str, ...]]:
    return data.label_kind, data.num_classes, tuple(data.classes)


CLASSES = ["cat", "dog", "cat", "eel", "dog", "cat"]
BINARY = [[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 0]]
VECTORS = [[0.5, -1.0], [2.0, 0.0], [0.0, 0.25], [1.0, 1.0], [-0.5, 3.0], [0.0, 0.0]]


def test_names_in_a_csv_are_classes_whatever_the_order_of_the_rows(root: Path) -> None:
    rows = [[name, label] for name, label in zip(NAMES, CLASSES, strict=True)]
    data = folder(write_csv(root, ["file", "label"], rows[::-1]))
    assert labels_of(data) == [0, 1, 0, 2, 1, 0]
    assert kinds(data) == ("class", 3, ("cat", "dog", "eel"))
    (batch,) = data.reference_batches()
    assert batch["label"].dtype == torch.int64


def test_numbers_in_a_csv_are_classes_up_to_the_highest(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [[name, label] for name, label in zip(NAMES, [0, 1, 0, 3, 1, 0], strict=True)]
    data = folder(write_csv(root, ["path", "label"], rows))
    assert labels_of(data) == [0, 1, 0, 3, 1, 0]
    assert kinds(data) == ("class", 4, ())
    assert "1 of the classes 0 to 3 have no image" in caplog.text


def test_columns_of_zero_and_one_are_several_classes_with_the_names_of_the_columns(root: Path) -> None:
    rows = [[name, *label] for name, label in zip(NAMES, BINARY, strict=True)]
    data = folder(write_csv(root, ["path", "old", "smiling", "young"], rows))
    assert labels_of(data) == BINARY
    assert kinds(data) == ("multi", 3, ("old", "smiling", "young"))


def test_columns_of_other_numbers_are_vectors(root: Path) -> None:
    rows = [[name, *label] for name, label in zip(NAMES, VECTORS, strict=True)]
    data = folder(write_csv(root, ["path", "yaw", "pitch"], rows, delimiter=";"))
    assert labels_of(data) == VECTORS
    assert kinds(data) == ("vector", 2, ())


@pytest.mark.parametrize(
    ("labels", "kind", "expected", "said"),
    [
        (CLASSES, None, [0, 1, 0, 2, 1, 0], ("class", 3, ("cat", "dog", "eel"))),
        ([0, 1, 0, 2, 1, 0], None, [0, 1, 0, 2, 1, 0], ("class", 3, ())),
        ([0.5, 1, 0, 2, 1, 0], None, [[0.5], [1], [0], [2], [1], [0]], ("vector", 1, ())),
        ([0, 1, 0, 2, 1, 0], "vector", [[0], [1], [0], [2], [1], [0]], ("vector", 1, ())),
        ([0, 1, 0, 1, 1, 0], "multi", [[0], [1], [0], [1], [1], [0]], ("multi", 1, ())),
        (BINARY, None, BINARY, ("multi", 3, ())),
        (BINARY, "vector", BINARY, ("vector", 3, ())),
        (VECTORS, None, VECTORS, ("vector", 2, ())),
        ([["b"], "a", [], ["b", "a"], ["a"], "b"], None, [[0, 1], [1, 0], [0, 0], [1, 1], [1, 0], [0, 1]],
         ("multi", 2, ("a", "b"))),
        (["b", "a", "a", "a", "a", "b"], "multi", [[0, 1], *[[1, 0]] * 4, [0, 1]], ("multi", 2, ("a", "b"))),
        ([3, "x", 12, 3, "x", 3], "class", [0, 2, 1, 0, 2, 0], ("class", 3, ("3", "12", "x"))),
    ],
)  # fmt: skip
def test_labels_in_json_are_what_they_look_like_or_what_is_asked_for(
    root: Path, labels: list, kind: str | None, expected: list, said: tuple
) -> None:
    data = folder(write(root, by_path(labels)), label=kind)
    assert labels_of(data) == expected
    assert kinds(data) == said


def test_dataset_json_of_stylegan_labels_and_its_folders_are_storage(root: Path) -> None:
    entries = [[name, level % 2] for level, name in enumerate(NAMES)]
    data = folder(write(root, {"labels": entries}, "dataset.json"))
    assert labels_of(data) == [0, 1, 0, 1, 0, 1]
    assert kinds(data) == ("class", 2, ())
    entries = [[name, label] for name, label in zip(NAMES, VECTORS, strict=True)]
    assert labels_of(folder(write(root, {"labels": entries}, "dataset.json"))) == VECTORS
    data = folder(write(root, {"labels": None}, "dataset.json"))
    data.check()
    assert kinds(data) == ("none", 0, ())


def test_a_dataset_json_of_something_else_is_passed_over_with_a_word(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = folder(write(root, {"images": [], "info": {}}, "dataset.json"))
    assert labels_of(data) == [0, 0, 0, 1, 1, 1]
    assert "dataset.json" in caplog.text


def test_labels_stay_with_their_images_when_a_file_is_corrupt(root: Path) -> None:
    write(root, by_path(VECTORS))
    (root / NAMES[1]).write_bytes(b"")
    data = folder(root, max_corrupt=0.5, batch_size=5)
    data.check()
    (batch,) = data.reference_batches()
    level = ((batch["real"][:, 0, 0, 0] + 1) * 127.5).round().long()
    assert torch.equal(batch["label"], torch.tensor(VECTORS)[level])
    assert len(level) == 5


@pytest.mark.parametrize("num_workers", [0, 2])
def test_vectors_of_images_decoded_on_the_fly_are_those_of_the_cache(root: Path, num_workers: int) -> None:
    write(root, by_path(VECTORS))
    data = folder(root, cache_limit_gb=0, num_workers=num_workers)
    assert labels_of(data) == VECTORS


def test_drawn_conditions_and_batches_of_two_ranks_hold_the_labels_of_real_images(root: Path) -> None:
    data = folder(write(root, by_path(VECTORS)), batch_size=1)
    drawn = data.draw_conditions(("label",), 2 * NUM, seed=1)["label"]
    assert sorted(drawn.tolist()) == sorted(2 * VECTORS)
    orders = [data._order().__class__(NUM, 1, seed=0, rank=rank, world_size=2) for rank in range(2)]
    for order in orders:
        for batch in data.make_loader(order, passes=1):
            level = round((batch["real"][0, 0, 0, 0].item() + 1) * 127.5)
            assert batch["label"][0].tolist() == VECTORS[level]


def test_zero_classes_leave_the_label_file_unread(root: Path) -> None:
    (root / "labels.csv").write_text("not a label file")
    data = folder(root, num_classes=0)
    data.check()
    assert kinds(data) == ("none", 0, ())
    assert data.samples.labels is None


def test_number_of_classes_must_be_that_of_the_labels(root: Path) -> None:
    write(root, by_path(VECTORS))
    folder(root, num_classes=2).check()
    with pytest.raises(
        SettingError, match=r"num_classes=3: must be 2 \(the numbers a label of this data set\)"
    ):
        folder(root, num_classes=3).check()
    write(root, by_path(CLASSES))
    with pytest.raises(SettingError, match=r"num_classes=2: must be 3 \(the classes of this data set\)"):
        folder(root, num_classes=2).check()


def test_windows_paths_and_a_leading_dot_name_the_same_images(root: Path) -> None:
    rows = [[f".\\{name}".replace("/", "\\"), label] for name, label in zip(NAMES, CLASSES, strict=True)]
    assert labels_of(folder(write_csv(root, ["path", "label"], rows))) == [0, 1, 0, 2, 1, 0]


def test_changed_labels_change_the_fingerprint_and_the_images_are_not_decoded_again(root: Path) -> None:
    plain = folder(root, label_source="folders_as_text")
    assert folder(root).fingerprint == plain.fingerprint  # two folders are in the same order as text
    found = {plain.fingerprint}
    for labels in (CLASSES, CLASSES[::-1], BINARY):
        data = folder(write(root, by_path(labels)))
        data.check()
        found.add(data.fingerprint)
    assert len(found) == 4
    assert len(list((root.parent / "cache").glob("images-*/"))) == 1


def test_files_that_a_subclass_lists_with_their_classes_need_say_no_more(root: Path) -> None:
    files = ImageFiles(root, NAMES, [0, 1, 0, 1, 0, 1], ["cat", "dog"])
    assert (files.label_kind, files.num_classes) == ("class", 2)
    assert torch.equal(files.only([1, 2]).labels, torch.tensor([1, 0]))
    assert ImageFiles(root, NAMES, ()).label_kind == ImageFiles(root, NAMES).label_kind == "none"


def numbered_folders(root: Path) -> Path:
    for number in range(12):
        (root / str(number)).mkdir(parents=True)
        Image.new("L", (8, 8), number).save(root / str(number) / "0.png")
    return root


def test_class_folders_are_in_natural_order_and_those_of_earlier_runs_in_the_order_of_text(
    tmp_path: Path,
) -> None:
    root = numbered_folders(tmp_path / "numbers")
    config = compose("data=folder", f"data.root={root}", "data.resolution=8", "data.batch_size=4")
    new = OmegaConf.to_container(config, resolve=True)["data"]
    old = {name: value for name, value in new.items() if name not in ("label", "label_source")}
    data, earlier = instantiate(new), instantiate(old)
    for each in (data, earlier):
        each.check()
    assert list(data.classes) == [str(number) for number in range(12)]
    assert list(earlier.classes) == sorted(map(str, range(12)))
    assert data.fingerprint != earlier.fingerprint
    assert list(instantiate({**old, "label_source": "folders"}).files.classes) == list(data.classes)


def test_a_label_file_beside_the_folders_of_an_earlier_run_does_not_change_its_classes(root: Path) -> None:
    write(root, {"labels": [[name, 0] for name in NAMES]}, "dataset.json")
    earlier = Folder(root, cache=root.parent / "cache", batch_size=3, resolution=8)
    earlier.check()
    assert kinds(earlier) == ("class", 2, ("00000", "00001"))


def test_a_source_can_be_named_where_there_are_several(root: Path) -> None:
    write(root, by_path(VECTORS))
    write(root, {"labels": [[name, 0] for name in NAMES]}, "dataset.json")
    with pytest.raises(
        SettingError, match=r"label_source=auto: must be one of them .*labels.json and dataset.json"
    ):
        folder(root).check()
    assert labels_of(folder(root, label_source="dataset.json")) == [0] * NUM
    assert labels_of(folder(root, label_source="folders")) == [0, 0, 0, 1, 1, 1]
    with pytest.raises(SettingError, match=r"label_source=label.json: .* Did you mean 'labels.json'"):
        folder(root, label_source="label.json").check()


FAULTS = {
    "no such image": (by_path(CLASSES) | {"00001/9.png": "cat"}, ["entry 6", "'00001/9.png'", "did you mean"]),
    "image in another folder": (by_path(CLASSES) | {"x/5.png": "cat"}, ["entry 6", "did you mean '00001/5.png'"]),
    "no label": (by_path([*CLASSES[:5], ""]), ["entry 5", "must be a class, a number", "not ''"]),
    "null": (by_path([*CLASSES[:5], None]), ["entry 5", "not None"]),
    "object": (by_path([*CLASSES[:5], {"a": 1}]), ["entry 5", "must be a class, a number"]),
    "mixed list": (by_path([*BINARY[:5], [0, "cat", 1]]), ["entry 5", "[0, 'cat', 1]"]),
    "name among numbers": (by_path([0, 1, "two", 0, 1, 2]), ["entry 2", "'two'", "0 at entry 0", "data.label=class"]),
    "width": (by_path([*VECTORS[:5], [1, 2, 3]]), ["entry 5", "has 3 numbers", "entry 0 has 2"]),
    "not finite": (by_path([*VECTORS[:5], [1, float("nan")]]), ["entry 5", "finite", "nan"]),
    "too large": (by_path([*VECTORS[:5], [1, 1e300]]), ["entry 5", "finite"]),
    "negative class": (by_path([0, 1, -1, 0, 1, 2]), ["entry 2", "-1", "an integer from 0 up"]),
    "no object": ([1, 2], ['must hold {"path": label']),
    "entry of dataset.json": ({"labels": [["a.png"]]}, ["entry 0", '["path", label]']),
    "nothing named": (by_path([[]] * NUM), ["none of its labels names a class"]),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_a_json_file_is_named_with_file_and_entry(root: Path, fault: str) -> None:
    labels, parts = FAULTS[fault]
    with pytest.raises(GanworksError) as error:
        folder(write(root, labels)).check()
    for part in (str(root / "labels.json"), *parts):
        assert part in str(error.value)


def test_images_without_a_row_are_counted_and_one_is_named(root: Path) -> None:
    with pytest.raises(GanworksError, match=r"labels.json: 2 of 6 images have no row, such as '00000/0.png'"):
        folder(write(root, dict.fromkeys(NAMES[1:5], "cat"))).check()


def test_a_path_that_comes_twice_is_an_error(root: Path) -> None:
    (root / "labels.json").write_text(json.dumps(by_path(CLASSES))[:-1] + f', "{NAMES[0]}": "dog"}}')
    with pytest.raises(GanworksError, match=r"entry 6: '00000/0.png' has a label already, at entry 0"):
        folder(root).check()


LINES = {
    "": ["line 1", "must be a header"],
    "path\n00000/0.png": ["line 1", "must be a header"],
    "00000/0.png,cat\n00000/1.png,dog": ["line 1", "must be a header"],
    "path,label\n00000/0.png,cat,dog": ["line 2", "3 cells", "the header has 2"],
    "path,label\n00000/0.png,cat\n00000/1.png,": ["line 3", "label='' must be a class or a number"],
    "path,a,b\n00000/0.png,1,2\n\n00000/1.png,1,x": ["line 4", "b='x' must be a number"],
    "path,a,b\n00000/0.png,1,nan": ["line 2", "b='nan' must be a number"],
}


@pytest.mark.parametrize("text", LINES)
def test_fault_of_a_csv_file_is_named_with_file_and_line(root: Path, text: str) -> None:
    (root / "labels.csv").write_text(text)
    with pytest.raises(GanworksError) as error:
        folder(root).check()
    for part in (str(root / "labels.csv"), *LINES[text]):
        assert part in str(error.value)


def test_a_file_that_cannot_be_read_is_named(root: Path) -> None:
    (root / "labels.json").write_text('{"a": ')
    with pytest.raises(GanworksError, match=r"labels.json can't be read"):
        folder(root).check()
    (root / "labels.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GanworksError, match=r"labels.json can't be read"):
        folder(root).check()


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (CLASSES, "clas", r"label=clas: must be one of class, multi, vector. Did you mean 'class'"),
        (CLASSES, "vector", r"entry 0: 'cat' is no number, and data.label=vector"),
        ([["cat"]] * NUM, "class", r"entry 0: \['cat'\] is a list, and data.label=class"),
        (VECTORS, "class", r"label=class: must be multi, vector or null: .*labels.json have 2 numbers each"),
        (VECTORS, "multi", r"entry 0: every number must be 0 or 1"),
        ([0.5] * NUM, "class", r"entry 0: the class 0.5 must be an integer from 0 up"),
    ],
)
def test_kind_of_label_that_the_file_does_not_have_is_an_error(
    root: Path, labels: list, kind: str, message: str
) -> None:
    with pytest.raises(GanworksError, match=message):
        folder(write(root, by_path(labels)), label=kind).check()


def test_kind_of_label_that_subfolders_do_not_have_is_an_error(root: Path) -> None:
    folder(root, label="class").check()
    with pytest.raises(
        SettingError, match=r"label=vector: must be class or null for .*subfolders are classes"
    ):
        folder(root, label="vector").check()
    with pytest.raises(SettingError, match=r"label=class: must be null for .*00000: it has no labels"):
        folder(root / "00000", label="class").check()


def test_an_image_beside_class_folders_is_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        folder(root).check()
        assert "no classes" not in caplog.text
        (root / NAMES[0]).rename(root / "preview.png")
        data = folder(root)
        data.check()
    assert data.num_classes == 0
    assert (
        "the subfolders are no classes, as 1 of 6 images lie beside them, such as preview.png" in caplog.text
    )


@pytest.mark.parametrize(("scale", "is_said"), [(1.0, False), (100.0, True), (0.01, True)])
def test_vectors_of_an_unusual_length_are_said(
    root: Path, scale: float, is_said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        folder(write(root, by_path([[scale * x for x in row] for row in VECTORS]))).check()
    assert ("mean length" in caplog.text) == is_said


def test_labels_of_another_data_set_are_checked_before_training() -> None:
    class Mislabelled(GanDataModule):
        labels = torch.tensor([0, 1, 2, 3])

        def load(self) -> TensorSamples:
            return TensorSamples(torch.zeros(4, 2), self.labels)

    Mislabelled((2,), num_classes=4, batch_size=2).check()
    with pytest.raises(SettingError, match=r"label=3: must be a class from 0 to 2"):
        Mislabelled((2,), num_classes=3, batch_size=2).check()
    for labels, message in (
        (torch.zeros(4, 2), r"label=a tensor \(4, 2\)"),
        (torch.tensor([0, 1]), r"label=a tensor \(2,\)"),
        (torch.full((4, 3), float("inf")), "label=inf: must be a finite number"),
    ):
        Mislabelled.labels = labels
        with pytest.raises(SettingError, match=message):
            Mislabelled((2,), num_classes=3, batch_size=2).check()


def test_nearest_path_of_a_huge_folder_is_looked_for_among_the_first(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels_module, "MAX_COMPARED", 1)
    with pytest.raises(GanworksError) as error:
        folder(write(root, {"00001/55.png": "cat"})).check()
    assert "did you mean '00000/0.png'" in str(error.value)
