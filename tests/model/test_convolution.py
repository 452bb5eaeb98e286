"""Convolutions that are differentiated twice: their values, their derivatives, how many calls they take."""

from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d
from torch.utils._python_dispatch import TorchDispatchMode

from ganworks.errors import SettingError
from ganworks.model.layer.convolution import Convolution, grouped_conv2d
from ganworks.task.player import frozen

GEOMETRIES = [
    {"groups": 2},
    {"groups": 4, "stride": 2, "padding": 1},
    {"groups": 1, "padding": (2, 1), "dilation": (1, 2)},
]


class Calls(TorchDispatchMode):
    """Counts the convolutions that are dispatched inside, forward and backward ones by what they ask for."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if "convolution_backward" in str(function):
            self.counts.update({"input": args[-1][0], "weight": args[-1][1]})
        elif "convolution" in str(function):
            self.counts["forward"] += 1
        return function(*args, **(kwargs or {}))


def drawn(groups=2, **kwargs):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    return x, torch.randn(8, 4 // groups, 3, 3, dtype=torch.float64, requires_grad=True)


def network(double_backward, groups=8):
    torch.manual_seed(0)
    layers = [Convolution(16, 16, 3, padding=1, groups=groups, double_backward=double_backward) for _ in "ab"]
    return nn.Sequential(layers[0], nn.LeakyReLU(0.2), layers[1], nn.LeakyReLU(0.2))


def penalty(net, x):
    return torch.autograd.grad(net(x).sum(), x, create_graph=True)[0].square().sum()


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_values_and_derivatives_to_third_order_are_exact(geometry):
    x, weight = drawn(**geometry)

    def cubed_gradients(x, weight):
        y = grouped_conv2d(x, weight, **geometry)
        return torch.autograd.grad(y.pow(3).sum(), (x, weight), create_graph=True)

    assert torch.equal(grouped_conv2d(x, weight, **geometry), conv2d(x, weight, **geometry))
    assert torch.autograd.gradcheck(lambda *args: grouped_conv2d(*args, **geometry), (x, weight))
    assert torch.autograd.gradgradcheck(
        lambda *args: grouped_conv2d(*args, **geometry), (x, weight), fast_mode=True
    )
    assert torch.autograd.gradgradcheck(cubed_gradients, (x, weight), fast_mode=True)


def test_bias_is_added():
    x, weight = drawn()
    bias = torch.randn(8, dtype=torch.float64)
    assert torch.allclose(grouped_conv2d(x, weight, bias, groups=2), conv2d(x, weight, bias, groups=2))


def test_penalty_takes_one_convolution_where_pytorch_takes_one_a_group():
    calls = {}
    for double_backward in ("native", "grouped"):
        net, x = network(double_backward), torch.randn(2, 16, 6, 6, requires_grad=True)
        with Calls() as mode:
            penalty(net, x).backward()
        calls[double_backward] = mode.counts
    # 2 layers of 8 groups: forward, second derivative, and 16 more for the weights.
    assert calls["native"]["forward"] == 20
    assert calls["grouped"] == {"forward": 4, "input": 4, "weight": 4}


def test_inner_gradient_of_a_penalty_computes_no_gradient_of_weights():
    net, x = network("grouped"), torch.randn(2, 16, 6, 6, requires_grad=True)
    with Calls() as mode:
        penalty(net, x)
    assert mode.counts == {"forward": 2, "input": 2, "weight": 0}


def test_frozen_weights_get_no_gradient_and_let_that_of_the_input_pass():
    net, x = network("grouped"), torch.randn(2, 16, 6, 6, requires_grad=True)
    with frozen(net):
        value = net(x).sum()
    with Calls() as mode:
        value.backward()
    assert mode.counts == {"input": 2, "weight": 0}
    assert x.grad is not None
    assert all(parameter.grad is None for parameter in net.parameters())


def test_function_transforms_give_the_same_gradients():
    net, x = network("grouped"), torch.randn(2, 16, 6, 6, requires_grad=True)
    expected = torch.autograd.grad(penalty(net, x), list(net.parameters()))
    inner = torch.func.grad(lambda x: net(x).sum())(x)
    found = torch.autograd.grad(inner.square().sum(), list(net.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)
    parameters = dict(net.named_parameters())

    def whole(parameters):
        logits = lambda x: torch.func.functional_call(net, parameters, x).sum()  # noqa: E731
        return torch.func.grad(logits)(x.detach()).square().sum()

    for ours, theirs in zip(torch.func.grad(whole)(parameters).values(), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_autocast_computes_in_half_precision_and_gives_gradients_of_the_weights_type():
    net, x = network("grouped"), torch.randn(2, 16, 6, 6, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(x).dtype == torch.bfloat16
        penalty(net, x).backward()
    assert {parameter.grad.dtype for parameter in net.parameters()} == {torch.float32}


def test_compiled_network_has_the_gradients_of_the_eager_one():
    net, x = network("grouped"), torch.randn(2, 16, 6, 6)
    expected = torch.autograd.grad(net(x).square().sum(), list(net.parameters()))
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    found = torch.autograd.grad(compiled(x).square().sum(), list(net.parameters()))
    assert all(torch.allclose(ours, theirs, atol=1e-3) for ours, theirs in zip(found, expected, strict=True))


def test_another_word_is_answered_with_the_nearest():
    with pytest.raises(SettingError, match="Did you mean 'grouped'"):
        Convolution(4, 4, 3, double_backward="group")
