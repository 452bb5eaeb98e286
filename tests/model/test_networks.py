"""What the networks compute: labels, latents, normalisation, initial values, derivatives."""

import copy

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.model import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResnetDiscriminator,
    ResnetGenerator,
)
from ganworks.model.layer.head import ProjectionHead
from ganworks.model.layer.norm import BatchNorm, ConditionalBatchNorm
from ganworks.noise import keyed_rng
from ganworks.regularizer import squared_gradient_norm

SHAPE = (2, 16, 16)
GENERATORS = [MLPGenerator, DCGANGenerator, ResnetGenerator]
DISCRIMINATORS = [MLPDiscriminator, DCGANDiscriminator, ResnetDiscriminator]
every_generator = pytest.mark.parametrize("kind", GENERATORS)
every_discriminator = pytest.mark.parametrize("kind", DISCRIMINATORS)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def perturb(network):
    """Leave the special values of the first weights, so that every parameter matters."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


@every_generator
def test_class_changes_the_sample_of_a_conditional_generator_only(kind):
    latent, labels = torch.randn(1, 5).expand(3, -1), torch.tensor([0, 1, 2])
    conditional, plain = perturb(kind(SHAPE, 5, 3, width=4)).eval(), kind(SHAPE, 5, 0, width=4).eval()
    samples = conditional(latent, labels)
    assert not torch.allclose(samples[0], samples[1], atol=1e-4)
    assert torch.equal(plain(latent, labels), plain(latent))


@every_discriminator
def test_class_changes_the_logit_of_a_conditional_discriminator_only(kind):
    x, labels = torch.randn(1, *SHAPE).expand(3, -1, -1, -1), torch.tensor([0, 1, 2])
    conditional, plain = kind(SHAPE, 3, width=4, norm="none"), kind(SHAPE, 0, width=4, norm="none")
    assert len(set(conditional(x, labels).tolist())) == 3
    assert torch.equal(plain(x, labels), plain(x))


@pytest.mark.parametrize("kind", GENERATORS + DISCRIMINATORS)
def test_missing_label_of_a_conditional_network_is_an_error(kind):
    network = kind(SHAPE, num_classes=3, width=4)
    x = torch.randn(2, network.latent_dim) if kind in GENERATORS else torch.randn(2, *SHAPE)
    with pytest.raises(ValueError, match="label"):
        network(x)


@every_discriminator
@pytest.mark.parametrize("norm", ["none", "layer", "spectral"])
def test_logit_of_a_sample_does_not_depend_on_the_batch(kind, norm):
    discriminator = perturb(kind(SHAPE, width=4, norm=norm)).eval()
    x = torch.randn(4, *SHAPE)
    assert torch.allclose(discriminator(x)[:2], discriminator(x[:2]), atol=1e-5)


@pytest.mark.parametrize("kind", DISCRIMINATORS)
def test_logit_of_a_sample_depends_on_the_batch_under_batch_norm(kind):
    discriminator, x = kind(SHAPE, width=4, norm="batch"), torch.randn(4, *SHAPE)
    if kind is ResnetDiscriminator:
        perturb(discriminator)
    assert any(isinstance(layer, BatchNorm) for layer in discriminator.modules())
    assert not torch.allclose(discriminator(x)[:2], discriminator(x[:2]), atol=1e-5)


@every_discriminator
def test_spectral_norm_makes_every_largest_singular_value_one(kind):
    discriminator = kind(SHAPE, 3, width=4, norm="spectral")
    x, label = torch.randn(2, *SHAPE), torch.tensor([0, 1])
    for _ in range(100):
        discriminator(x, label)
    layers = [
        layer for layer in discriminator.modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding)
    ]
    assert len(layers) >= 4
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)
    assert torch.linalg.matrix_norm(
        kind(SHAPE, width=4, norm="none").head.linear.weight, 2
    ).item() != pytest.approx(1)


@every_discriminator
def test_penalty_gradient_of_the_discriminator_equals_finite_differences(kind):
    discriminator = perturb(kind(SHAPE, 3, width=4, norm="none")).double()
    x, label = torch.randn(2, *SHAPE).double(), torch.tensor([0, 2])

    def value():
        return squared_gradient_norm(lambda x: discriminator(x, label), x).mean()

    value().backward()
    direction = [torch.randn_like(parameter) for parameter in discriminator.parameters()]
    slope = sum(
        (step * parameter.grad).sum()
        for step, parameter in zip(direction, discriminator.parameters(), strict=True)
        if parameter.grad is not None
    )

    def moved(size):
        with torch.no_grad():
            for step, parameter in zip(direction, discriminator.parameters(), strict=True):
                parameter += size * step
        return value().item()

    size = 1e-7  # small, so that few leaky ReLUs change side
    difference = (moved(size) - moved(-2 * size)) / (2 * size)
    assert slope.item() == pytest.approx(difference, rel=1e-3)


def test_conditional_batch_norm_equals_a_naive_computation_and_starts_as_plain():
    norm, plain = ConditionalBatchNorm(3, 2), BatchNorm(3)
    x, label = torch.randn(6, 3, 4, 4), torch.tensor([0, 1, 0, 1, 1, 0])
    assert torch.allclose(norm(x, label), plain(x), atol=1e-6)
    perturb(norm)
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    found = norm(x, label)
    for i in range(6):
        for c in range(3):
            normed = (x[i, c] - mean[c]) / (var[c] + 1e-5) ** 0.5
            expected = norm.gain.weight[label[i], c] * normed + norm.shift.weight[label[i], c]
            assert torch.allclose(found[i, c], expected, atol=1e-5)
    assert not torch.allclose(norm(x, 1 - label), found, atol=1e-2)


def test_projection_head_equals_its_formula():
    head = ProjectionHead(4, 3)
    h, label = torch.randn(5, 4), torch.tensor([0, 1, 2, 1, 0])
    weight, bias = head.linear.weight[0], head.linear.bias
    expected = [h[i] @ weight + bias[0] + h[i] @ head.embedding.weight[label[i]] for i in range(5)]
    assert torch.allclose(head(h, label), torch.stack(expected), atol=1e-6)


@every_generator
def test_latents_are_standard_normal_and_keyed(kind):
    generator = kind(SHAPE, 50, width=4)
    latent = generator.noise["latent"].draw(2000, keyed_rng(0))
    assert latent.shape == (2000, 50)
    assert latent.mean().item() == pytest.approx(0, abs=0.01)
    assert latent.std().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(latent, generator.noise["latent"].draw(2000, keyed_rng(0)))
    assert not torch.equal(latent, generator.noise["latent"].draw(2000, keyed_rng(1)))


@pytest.mark.parametrize("truncation", [0.1, 0.7, 2.0, 50.0])
def test_truncated_latents_are_normal_draws_that_fell_into_the_interval(truncation):
    latent = MLPGenerator((2,), 100).noise["latent"].draw(2000, keyed_rng(0), truncation=truncation)
    normal = torch.randn(2_000_000)
    accepted = normal[normal.abs() <= truncation]
    assert latent.abs().max() <= truncation
    assert latent.isfinite().all()
    assert latent.std().item() == pytest.approx(accepted.std().item(), rel=0.02)


@pytest.mark.parametrize("truncation", [0.0, -1.0])
def test_truncation_must_be_above_zero(truncation):
    with pytest.raises(SettingError, match="truncation="):
        MLPGenerator((2,), 4).noise["latent"].draw(3, keyed_rng(0), truncation=truncation)


def test_dcgan_starts_as_published():
    generator, discriminator = DCGANGenerator((3, 32, 32)), DCGANDiscriminator((3, 32, 32))
    for weight in (generator.convs[0].weight, discriminator.layers[2].weight, generator.project.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert generator.norms[0].weight.mean().item() == pytest.approx(1, abs=0.01)
    assert generator.norms[0].weight.std().item() == pytest.approx(0.02, rel=0.3)


def test_residual_blocks_start_as_the_identity_except_under_spectral_norm():
    x = torch.randn(2, 4, 4, 4)
    for norm, is_identity in (("none", True), ("layer", True), ("spectral", False)):
        block = ResnetDiscriminator((3, 8, 8), width=4, norm=norm).stages[0][0]
        assert torch.equal(block(x), x) == is_identity


def test_first_convolutions_of_blocks_shrink_with_the_number_of_blocks():
    def std(num_blocks):
        generator = ResnetGenerator((3, 8, 8), width=64, num_blocks=num_blocks)
        return generator.stages[0][0].first.weight.std().item()

    assert std(1) / std(4) == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize("kind", GENERATORS + DISCRIMINATORS)
def test_every_parameter_gets_a_gradient(kind):
    network = perturb(kind(SHAPE, num_classes=3, width=4))
    x = torch.randn(3, network.latent_dim) if kind in GENERATORS else torch.randn(3, *SHAPE)
    network(x, torch.tensor([0, 1, 2])).square().sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters()
    )


@pytest.mark.parametrize("kind", [DCGANGenerator, ResnetGenerator, DCGANDiscriminator, ResnetDiscriminator])
def test_channels_last_gives_the_same_values(kind):
    network = perturb(kind(SHAPE, width=4)).eval()
    x = torch.randn(2, network.latent_dim) if kind in GENERATORS else torch.randn(2, *SHAPE)
    last = copy.deepcopy(network).to(memory_format=torch.channels_last)
    assert torch.allclose(network(x), last(x), atol=1e-5)


@every_discriminator
@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_copies_and_state_dicts_keep_the_function(kind, norm):
    network, other = (
        perturb(kind(SHAPE, 3, width=4, norm=norm)).eval(),
        kind(SHAPE, 3, width=4, norm=norm).eval(),
    )
    x, label = torch.randn(2, *SHAPE), torch.tensor([0, 2])
    assert not torch.allclose(other(x, label), network(x, label))
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x, label), network(x, label))
    assert torch.equal(copy.deepcopy(network)(x, label), network(x, label))


@pytest.mark.parametrize("kind", GENERATORS + DISCRIMINATORS)
def test_networks_trace_without_a_graph_break(kind):
    network = kind(SHAPE, num_classes=3, width=4)
    x = torch.randn(3, network.latent_dim) if kind in GENERATORS else torch.randn(3, *SHAPE)
    label = torch.tensor([0, 1, 2])
    network.train(False)
    expected = network(x, label)
    network.compile(backend="eager", fullgraph=True)
    assert torch.allclose(network(x, label), expected, atol=1e-6)
    assert not any("_orig_mod" in name for name in network.state_dict())
