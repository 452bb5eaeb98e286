"""Widths that make two networks alike are advised where one is far larger, and only there."""

from __future__ import annotations

import pytest

from ganworks.doctor import Setup
from ganworks.doctor.advice import mended, strengthen_critic, weaken_critic
from ganworks.doctor.capacity import balanced, narrower, ratio, wider
from ganworks.doctor.setup import widths_of
from ganworks.run.build import build_run
from running import compose


def setup(generator: int, discriminator: int, **others: object) -> Setup:
    widths = {"generator": ("width", 16), "discriminator": ("width", 1)}
    num = {"generator": generator, "discriminator": discriminator}
    return Setup(**{"num_parameters": num, "widths": widths, "weights": {"r1": 1.0}, **others})  # type: ignore[arg-type]


def test_a_tiny_discriminator_is_made_wider_but_not_wider_than_the_generator() -> None:
    assert wider(setup(100_000, 100), "discriminator") == ["model.discriminator.width=16"]
    assert wider(setup(4_900, 100), "discriminator") == ["model.discriminator.width=8"]  # 7 times as wide
    assert strengthen_critic(setup(100_000, 100), {})[0] == "model.discriminator.width=16"


def test_a_network_as_wide_as_the_other_that_still_is_far_smaller_is_made_wider_than_it() -> None:
    widths = {"generator": ("width", 16), "discriminator": ("width", 16)}
    assert wider(setup(102_400, 1_600, widths=widths), "discriminator") == ["model.discriminator.width=128"]


def test_networks_of_a_size_keep_their_widths() -> None:
    for sizes in ((100, 100), (900, 100), (100, 900)):
        assert balanced(setup(*sizes)) == narrower(setup(*sizes), "discriminator") == []


def test_a_discriminator_that_wins_by_its_size_is_made_narrower_or_the_generator_wider() -> None:
    widths = {"generator": ("width", 8), "discriminator": ("width", 64)}
    found = setup(1_000, 64_000, widths=widths)
    assert balanced(found) == ["model.generator.width=64"]
    assert "model.generator.width=64" in mended(found, {})
    assert "model.discriminator.width=8" in weaken_critic(found, {})


def test_no_width_is_advised_that_is_not_known() -> None:
    assert balanced(setup(100_000, 100, widths={})) == []
    assert ratio(Setup(), "generator") == 1
    assert widths_of({"model": {"generator": {"widths": [8, 4], "width": 96}, "discriminator": None}}) == {}


@pytest.mark.parametrize("model", ["dcgan", "r3gan", "stylegan2_cifar"])
def test_widths_that_are_advised_can_be_built(model: str) -> None:
    settings = [f"model={model}", "data=digits", "data.resolution=16", "metric=none", "model.width=16"]
    config = compose(*settings, "trainer=cpu")
    widths = widths_of(config)  # type: ignore[arg-type]
    assert widths.keys() == {"generator", "discriminator"}
    name, width = widths["generator"]
    sizes = {"generator": 1_000, "discriminator": 9_000_000}
    pieces = wider(Setup(num_parameters=sizes, widths={**widths, "discriminator": (name, 32)}), "generator")
    assert pieces == [f"model.generator.{name}={2 * width}"]
    build_run(compose(*settings, "trainer=cpu", *pieces))
