"""The filtered activation that keeps a byte a value equals the plain composition, to second order."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from ganworks.model import StyleGAN3Generator
from ganworks.model.layer import filtered_lrelu as module
from ganworks.model.layer.filtered_lrelu import FilteredActivation, Form, composed, filtered_lrelu
from ganworks.model.stylegan3_schedule import low_pass

FORMS = [
    Form(2, 2, (9, 8, 7, 10), 0.2, 2**0.5, 0.6),
    Form(4, 2, (-6, -9, 2, 30), 0.2, 2**0.5, 256.0),
    Form(2, 1, (0, 40, -11, -12), 0.1, 1.0, None),
    Form(1, 4, (-3, 22, 20, 20), 1.0, 1.3, 0.5),
]
every_form = pytest.mark.parametrize("form", FORMS)
every_filter = pytest.mark.parametrize("radial", [False, True])


def case(form: Form, radial: bool, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    filters = [low_pass(6 * form.up, 4, 4, 32), low_pass(6 * form.down, 4, 4, 32, radial)]
    x = torch.randn(2, 3, 20, 22, dtype=dtype).requires_grad_()
    return x, *(f.to(dtype) for f in filters)  # type: ignore[union-attr]


def bytes_kept(function: Callable[[], Tensor]) -> int:
    """The bytes of the tensors that are kept for the gradient; each storage once."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        function()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@every_form
@every_filter
def test_value_and_both_gradients_are_those_of_the_composition(form: Form, radial: bool) -> None:
    x, up, down = case(form, radial)
    found, expected = FilteredActivation.apply(x, up, down, form)[0], composed(x, up, down, form)
    assert torch.equal(found, expected)
    v = torch.randn_like(found).requires_grad_()
    first = [torch.autograd.grad(y, x, v, create_graph=True)[0] for y in (found, expected)]
    assert torch.allclose(*first, rtol=1e-12, atol=1e-14)
    w = torch.randn_like(first[0])
    second = [torch.autograd.grad(gradient, v, w)[0] for gradient in first]
    assert torch.allclose(*second, rtol=1e-12, atol=1e-14)


@every_filter
def test_gradients_are_those_of_finite_differences(radial: bool) -> None:
    form = FORMS[0]
    _, up, down = case(form, radial)
    x = torch.randn(1, 1, 5, 6, dtype=torch.float64).requires_grad_()

    def activated(x: Tensor) -> Tensor:
        return filtered_lrelu(x, up, down, None, form.up, form.down, form.padding, clamp=1.0)

    assert gradcheck(activated, x)
    assert gradgradcheck(activated, x)


def test_a_mask_without_the_clamp_is_seen() -> None:
    x, up, down = case(FORMS[0], False)
    forms = FORMS[0], replace(FORMS[0], clamp=None)
    gradients = [torch.autograd.grad(FilteredActivation.apply(x, up, down, f)[0].sum(), x)[0] for f in forms]
    assert not torch.allclose(*gradients, rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_it_is_as_exact_as_the_composition(dtype: torch.dtype) -> None:
    form = replace(FORMS[0], clamp=0.7)  # no number of either type
    x, up, down = case(form, False, torch.float32)
    half = x.detach().to(dtype).requires_grad_()
    full = half.detach().float().requires_grad_()
    ys = FilteredActivation.apply(half, up, down, form)[0], composed(half, up, down, form)
    assert torch.equal(*ys)
    assert ys[0].dtype == dtype
    ours, plain = (torch.autograd.grad(y.float().square().sum(), half)[0].float() for y in ys)
    (exact,) = torch.autograd.grad(composed(full, up, down, form).square().sum(), full)
    assert (ours - exact).abs().mean() < 1.05 * (plain - exact).abs().mean() < 0.01


def test_it_differentiates_under_functional_transforms() -> None:
    x, up, down = case(FORMS[0], False)

    def loss(x: Tensor, activation: Callable[..., Tensor]) -> Tensor:
        return activation(x).square().sum()

    ours = torch.func.grad(loss)(x.detach(), lambda x: FilteredActivation.apply(x, up, down, FORMS[0])[0])
    assert torch.allclose(ours, torch.func.grad(loss)(x.detach(), lambda x: composed(x, up, down, FORMS[0])))


def test_a_byte_a_value_of_the_upsampled_map_is_kept() -> None:
    form = Form(2, 2, (9, 8, 9, 8), 0.2, 2**0.5, 256.0)
    x, up, down = case(form, False, torch.float32)
    filters = 4 * (len(up) + len(down))
    side = [2 * size + 9 + 8 - 11 for size in x.shape[2:]]  # less the filter's taps
    kept = bytes_kept(lambda: FilteredActivation.apply(x, up, down, form)[0])
    assert kept == 2 * 3 * side[0] * side[1] + filters
    assert bytes_kept(lambda: composed(x, up, down, form)) > 9 * kept


@pytest.mark.parametrize("kind", ["t", "r"])
def test_a_generator_keeps_less_than_half_for_its_gradient(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = StyleGAN3Generator((3, 32, 32), 8, w_dim=8, kind=kind, channel_base=1024, channel_max=12)
    z = torch.randn(2, 8)
    kept = bytes_kept(lambda: network(z))
    monkeypatch.setattr(module.FilteredActivation, "apply", lambda *arguments: (composed(*arguments), None))
    plain = bytes_kept(lambda: network(z))
    print(f"{kind}: {plain:,} bytes of plain operations, {kept:,} with masks")
    assert kept < plain / 2
