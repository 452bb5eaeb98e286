"""Networks of images that are not square."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import (
    BEGANDiscriminator,
    BEGANGenerator,
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    BigGANDiscriminator,
    BigGANGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    FastGANDiscriminator,
    FastGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    R3GANDiscriminator,
    R3GANGenerator,
    ResnetDiscriminator,
    ResnetGenerator,
    SAGANDiscriminator,
    SAGANGenerator,
    SNGANDiscriminator,
    SNGANGenerator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    StyleGAN3Generator,
    TransformerDiscriminator,
    TransformerGenerator,
)
from ganworks.model.layer.shape import base_of, check_image_shape
from ganworks.noise import keyed_rng

WIDE, TALL = (4, 32, 48), (2, 64, 32)
NARROW: dict[str, Any] = {"width": 4}
STYLE = {"channel_base": 128, "channel_max": 8}
RESNET, SKIP = {"architecture": "resnet"}, {"architecture": "skip"}
PATCHES: dict[str, Any] = {"width": 24, "depth": 4, "num_heads": 2, "patch_size": 8}
PAIRS: list[tuple[type, dict[str, Any], type, dict[str, Any]]] = [
    (DCGANGenerator, NARROW, DCGANDiscriminator, NARROW),
    (ResnetGenerator, NARROW, ResnetDiscriminator, NARROW),
    (R3GANGenerator, {"width": 16}, R3GANDiscriminator, {"width": 16}),
    (StyleGAN2Generator, {**STYLE, "w_dim": 8}, StyleGAN2Discriminator, STYLE),
    (StyleGAN2Generator, {**STYLE, **RESNET, "w_dim": 8}, StyleGAN2Discriminator, {**STYLE, **SKIP}),
    (FastGANGenerator, NARROW, FastGANDiscriminator, NARROW),
    (BEGANGenerator, NARROW, BEGANDiscriminator, NARROW),
    (SNGANGenerator, NARROW, SNGANDiscriminator, NARROW),
    (SAGANGenerator, {"width": 8}, SAGANDiscriminator, {"width": 8}),
    (BigGANGenerator, NARROW, BigGANDiscriminator, NARROW),
    (MLPGenerator, NARROW, MLPDiscriminator, NARROW),
    (TransformerGenerator, PATCHES, TransformerDiscriminator, {**PATCHES, "depth": 1}),
]  # fmt: skip


def draw(generator: Any, num: int = 2) -> torch.Tensor:
    noise = generator.draw_noise(num, lambda name: keyed_rng(0, name))
    return generator(**noise)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].__name__)
@pytest.mark.parametrize("shape", [WIDE, TALL], ids=["wide", "tall"])
def test_a_pair_draws_and_judges_rectangles_of_any_channels(pair: Any, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    generator, discriminator = pair[0](shape, **pair[1]), pair[2](shape, **pair[3])
    fake = draw(generator)
    assert fake.shape == (2, *shape)
    said = discriminator(fake)
    logits = said["logits"] if isinstance(said, dict) else said
    logits.sum().backward()
    first = next(parameter for parameter in generator.parameters() if parameter.grad is not None)
    assert len(logits) == 2
    assert first.grad.isfinite().all()


def test_deep_biggan_draws_rectangles_too() -> None:
    shape = (3, 64, 96)
    fake = draw(BigGANDeepGenerator(shape, width=4, num_blocks=1))
    assert BigGANDeepDiscriminator(shape, width=4, num_blocks=1)(fake).shape == (2,)


def test_every_pixel_of_a_rectangle_is_judged() -> None:
    torch.manual_seed(0)
    for _, _, discriminator, settings in PAIRS:
        x = torch.randn(1, *WIDE, requires_grad=True)
        said = discriminator(WIDE, **settings).eval()(x)
        (said["logits"] if isinstance(said, dict) else said).sum().backward()
        assert (x.grad != 0).float().mean() > 0.99, discriminator.__name__


def test_a_square_is_what_it_was() -> None:
    assert base_of((3, 64, 64)) == (4, 4)
    assert check_image_shape((3, 64, 64)) == (3, 64)
    assert check_image_shape((3, 192, 256)) == (3, 128)
    assert base_of((3, 192, 256)) == (6, 8)


@pytest.mark.parametrize(
    ("network", "shape", "words"),
    [
        (DCGANGenerator, (3, 45, 60), r"resolution=45x60.*the nearest is 48x64"),
        (DCGANDiscriminator, (3, 34, 36), r"resolution=34x36.*from 4 to 15.*the nearest is 32x32"),
        (StyleGAN3Generator, (3, 32, 64), r"resolution=32x64.*the same for height and width: StyleGAN3"),
        (SNGANGenerator, (3, 16, 24), r"resolution=16x24.*SNGAN"),
        (BigGANDeepGenerator, (3, 32, 48), r"resolution=32x48.*BigGAN-deep"),
        (FastGANGenerator, (3, 16, 24), r"resolution=16x24.*FastGAN"),
        (TransformerGenerator, (3, 33, 64), "patch_size"),
    ],
)
def test_what_a_network_cannot_draw_is_refused_by_its_name(network: Any, shape: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        network(shape)
