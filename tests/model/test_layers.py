"""The layers that families share compute what the official operators computed."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ganworks.errors import SettingError
from ganworks.model.layer.activation import bias_act
from ganworks.model.layer.equalized import EqualizedConv, EqualizedLinear
from ganworks.model.layer.minibatch_std import MinibatchStd
from ganworks.model.layer.normalize import normalize
from ganworks.model.layer.resample import (
    downsample,
    downsample_conv,
    fir_filter,
    upfirdn,
    upsample,
    upsample_conv,
)
from golden import close, deviation, golden

OPS = golden("ops")
F = fir_filter([1, 3, 3, 1])
FIR = {"2d": OPS["filter.2d"], "separable": OPS["filter.separable"]}


@pytest.mark.parametrize("case", "abcdef")
def test_upfirdn_equals_the_official_operator(case: str) -> None:
    facts = dict(OPS.facts["arguments"][f"upfirdn.{case}"])
    f, flip = FIR[facts.pop("f")], facts.pop("flip_filter", False)
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items()}
    close(upfirdn(OPS["in.x"], f, flip=flip, **settings), OPS[f"upfirdn.{case}"], 1e-6)
    assert deviation(upfirdn(OPS["in.x"], f, flip=not flip, **settings), OPS[f"upfirdn.{case}"]) > 0.01


def test_resampling_by_two_equals_the_official_operator_and_the_definition() -> None:
    close(F, OPS["filter.1331"], 1e-6)
    x, wide = OPS["in.x"], OPS["downsample.in"]
    close(upsample(x, F), OPS["upsample.1331"], 1e-6)
    close(upsample(x, F), upfirdn(x, F, up=2, padding=(2, 1, 2, 1), gain=4), 1e-6)
    close(downsample(wide, F), OPS["downsample.1331"], 1e-6)
    close(upfirdn(x, fir_filter([1, 2, 3, 2, 1]), padding=2), OPS["filter.1331_5x"], 1e-6)


def test_an_asymmetric_filter_is_convolved_in_every_form() -> None:
    f = fir_filter(torch.arange(1.0, 17).view(4, 4))
    x = torch.randn(2, 3, 8, 6)
    close(upsample(x, f), upfirdn(x, f, up=2, padding=(2, 1, 2, 1), gain=4), 1e-6)
    close(downsample(x, f), upfirdn(x, f, down=2, padding=1), 1e-6)


@pytest.mark.parametrize("kernel", [1, 3])
def test_convolutions_that_resample_equal_the_official_ones(kernel: int) -> None:
    x, w = OPS["conv.x"], OPS[f"conv.w{kernel}"]
    for change in ("same", "up", "down"):
        layer = EqualizedConv(3, 4, kernel, bias=False, up=change == "up", down=change == "down")
        close(layer.convolve(x, w), OPS[f"conv.w{kernel}.{change}"], 1e-6)
    assert deviation(upsample_conv(x, OPS["conv.w3"].flip(2, 3), F), OPS["conv.w3.up"]) > 0.1


def test_the_activation_has_its_gain_before_its_clamp() -> None:
    x, bias = OPS["in.x"], OPS["act.b"]
    close(bias_act(x, bias), OPS["act.lrelu"], 1e-6)
    close(bias_act(x, bias, slope=1, gain=1), OPS["act.linear"], 1e-6)
    close(bias_act(x, bias, gain=0.7, clamp=0.5), OPS["act.lrelu_gain_clamp"], 1e-6)


def test_minibatch_deviation_has_strided_groups() -> None:
    x = OPS["mbstd.x"]
    close(MinibatchStd(3)(x), OPS["mbstd.group3"], 1e-6)
    close(MinibatchStd(3, 2)(x), OPS["mbstd.group3_features2"], 1e-6)
    assert MinibatchStd(32)(x).shape == (6, 5, 3, 3)
    with pytest.raises(SettingError, match="group_size"):
        MinibatchStd(4)(x)


def test_normalisation_shows_its_epsilon() -> None:
    close(normalize(OPS["norm.z"]), OPS["norm.out"], 1e-6)


@pytest.mark.parametrize("form", [upsample, downsample])
def test_resampling_keeps_a_constant_inside_and_differentiates_twice(form) -> None:
    ones = torch.ones(1, 1, 8, 8)
    close(form(ones, F)[..., 1:-1, 1:-1], torch.ones_like(form(ones, F)[..., 1:-1, 1:-1]), 1e-6)
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: form(x, F).square(), x)
    assert gradgradcheck(lambda x: form(x, F).square(), x)


def test_up_then_down_keeps_the_mean_of_what_does_not_touch_the_border() -> None:
    x = torch.zeros(1, 1, 12, 12)
    x[..., 4:8, 4:8] = torch.randn(4, 4)
    torch.testing.assert_close(downsample(upsample(x, F), F).mean(), x.mean())


def test_a_filtered_strided_convolution_is_the_filter_then_the_convolution() -> None:
    x, w = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3)
    smooth = upfirdn(x, F, padding=2)
    close(downsample_conv(x, w, F), torch.nn.functional.conv2d(smooth, w)[..., ::2, ::2], 1e-5)


def test_equalized_layers_start_with_unit_variance_whatever_their_multiplier() -> None:
    torch.manual_seed(0)
    x = torch.randn(256, 512)
    for multiplier in (1.0, 0.01):
        layer = EqualizedLinear(512, 512, bias_init=1.0, lr_multiplier=multiplier, divided_bias=True)
        out = layer(x)
        assert out.std().item() == pytest.approx(1, rel=0.02)
        assert out.mean().item() == pytest.approx(1, abs=0.02)
        assert layer.weight.std().item() == pytest.approx(1 / multiplier, rel=0.02)
    maps = EqualizedConv(64, 64, 3, activation="lrelu")(torch.randn(4, 64, 16, 16))[..., 1:-1, 1:-1]
    assert maps.square().mean().item() == pytest.approx(1.04, rel=0.05)  # (1 + .2^2) / 2 times 2
