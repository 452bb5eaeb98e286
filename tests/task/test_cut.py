"""CUT's step against a bare loop, PatchNCE against its formula, its errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import ContrastiveTranslator, ResnetTranslator
from ganworks.regularizer import R1
from ganworks.task import CutTask
from ganworks.task.cut import patch_nce
from running import compose
from translating import SHAPE, SMALL, batches, critic, fit, largest_difference, loop, make


def cut_task(**kwargs: Any) -> CutTask:
    torch.manual_seed(0)
    translator = ContrastiveTranslator(SHAPE, **SMALL, layers=[0, 1, 2, 4], head_width=8)
    return make(CutTask, translator, critic(), **{"num_patches": 6, **kwargs})


CASES: dict[str, tuple[dict[str, Any], tuple[float, int] | None]] = {
    "CUT": ({}, None),
    "FastCUT": ({"nce": 10.0, "identity": 0.0, "flip": True}, None),
    "with lazy R1": (
        {"nce": 4.0, "identity": 2.0, "regularizers": {"r1": R1(weight=3.0, every=2)}},
        (3.0, 2),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_twelve_steps_equal_those_of_the_bare_loop(case: str) -> None:
    settings, r1 = CASES[case]
    task = cut_task(**settings)
    bare = loop("cut").Cut(task, {}, r1)
    fit(task)
    for batch in batches(12):
        bare.step(batch)
    assert largest_difference(task.generator, bare.translator) < 1e-12
    assert largest_difference(task.discriminator, bare.critic) < 1e-12


def test_the_comparison_sees_other_patches() -> None:
    task = cut_task()
    bare = loop("cut").Cut(task, {})
    bare.rng = lambda stream: torch.Generator().manual_seed(0)
    fit(task)
    for batch in batches(12):
        bare.step(batch)
    assert largest_difference(task.generator, bare.translator) > 1e-6


def test_patch_nce_equals_equation_3_written_out() -> None:
    rng = torch.Generator().manual_seed(0)
    queries, keys = torch.nn.functional.normalize(
        torch.randn(2, 3, 5, 4, generator=rng, dtype=torch.float64), dim=-1
    )
    total = 0.0
    for query, key in zip(queries, keys, strict=True):
        for at in range(5):
            scores = [math.exp(float(query[at] @ key[other]) / 0.07) for other in range(5)]
            total -= math.log(scores[at] / sum(scores))
    assert abs(float(patch_nce(queries, keys, 0.07)) - total / 15) < 1e-12
    assert float(patch_nce(keys, keys, 0.07)) < float(patch_nce(keys.roll(1, 1), keys, 0.07))


def test_patches_of_the_source_have_no_gradient_and_the_heads_learn() -> None:
    task, before = cut_task(), cut_task()
    fit(task)
    assert largest_difference(task.generator.heads, before.generator.heads) > 1e-4


def test_heads_are_as_wide_as_the_layers_that_they_read() -> None:
    translator = ContrastiveTranslator((3, 16, 16), width=4, num_down=2, num_blocks=5)
    assert translator.layers == (0, 2, 3, 4, 8)
    assert [head[0].in_features for head in translator.heads] == [3, 8, 16, 16, 16]
    images = torch.rand(2, 3, 16, 16)
    maps = translator.features(images, translator.layers)
    assert [h.shape[2] * h.shape[3] for h in maps] == translator.num_places(images) == [256, 64, 16, 16, 16]
    odd = torch.rand(2, 3, 13, 22)
    maps = translator.features(odd, translator.layers)
    assert [h.shape[2] * h.shape[3] for h in maps] == translator.num_places(odd)


@pytest.mark.parametrize("size", [(9, 13), (8, 7), (10, 11)])
def test_patches_of_odd_sizes_lie_where_those_of_the_translation_and_of_the_mirror_image_lie(
    size: tuple[int, int],
) -> None:
    translator = ContrastiveTranslator((1, 8, 8), width=4, num_down=2, num_blocks=1)
    images = torch.rand(2, 1, *size)
    seen: list[torch.Tensor] = []
    translate = translator.translate
    translator.translate = lambda source, noise: seen.append(source) or translate(source, noise)  # type: ignore[func-returns-value, method-assign]
    translator(images)
    features = translator.features(images, [0])[0]
    assert torch.equal(features, seen[0])
    assert torch.equal(translator.features(images.flip(-1), [0], mirrored=True)[0], features)


def test_a_call_with_places_is_that_of_the_patches() -> None:
    translator = ContrastiveTranslator(SHAPE, **SMALL, head_width=8)
    images = torch.rand(2, *SHAPE)
    places = [torch.arange(3)] * len(translator.layers)
    called = translator(images, places=places, mirrored=True)
    for found, wanted in zip(called, translator.patches(images, places, mirrored=True), strict=True):
        assert torch.equal(found, wanted)


def test_fastcut_mirrors_reals_as_often_as_translations() -> None:
    config = compose("experiment=fastcut", "data.root=folder")
    assert (config.task.flip, config.data.horizontal_flip) == (True, True)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(SettingError, match=r"model=cut"):
        make(CutTask, ResnetTranslator(SHAPE, **SMALL), critic())
    for setting, value in (("nce", -1), ("identity", -1), ("temperature", 0), ("num_patches", 1)):
        with pytest.raises(SettingError, match=setting):
            cut_task(**{setting: value})
    with pytest.raises(SettingError, match="flip"):
        cut_task(flip=True, near_source=1.0)
    with pytest.raises(SettingError, match="layers"):
        ContrastiveTranslator(SHAPE, **SMALL, layers=[0, 9])
