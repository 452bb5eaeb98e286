"""Closed-form directions: those of a linear generator are its singular vectors."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ganworks.errors import GanworksError
from ganworks.model import DCGANGenerator, Generator, MLPGenerator, ResnetGenerator
from ganworks.picture.directions import latent_weight, moved, semantic_directions
from ganworks.sample.sampler import Sampler


class Linear(Generator):
    """A generator of vectors with known singular vectors, behind a bias."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__((weight.shape[0],), weight.shape[1])
        self.layer = nn.Linear(weight.shape[1], weight.shape[0])
        self.layer.weight.data = weight

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layer(latent)


class OneHot(Generator):
    """A generator whose first call is a layer of the label alone, and whose second one reads both at once."""

    def __init__(self) -> None:
        super().__init__((1, 8, 8), latent_dim=5, num_classes=3)
        self.of_label = nn.Linear(3, 4)
        self.of_both = nn.ConvTranspose2d(9, 1, 8)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        style = self.of_label(nn.functional.one_hot(label, 3).to(latent))
        return self.of_both(torch.cat([style, latent], 1)[:, :, None, None]).tanh()


class Normalised(Linear):
    """A generator that sees the direction of the latent alone."""

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layer(latent / (latent.norm(dim=1, keepdim=True) + 1e-8))


class Bare(Generator):
    """A generator without a layer."""

    def __init__(self) -> None:
        super().__init__((4,), latent_dim=4)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.scale * latent


def rotation(size: int, seed: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(seed)))[0]


def test_directions_of_a_linear_generator_are_its_right_singular_vectors() -> None:
    singular = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5])
    right = rotation(5, 0)
    weight = rotation(7, 1)[:, :5] @ torch.diag(singular) @ right.T
    found = semantic_directions(Linear(weight), num=3)
    assert found.layer == "layer"
    assert torch.allclose(found.vectors.norm(dim=1), torch.ones(3).double())
    cosines = (found.vectors.float() @ right).abs()
    assert torch.allclose(cosines, torch.eye(5)[:3], atol=1e-4)
    assert torch.allclose(found.shares.float(), (singular.square() / singular.square().sum())[:3], rtol=1e-4)
    shuffled = (found.vectors.float() @ rotation(5, 2)).abs()  # control: other vectors are not
    assert not torch.allclose(shuffled, torch.eye(5)[:3], atol=0.1)


def test_first_direction_moves_a_linear_generator_more_than_any_other() -> None:
    weight = torch.randn(7, 5, generator=torch.Generator().manual_seed(3))
    first = semantic_directions(Linear(weight), num=1).vectors[0].float()
    others = torch.nn.functional.normalize(torch.randn(1000, 5), dim=1)
    assert ((others @ weight.T).norm(dim=1) <= (weight @ first).norm() * (1 + 1e-5)).all()


def test_sign_does_not_depend_on_the_solver() -> None:
    vectors = semantic_directions(Linear(torch.randn(7, 5)), num=5).vectors
    assert (vectors.gather(1, vectors.abs().argmax(1, keepdim=True)) > 0).all()


@pytest.mark.parametrize(
    ("generator", "layer"),
    [
        (DCGANGenerator((1, 8, 8), latent_dim=6, width=4), "dense"),
        (DCGANGenerator((3, 16, 16), latent_dim=6, width=4), "project"),
        (ResnetGenerator((1, 8, 8), latent_dim=6, width=4, dense_width=12), "mapping.0.0"),
        (MLPGenerator((1, 8, 8), latent_dim=6, width=12), "layers.0"),
        (MLPGenerator((2,), latent_dim=6, width=12, norm="batch"), "layers.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("num_classes", [0, 3])
def test_first_layer_is_found_and_its_weight_is_that_of_the_latent(
    generator: Generator, layer: str, num_classes: int
) -> None:
    if num_classes:
        settings = {"width": 4} if isinstance(generator, DCGANGenerator) else {"width": 12}
        generator = type(generator)(generator.shape, 6, num_classes, **settings)
    generator.eval()
    label = torch.tensor([1]) if num_classes else None
    name, weight = latent_weight(generator, label)
    assert name == layer
    expected = dict(generator.named_modules())[layer].weight.flatten(1)[:, :6]  # what follows reads the class
    assert torch.allclose(weight.float(), expected, atol=1e-5)


def test_what_the_label_alone_feeds_is_passed_by_and_what_both_feed_counts_by_the_latent() -> None:
    generator = OneHot()
    for label in (0, 2):
        name, weight = latent_weight(generator, torch.tensor([label]))
        assert name == "of_both"
        assert torch.allclose(weight.float(), generator.of_both.weight[4:].flatten(1).T, atol=1e-5)


def test_weight_under_spectral_norm_is_the_divided_one() -> None:
    generator = Linear(torch.randn(7, 5))
    torch.nn.utils.parametrizations.spectral_norm(generator.layer)
    generator.eval()
    assert torch.allclose(latent_weight(generator)[1].float(), generator.layer.weight, atol=1e-5)


def test_generator_is_left_as_it_was() -> None:
    generator = DCGANGenerator((1, 8, 8), latent_dim=6, width=4).eval()
    before = copy.deepcopy(generator.state_dict())
    semantic_directions(generator, 2)
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())
    assert not any(layer._forward_hooks for layer in generator.modules())


@pytest.mark.parametrize(
    ("generator", "reason"),
    [
        (Bare(), "no Linear or convolution of the generator takes the latent"),
        (Normalised(torch.randn(7, 5)), "layer, does not read it as it is"),
    ],
)
def test_generator_without_such_a_layer_is_refused_with_the_reason(generator: Generator, reason: str) -> None:
    with pytest.raises(GanworksError, match=reason):
        semantic_directions(generator, 2)


def test_strip_is_the_sample_in_its_middle_and_the_moved_latents_beside_it() -> None:
    weight = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    sampler = Sampler(Linear(weight), {})
    directions = semantic_directions(sampler.generator, num=2)
    latent = torch.randn(5)
    strips = moved(sampler, directions, {"latent": latent[None]}, torch.tensor([-3.0, 0.0, 3.0]))
    sample = sampler.generator(latent[None])[0]
    assert strips.shape == (2, 3, 7)
    assert torch.allclose(strips[:, 1], sample.expand(2, 7), atol=1e-5)
    for strip, vector in zip(strips, directions.vectors.float(), strict=True):
        assert torch.allclose(strip[2], sample + 3 * weight @ vector, atol=1e-4)
        assert torch.allclose(strip[0] + strip[2], 2 * sample, atol=1e-4)


def test_strip_of_a_conditional_generator_keeps_its_class() -> None:
    sampler = Sampler(OneHot(), {})
    directions = semantic_directions(sampler.generator, 1, torch.tensor([0]))
    latent = torch.randn(5)
    rows = [{"latent": latent[None], "label": torch.tensor([label])} for label in (0, 2)]
    strips = [moved(sampler, directions, row, torch.zeros(3)) for row in rows]
    for label, strip in zip((0, 2), strips, strict=True):
        expected = sampler.generator(latent[None], torch.tensor([label]))
        assert torch.allclose(strip[0], expected.expand(3, -1, -1, -1), atol=1e-5)
    assert not torch.allclose(strips[0], strips[1], atol=1e-3)  # control: the class matters
