"""Grids of classes: asked for, or seen by a classifier."""

from __future__ import annotations

import pytest
import torch

from ganworks.model import DCGANGenerator
from ganworks.picture.classes import (
    MAX_CLASSES,
    classified_rows,
    classified_sheet,
    conditional_rows,
    conditional_sheet,
    shown_classes,
)
from ganworks.sample.sampler import Sampler


def sampler(num_classes: int) -> Sampler:
    generator = DCGANGenerator((1, 8, 8), latent_dim=6, width=4, num_classes=num_classes)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return Sampler(generator, {})


def test_rows_are_the_classes_and_columns_the_same_latents() -> None:
    source = sampler(3)
    rows = conditional_rows(source, seed=5, num_columns=4)
    assert [row.label for row in rows] == ["class 0", "class 1", "class 2"]
    for label, row in enumerate(rows):
        assert torch.allclose(row.images, source.sample(4, seed=5, label=label), atol=1e-5)
    assert not torch.allclose(rows[0].images, rows[1].images, atol=1e-3)  # control: classes differ


def test_fakes_stand_in_the_row_of_their_class_and_a_missing_class_is_an_empty_row() -> None:
    fake = torch.arange(8.0)[:, None, None, None].expand(8, 1, 8, 8) / 8
    fake_classes = torch.tensor([0, 2, 0, 0, 2, 0, 0, 0])
    rows = classified_rows(fake, fake_classes, torch.tensor([0, 1, 1, 3]), num_classes=4, num_columns=3)
    assert [(row.images[:, 0, 0, 0] * 8).tolist() for row in rows] == [[0, 2, 3], [], [1, 4], []]
    assert rows[0].label == "class 0:  75.0% fake, 25.0% real"
    assert rows[1].label == "class 1:  0.0% fake, 50.0% real"
    assert rows[2].label == "class 2:  25.0% fake, 0.0% real"
    alone = classified_rows(fake, fake_classes, None, num_classes=3, num_columns=3)
    assert [row.label for row in alone] == [
        "class 0:  75.0% fake",
        "class 1:  0.0% fake",
        "class 2:  25.0% fake",
    ]


def test_class_that_only_the_reals_have_counts() -> None:
    fake = torch.zeros(2, 1, 8, 8)
    with_three = classified_sheet(fake, torch.tensor([0, 1]), torch.tensor([0, 1, 2]))
    with_two = classified_sheet(fake, torch.tensor([0, 1]), torch.tensor([0, 1, 1]))
    assert with_three.height > with_two.height


@pytest.mark.parametrize("num_classes", [1, 10, 20, 21, 1000])
def test_few_classes_are_all_shown_and_many_are_spread(num_classes: int) -> None:
    shown = shown_classes(num_classes)
    assert len(shown.unique()) == len(shown) == min(num_classes, MAX_CLASSES)
    assert shown[0] == 0
    assert shown[-1] < num_classes
    assert shown.diff().unique().numel() <= 2


def test_many_classes_make_a_picture_of_readable_size() -> None:
    assert conditional_sheet(sampler(60)).height == conditional_sheet(sampler(20)).height
