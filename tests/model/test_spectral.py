"""Spectral norm in its dialects, and attention, beside naive computations."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.model.layer.attention import SelfAttention
from ganworks.model.layer.spectral import (
    Layers,
    PowerIteration,
    SpectralConv2d,
    SpectralEmbedding,
    SpectralLinear,
)
from ganworks.task.ema import average_buffers, buffers_of


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def layers(power):
    return [
        (SpectralConv2d(3, 5, 3, power=power), torch.randn(2, 3, 4, 4)),
        (SpectralLinear(4, 6, power=power), torch.randn(2, 4)),
        (SpectralEmbedding(5, 4, power=power), torch.tensor([0, 3])),
    ]


@pytest.mark.parametrize("rule", ["max", "add"])
def test_one_pass_is_one_step_of_the_power_method(rule):
    layer = SpectralLinear(4, 6, bias=False, power=PowerIteration(0.3, rule))
    weight, u = layer.weight.detach(), layer.u.clone()

    def unit(x):
        length = x.square().sum().sqrt()
        return x / (length + 0.3) if rule == "add" else x / max(length.item(), 0.3)

    v = unit(u @ weight)
    new = unit(v @ weight.t())
    sigma = (new @ weight @ v.t()).item()
    x = torch.randn(2, 4)
    assert torch.allclose(layer(x), x @ weight.t() / sigma, atol=1e-5)
    assert torch.allclose(layer.u, new, atol=1e-6)


def test_largest_singular_value_becomes_one():
    for layer, x in layers(PowerIteration()):
        for _ in range(200):
            layer(x)
        found = torch.linalg.matrix_norm(layer.normed_weight().flatten(1), 2)
        assert found.item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("rule", "moves", "renews"), [("iterate", False, True), ("keep", True, True), ("stored", False, False)]
)
def test_pass_in_eval_mode_follows_its_rule(rule, moves, renews):
    for layer, x in layers(PowerIteration(in_eval=rule)):
        layer(x)
        layer.eval()
        u, v = layer.u.clone(), None if layer.v is None else layer.v.clone()
        found = layer.normed_weight()
        assert torch.equal(layer.u, u) != moves
        v = v if v is not None else layer.power.step(layer.weight.flatten(1), u)[1]
        stored = layer.weight / (u @ layer.weight.flatten(1) @ v.t()).squeeze()
        assert torch.allclose(found, stored, atol=1e-6) != renews


@pytest.mark.parametrize("through", [False, True])
def test_gradient_passes_through_the_vectors_only_where_asked(through):
    layer = SpectralLinear(4, 6, bias=False, power=PowerIteration(through_vectors=through)).double()
    weight, u, x = layer.weight, layer.u.clone(), torch.randn(2, 4).double()
    found = torch.autograd.grad(layer(x).square().sum(), weight)[0]
    new, v = layer.power.step(weight if through else weight.detach(), u)
    expected = torch.autograd.grad((x @ (weight / (new @ weight @ v.t())).t()).square().sum(), weight)[0]
    assert torch.allclose(found, expected)
    other, w = layer.power.step(weight.detach() if through else weight, u)
    wrong = torch.autograd.grad((x @ (weight / (other @ weight @ w.t())).t()).square().sum(), weight)[0]
    assert not torch.allclose(found, wrong)


def test_two_passes_may_be_differentiated_together():
    layer, x = layers(PowerIteration())[0]
    (layer(x).sum() + layer(-x).square().sum()).backward()
    assert layer.weight.grad.isfinite().all()


def test_average_of_weights_copies_the_vectors_instead_of_averaging_them():
    for power in (PowerIteration(), PowerIteration(in_eval="stored")):
        layer = SpectralConv2d(3, 5, 3, power=power)
        average = copy.deepcopy(layer)
        layer.u.copy_(torch.randn(1, 5))
        average_buffers(average, layer, 0.1)
        assert torch.equal(average.u, layer.u)
        assert len(buffers_of(layer)["copied"]) == (1 if power.in_eval == "iterate" else 2)


@pytest.mark.parametrize(("setting", "value"), [("eps_rule", "mx"), ("in_eval", "iterates"), ("eps", -1.0)])
def test_unknown_dialect_is_an_error(setting, value):
    with pytest.raises(SettingError, match=setting):
        PowerIteration(**{setting: value})


@pytest.mark.parametrize("power", [None, PowerIteration()])
def test_attention_equals_a_naive_computation(power):
    attention = SelfAttention(16, Layers(power)).double().eval()
    x = torch.randn(2, 16, 4, 4).double()
    assert torch.equal(attention(x), x)
    attention.gamma.data.fill_(0.7)

    def of(conv, at):
        weight = conv.weight if power is None else conv.normed_weight()
        return weight[:, :, 0, 0] @ at

    pooled = nn.functional.max_pool2d
    found = attention(x)
    for sample in range(2):
        keys = pooled(attention.key(x[sample : sample + 1]), 2)[0].flatten(1)
        values = pooled(attention.value(x[sample : sample + 1]), 2)[0].flatten(1)
        for row in range(4):
            for column in range(4):
                at = x[sample, :, row, column]
                shares = torch.softmax(of(attention.query, at) @ keys, 0)
                expected = at + 0.7 * of(attention.out, values @ shares)
                assert torch.allclose(found[sample, :, row, column], expected)
    assert keys.shape == (2, 4)
    assert values.shape == (8, 4)
