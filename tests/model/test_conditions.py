"""Conditions beyond a class: a one-hot vector is its class, and several classes or numbers are its mixture."""

import copy

import pytest
import torch
from torch import nn

from ganworks.model import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResnetDiscriminator,
    ResnetGenerator,
)
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.norm import ConditionalBatchNorm

SHAPE, NUM_CLASSES = (2, 16, 16), 3
NETWORKS = [
    (MLPGenerator, {"norm": "none"}),
    (MLPGenerator, {"norm": "batch"}),
    (DCGANGenerator, {}),
    (DCGANGenerator, {"dense_width": 8}),
    (ResnetGenerator, {}),
    *(
        (kind, {"norm": norm})
        for kind in (MLPDiscriminator, DCGANDiscriminator, ResnetDiscriminator)
        for norm in ("none", "batch", "layer", "spectral")
    ),
]
every_network = pytest.mark.parametrize(
    ("kind", "settings"),
    NETWORKS,
    ids=[f"{k.__name__}-{'-'.join(map(str, s.values()))}" for k, s in NETWORKS],
)


def build(kind, settings, is_perturbed):
    """Return a network in float64, its first weights or others, and what it reads for six samples."""
    torch.manual_seed(0)
    is_generator = issubclass(kind, MLPGenerator | DCGANGenerator | ResnetGenerator)
    network = kind(SHAPE, num_classes=NUM_CLASSES, width=4, **settings).double()
    if is_perturbed:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
    shape = (network.latent_dim,) if is_generator else SHAPE
    return network, torch.randn(6, *shape, dtype=torch.float64)


@every_network
@pytest.mark.parametrize("is_perturbed", [False, True], ids=["first weights", "other weights"])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_one_hot_vector_gives_output_gradients_and_state_of_its_class(kind, settings, is_perturbed, training):
    first, x = build(kind, settings, is_perturbed)
    label = torch.tensor([0, 1, 2, 2, 1, 0])
    second = copy.deepcopy(first)
    weights = torch.randn(first(x, label).shape, dtype=torch.float64)
    second.load_state_dict(first.state_dict())  # the power iterations of spectral norm moved on in that pass
    for network, condition in ((first, label), (second, torch.eye(NUM_CLASSES, dtype=torch.float64)[label])):
        network.train(training)
        network.output = network(x, condition)
        (network.output * weights).sum().backward()
    torch.testing.assert_close(first.output, second.output, rtol=0, atol=1e-12)
    for (name, one), other in zip(first.named_parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-12, atol=1e-12, msg=name)
    for one, other in zip(first.buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@every_network
def test_vector_changes_what_a_network_says_and_another_width_is_an_error(kind, settings):
    network, x = build(kind, settings, is_perturbed=True)
    network.eval()
    vector = torch.randn(6, NUM_CLASSES, dtype=torch.float64)
    assert not torch.allclose(network(x, vector), network(x, 2 * vector), atol=1e-6)
    with pytest.raises(RuntimeError):
        network(x, vector[:, :2])


def test_embedding_of_numbers_is_their_sum_of_rows_around_the_origin():
    for origin in (0.0, 1.0):
        embedding = ConditionEmbedding(3, 5, origin).double()
        label = torch.randn(4, 3, dtype=torch.float64)
        expected = torch.stack(
            [origin + sum(label[i, k] * (embedding.weight[k] - origin) for k in range(3)) for i in range(4)]
        )
        torch.testing.assert_close(embedding(label), expected, rtol=0, atol=1e-12)
        assert torch.equal(embedding(torch.zeros(1, 3)), torch.full((1, 5), origin).double())


def test_conditional_batch_norm_of_several_classes_starts_as_plain_batch_norm():
    norm = ConditionalBatchNorm(3, 4)
    x, label = torch.randn(6, 3), torch.tensor([[0.0, 1, 1, 1]]).expand(6, -1)
    torch.testing.assert_close(norm(x, label), nn.functional.batch_norm(x, None, None, training=True))


@pytest.mark.parametrize("kind", [MLPDiscriminator, DCGANDiscriminator, ResnetDiscriminator])
def test_spectral_norm_bounds_what_a_vector_adds_to_the_logit(kind):
    network, _ = build(kind, {"norm": "spectral"}, is_perturbed=False)
    embedding = network.head.embedding
    for _ in range(100):
        weight = embedding.weight  # a power iteration each
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=1e-3)
    embedding.eval()
    label = torch.randn(50, NUM_CLASSES, dtype=torch.float64)
    assert (embedding(label).norm(dim=1) <= 1.001 * label.norm(dim=1)).all()
