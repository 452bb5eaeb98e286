"""Networks of clips: shapes, noise that is declared, classes, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

import ganworks.model
from ganworks.errors import SettingError
from ganworks.model import ClipDiscriminator, Generator, MoCoGANGenerator, SpriteGenerator, Video3DGenerator
from ganworks.model.base import draw_noise
from ganworks.noise import keyed_rng
from ganworks.run.resolvers import register

CONF = Path(ganworks.model.__file__).parents[3] / "conf"
GENERATORS = (MoCoGANGenerator, SpriteGenerator, Video3DGenerator)
every_generator = pytest.mark.parametrize("network", GENERATORS)
every_file = pytest.mark.parametrize("name", ["mocogan", "sprite", "video3d"])


def noise_for(generator: Generator, num: int = 2) -> dict[str, Tensor]:
    return draw_noise(generator, num, lambda name: keyed_rng(name))


@every_generator
@pytest.mark.parametrize("shape", [(1, 8, 16, 16), (3, 5, 32, 32), (3, 2, 8, 8), (2, 12, 16, 16)])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_clips_of_any_length_and_channels(
    network: type[Generator], shape: tuple[int, ...], num_classes: int
) -> None:
    generator = network(shape, num_classes=num_classes, width=4)
    label = {"label": torch.tensor([0, 2])} if num_classes else {}
    made = generator(**noise_for(generator), **label)
    assert made.shape == (2, *shape)
    assert made.abs().max() <= 1
    critic = ClipDiscriminator(shape, num_classes, width=4, norm="none")
    assert critic(made, label.get("label")).shape == (2,)


@every_generator
def test_a_clip_depends_on_each_part_of_its_noise_and_on_its_class(network: type[Generator]) -> None:
    torch.manual_seed(0)
    generator = network((1, 8, 16, 16), num_classes=3, width=4).eval()
    for parameter in generator.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))  # away from gains of one and shifts of zero
    noise, label = noise_for(generator), torch.tensor([0, 1])
    made = generator(**noise, label=label)
    for name in noise:
        assert not torch.equal(made, generator(**{**noise, name: noise[name].flip(0)}, label=label)), name
    assert not torch.equal(made, generator(**noise, label=label.flip(0)))


@every_generator
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 16, 16), "clips, such as data=moving_digits"),
        ((1, 1, 16, 16), "frames=1: must be 2 or more"),
        ((1, 8, 20, 20), "resolution=20.*the nearest is 16"),
        ((1, 8, 16, 32), "resolution=16x32"),
    ],
)
def test_what_they_cannot_make_is_named(network: type[Generator], shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        network(shape)


def test_a_sprite_that_is_larger_than_its_frames_is_named() -> None:
    with pytest.raises(SettingError, match="sprite_size=32: must be at most the resolution of the clips, 16"):
        SpriteGenerator((1, 8, 16, 16), sprite_size=32)


def test_motion_codes_are_those_of_a_gru_by_hand() -> None:
    torch.manual_seed(0)
    generator = MoCoGANGenerator((1, 4, 8, 8), latent_dim=3, motion_dim=5, width=4).double()
    noise = torch.randn(2, 5, 5, dtype=torch.float64)
    cell, code, expected = generator.motion, noise[:, 0], []
    for step in noise[:, 1:].unbind(1):
        inputs = (step @ cell.weight_ih.T + cell.bias_ih).chunk(3, 1)
        states = (code @ cell.weight_hh.T + cell.bias_hh).chunk(3, 1)
        reset, update = (inputs[0] + states[0]).sigmoid(), (inputs[1] + states[1]).sigmoid()
        code = (1 - update) * (inputs[2] + reset * states[2]).tanh() + update * code
        expected.append(code)
    assert torch.allclose(generator.motion_codes(noise), torch.stack(expected, 1))


def test_a_background_is_still_and_shows_where_the_mask_is_zero() -> None:
    generator = Video3DGenerator((1, 8, 16, 16), width=4, background=True)
    torch.nn.init.zeros_(generator.to_mask.weight)
    torch.nn.init.constant_(generator.to_mask.bias, -100.0)
    noise = noise_for(generator)
    generator.background.eval()
    still = generator.background(noise["latent"])[:, :, None].expand(-1, -1, 8, -1, -1)
    assert torch.allclose(generator(**noise), still)


def test_a_sprite_keeps_its_shape_and_moves_by_whole_pixels() -> None:
    torch.manual_seed(0)
    generator = SpriteGenerator((1, 8, 16, 16), width=4).eval()
    generator.path[-1].bias.data = torch.linspace(-4, 4, 8)
    noise = noise_for(generator)
    clips, places = generator(**noise), generator.places(noise["motion"]).round().clamp(0, 8).long()
    sprite = generator.sprite(noise["latent"])
    assert len(places.unique()) > 4
    for clip, path, picture in zip(clips, places, sprite, strict=True):
        for t, (row, column) in enumerate(path.tolist()):
            expected = torch.full((1, 16, 16), -1.0)
            expected[:, row : row + 8, column : column + 8] = picture
            assert torch.allclose(clip[:, t], expected, atol=1e-6)


def test_the_gradient_of_a_place_is_the_mean_of_both_one_sided_derivatives() -> None:
    generator = SpriteGenerator((1, 8, 16, 16), width=4)
    weight = torch.randn(16, 8, dtype=torch.float64)

    def bilinear(place: Tensor) -> Tensor:
        distance = torch.arange(16)[:, None] - torch.arange(8) - place
        return ((1 - distance.abs()).clamp_min(0) * weight).sum()

    place = torch.tensor([[3.2]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad((generator.placement(place)[0, 0] * weight).sum(), place)
    step = 1e-6
    start, low, high = torch.tensor([3.0, 3.0 - step, 3.0 + step], dtype=torch.float64)
    sides = [(bilinear(other) - bilinear(start)) / (other - start) for other in (low, high)]
    assert float(gradient) == pytest.approx(float(sum(sides)) / 2, abs=1e-6)


@every_file
@pytest.mark.parametrize("conditional", [False, True])
def test_a_config_builds_networks_for_the_data(name: str, conditional: bool) -> None:
    register()
    config = OmegaConf.create(
        {
            "data": {"shape": [3, 16, 32, 32], "num_classes": 4},
            "regularizer": OmegaConf.load(CONF / "regularizer" / "r1.yaml"),
            "model": OmegaConf.merge(
                OmegaConf.load(CONF / "model" / f"{name}.yaml"), {"width": 4, "conditional": conditional}
            ),
        }
    )
    generator = instantiate(config.model.generator, _convert_="all")
    assert generator.shape == (3, 16, 32, 32)
    assert generator.num_classes == (4 if conditional else 0)
    for critic in instantiate(config.model.discriminator, _convert_="all").values():
        network = getattr(critic, "network", critic)
        assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())  # under R1
