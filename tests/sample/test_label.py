"""What may be written for a label, and what it stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.model import MLPGenerator
from ganworks.sample.label import Labels
from ganworks.sample.sampler import Sampler

PETS = Labels("class", 3, ("bird", "cat", "dog"))
DIGITS = Labels("class", 10)
FACES = Labels("multi", 4, ("bald", "old", "smiling", "young"))
TAGS = Labels("multi", 3)
VECTOR = Labels("vector", 3)


@pytest.mark.parametrize(
    ("labels", "text", "expected"),
    [
        (DIGITS, "3", [3]),
        (DIGITS, "0,1,2", [0, 1, 2]),
        (DIGITS, "[7, 9]", [7, 9]),
        (PETS, "cat", [1]),
        (PETS, "dog, bird", [2, 0]),
        (PETS, "[cat,2]", [1, 2]),
        (Labels("class", 3, ("1", "2", "10")), "2,10", [1, 2]),
        (Labels("class", 2, ("a.csv", "b")), "a.csv", [0]),
        (Labels("class", 2, ("shirt, blue", "b")), "shirt, blue", [0]),
        (TAGS, "[0,2]", [[1, 0, 1]]),
        (TAGS, "1", [[0, 1, 0]]),
        (TAGS, "0,1", [[1, 0, 0], [0, 1, 0]]),
        (TAGS, "[0,2],[1],[]", [[1, 0, 1], [0, 1, 0], [0, 0, 0]]),
        (FACES, "[smiling, young]", [[0, 0, 1, 1]]),
        (VECTOR, "[.1,-2,0]", [[0.1, -2, 0]]),
        (VECTOR, ".1,-2,0", [[0.1, -2, 0]]),
        (VECTOR, "[1,2,3],[4,5,6e-1]", [[1, 2, 3], [4, 5, 0.6]]),
    ],
)
def test_text_stands_for_labels(labels: Labels, text: str, expected: list) -> None:
    found = labels.parse(text)
    torch.testing.assert_close(found.double(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-7)
    assert found.is_floating_point() == (labels.kind != "class")
    labels.check(found, len(found))


@pytest.mark.parametrize(
    ("labels", "text", "message"),
    [
        (DIGITS, "10", "label=10: must be a class from 0 to 9"),
        (DIGITS, "-1", "label=-1: must be a class from 0 to 9"),
        (DIGITS, "seven", "label=seven: must be a class from 0 to 9, written like label=3"),
        (PETS, "catt", "label=catt: must be one of the classes bird, cat, dog. Did you mean 'cat'?"),
        (PETS, "3", "label=3: must be one of the classes bird, cat, dog"),
        (Labels("class", 3, ("1", "2", "10")), "0", "label=0: must be one of the classes 1, 2, 10"),
        (TAGS, "[0,3]", "label=3: must be a class from 0 to 2"),
        (TAGS, "[0,1", "label=[0,1: must be written like label=[0,3]"),
        (TAGS, "[0],1", "label=[0],1: must be written like"),
        (FACES, "[yuong]", "Did you mean 'young'?"),
        (VECTOR, "[1,2]", "label=[1,2]: must be 3 numbers a label"),
        (VECTOR, "[1,2,x]", "label=[1,2,x]: must be 3 numbers a label"),
        (VECTOR, "3", "label=3: must be 3 numbers a label"),
        (VECTOR, "[]", "label=[]: must be 3 numbers a label"),
        (VECTOR, "nowhere.npy", "label=nowhere.npy: must be a file that can be read"),
        (VECTOR, "nowhere.csv", "label=nowhere.csv: must be a file that can be read"),
    ],
)
def test_text_that_stands_for_no_label_is_an_error(labels: Labels, text: str, message: str) -> None:
    with pytest.raises(SettingError) as error:
        labels.parse(text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "array", "expected"),
    [
        (DIGITS, np.array([3, 1], dtype=np.uint8), [3, 1]),
        (VECTOR, np.array([[0.5, 1, 2], [3, 4, 5]], dtype=np.float32), [[0.5, 1, 2], [3, 4, 5]]),
        (VECTOR, np.array([0.5, 1, 2]), [[0.5, 1, 2]]),
        (Labels("vector", 1), np.array([0.5, 1, 2]), [[0.5], [1], [2]]),
        (TAGS, np.array([[True, False, True]]), [[1, 0, 1]]),
    ],
)
def test_array_file_has_a_label_a_row(
    labels: Labels, array: np.ndarray, expected: list, tmp_path: Path
) -> None:
    np.save(tmp_path / "labels.npy", array)
    found = labels.check(labels.parse(str(tmp_path / "labels.npy")), len(expected))
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("labels", "text", "expected"),
    [
        (VECTOR, "x1,x2,x3\n1,2,3\n\n-1,.5,0\n", [[1, 2, 3], [-1, 0.5, 0]]),
        (VECTOR, "1,2,3\n", [[1, 2, 3]]),
        (PETS, "label\ncat\ndog\n", [1, 2]),
        (DIGITS, "4\n2\n", [4, 2]),
        (TAGS, "a,b,c\n1,0,1\n", [[1, 0, 1]]),
    ],
)
def test_table_file_has_a_label_a_row(labels: Labels, text: str, expected: list, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    assert labels.parse(str(tmp_path / "labels.csv")).tolist() == expected


def test_files_that_hold_other_labels_are_errors_that_name_them(tmp_path: Path) -> None:
    array, table = tmp_path / "labels.npy", tmp_path / "labels.csv"
    for labels, content, shape in (
        (VECTOR, np.zeros((4, 2)), "(rows, 3)"),
        (VECTOR, np.array([["a", "b", "c"]]), "(rows, 3)"),
        (VECTOR, np.zeros((0, 3)), "(rows, 3)"),
        (DIGITS, np.zeros((4, 2)), "(rows)"),
    ):
        np.save(array, content)
        with pytest.raises(SettingError) as error:
            labels.parse(str(array))
        assert f"label={array}: must be an array of numbers {shape}" in str(error.value)
    np.save(array, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(SettingError, match="a file that can be read"):
        VECTOR.parse(str(array))
    for labels, content in (
        (VECTOR, "1,2\n"),
        (VECTOR, ""),
        (DIGITS, "1,2\n"),
        (DIGITS, ""),
        (PETS, "catt\n"),
    ):
        table.write_text(content)
        with pytest.raises(SettingError, match="label="):
            labels.parse(str(table))


@pytest.mark.parametrize(
    ("labels", "label", "expected"),
    [
        (PETS, "dog", [2, 2]),
        (PETS, 1, [1, 1]),
        (PETS, torch.tensor([0.0, 2.0]), [0, 2]),
        (PETS, torch.tensor([[0.5, 0.5, 0], [0, 0, 1]]), [[0.5, 0.5, 0], [0, 0, 1]]),
        (FACES, "old", [[0, 1, 0, 0]] * 2),
        (TAGS, 2, [[0, 0, 1]] * 2),
        (TAGS, torch.tensor([1, 0, 1]), [[1, 0, 1]] * 2),
        (
            Labels("multi", 2),
            torch.tensor([0, 1]),
            [[0, 1]] * 2,
        ),  # as many classes as samples: still one label
        (TAGS, torch.tensor([[1, 0, 1], [0, 0, 0]]), [[1, 0, 1], [0, 0, 0]]),
        (VECTOR, torch.tensor([1, 2, 3]), [[1, 2, 3]] * 2),
        (VECTOR, torch.tensor([[1.0, 2, 3], [4, 5, 6]]), [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_label_for_all_or_for_each_of_two_samples(labels: Labels, label: Any, expected: list) -> None:
    assert labels.check(label, 2).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "label", "message"),
    [
        (PETS, 3, "label=3: must be a class from 0 to 2"),
        (PETS, torch.tensor([0, 1, 2]), "one class, or one for each of 2 samples"),
        (PETS, "eel", "label=eel"),
        (TAGS, torch.tensor([0, 1]), "3 numbers, or a row of them for each of 2 samples"),
        (VECTOR, 1, "3 numbers, or a row of them for each of 2 samples"),
        (VECTOR, torch.tensor([1.0, float("nan"), 0]), "label=nan: must be finite numbers"),
        (VECTOR, torch.zeros(3, 3), "3 numbers, or a row of them for each of 2 samples"),
    ],
)
def test_label_that_the_generator_does_not_take_is_an_error(labels: Labels, label: Any, message: str) -> None:
    with pytest.raises(SettingError) as error:
        labels.check(label, 2)
    assert message in str(error.value)


class Lender:
    """Data that lends the conditions of its real samples."""

    label_kind = "vector"
    rows = torch.tensor([[1.0, 2, 3], [4, 5, 6]])

    def draw_conditions(self, names: tuple[str, ...], num: int, seed: int) -> dict[str, Tensor]:
        assert list(names) == ["label"]
        return {"label": self.rows[(torch.arange(num) + seed) % 2]}


def test_vectors_that_are_not_given_are_those_of_the_data_beside_which_it_draws() -> None:
    torch.manual_seed(0)
    alone = Sampler(MLPGenerator((2,), 4, 3, width=8), {"label_kind": "vector"})
    with pytest.raises(
        SettingError, match="label=: must be given: this generator is conditioned on 3 numbers"
    ):
        alone.sample(2)
    beside = alone.beside(Lender())
    assert torch.equal(beside.sample(2, seed=1), alone.sample(2, seed=1, label=Lender.rows.flip(0)))
    given = torch.zeros(3)
    assert torch.equal(beside.sample(2, label=given), alone.sample(2, label=given))
    assert torch.equal(
        beside.sample(2, conditions={"label": torch.zeros(2, 3)}), alone.sample(2, label=given)
    )
    with pytest.raises(SettingError, match="given"):
        beside.beside(object()).sample(2)
    in_training = Sampler(alone.generator, {}).beside(Lender())  # where no configuration says the kind
    assert torch.equal(in_training.sample(2), beside.sample(2))


def test_classes_are_drawn_and_not_lent() -> None:
    class Classes(Lender):
        label_kind = "class"

    sampler = Sampler(MLPGenerator((2,), 4, 3, width=8), {})
    assert torch.equal(sampler.beside(Classes()).sample(5), sampler.sample(5))


def test_names_of_classes_come_from_the_configuration() -> None:
    sampler = Sampler(MLPGenerator((2,), 4, 3, width=8), {"classes": ["bird", "cat", "dog"]})
    assert torch.equal(sampler.sample(4, label="cat"), sampler.sample(4, label=1))
    with pytest.raises(SettingError, match="Did you mean 'dog'"):
        sampler.sample(4, label="dg")
    with pytest.raises(SettingError, match="label=cat: must be left out: this generator is unconditional"):
        Sampler(MLPGenerator((2,), 4, width=8), {}).sample(4, label="cat")


def test_strips_of_a_generator_of_vectors_hold_one_vector_each() -> None:
    sampler = Sampler(MLPGenerator((2,), 4, 3, width=8), {"label_kind": "vector"})
    strips = sampler.interpolate(2, 3, label=Lender.rows)
    ends = sampler.draw_latent(4)
    expected = sampler.make({"latent": ends[[0, 1]], "label": Lender.rows[[0, 0]]})
    torch.testing.assert_close(strips[[0, 2]], expected, atol=1e-4, rtol=0)
