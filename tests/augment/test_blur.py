"""The blur that fades out: its kernel, its schedule, its gradients, and what it leaves alone."""

import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from games import BATCH, fit, make_task
from ganworks.augment import Ada, Blur, Compose
from ganworks.augment.blur import blurred
from ganworks.errors import SettingError
from ganworks.model import DCGANDiscriminator
from ganworks.noise import keyed_rng
from ganworks.regularizer import R1
from ganworks.schedule import Constant, Cosine, Linear

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize("sigma", [0.34, 1.0, 2.5])
def test_a_dot_becomes_the_kernel(sigma: float) -> None:
    x = torch.zeros(1, 1, 21, 21)
    x[..., 10, 10] = 1
    reach = math.floor(3 * sigma)
    row = torch.tensor([2 ** -((i / sigma) ** 2) if abs(i) <= reach else 0.0 for i in range(-10, 11)])
    expected = row.outer(row) / row.sum() ** 2
    assert torch.allclose(blurred(x, sigma)[0, 0], expected, atol=1e-7)


def test_beyond_the_border_are_zeros_and_a_constant_stays_inside() -> None:
    y = blurred(torch.ones(1, 2, 9, 30), 2.0)
    assert torch.allclose(y[..., 12], y[..., 18])
    assert y[0, 0, 4, 0] < 0.7 * y[0, 0, 4, 15]


def test_images_pass_untouched_where_the_kernel_has_one_tap() -> None:
    x = torch.randn(2, 3, 8, 8)
    assert blurred(x, 0.33) is x
    assert blurred(x, 0.0) is x
    assert not torch.equal(blurred(x, 0.34), x)


def test_a_kernel_larger_than_the_image_and_clips_and_half_precision_are_taken() -> None:
    clip = torch.randn(2, 3, 4, 6, 5)
    y = blurred(clip, 10.0)
    assert y.shape == clip.shape
    assert torch.allclose(y[:, :, 1], blurred(clip[:, :, 1], 10.0))
    assert blurred(clip.bfloat16(), 2.0).dtype == torch.bfloat16


def test_sigma_follows_the_images_of_all_ranks_and_its_state_goes_on_exactly() -> None:
    blur, other = (Blur(Linear(10.0, 0.0, 320)) for _ in range(2))
    assert blur.sigma == 10
    for _ in range(10):
        blur.observe(torch.zeros(8), 16)
    assert blur.sigma == pytest.approx(5)
    assert blur.scalars["sigma"] == 5
    other.load_state_dict(blur.state_dict())
    for each in (blur, other):
        each.observe(torch.zeros(8), 32)
        assert each.sigma == pytest.approx(4)
    blur.observe(torch.zeros(8), 1000)
    assert blur.sigma == 0


def test_gradients_go_through_it_to_second_order() -> None:
    network = DCGANDiscriminator((1, 8, 8), width=2, norm="none").double()
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: blurred(x, 1.3), x)
    (gradient,) = torch.autograd.grad(network(blurred(x, 1.3)).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert network.layers[0].weight.grad.abs().sum() > 0


def test_a_training_with_penalty_and_adaptive_augmentation_counts_its_images() -> None:
    augment = Compose(blur=Blur(Linear(2.0, 0.0, 3 * BATCH)), ada=Ada(adjust_images=1000, color=0))
    task = fit(make_task(num_steps=4, augment=augment, regularizers={"r1": R1(1.0)}))
    blur = task.augment.parts["blur"]
    assert (int(blur.images), blur.sigma) == (4 * BATCH, 0)
    assert task.state_dict()["augment.parts.blur.images"] == 4 * BATCH


def test_configurations_are_the_papers() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        alone, both = (instantiate(compose(f"augment/{name}").augment) for name in ("blur", "blur_ada"))
    assert alone.schedule == both.parts["blur"].schedule == Linear(10.0, 0.0, 200_000)
    assert list(both.parts) == ["blur", "ada"]
    assert both.parts["ada"].target == 0.6
    assert both(torch.randn(2, 3, 16, 16), keyed_rng(0)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize(
    ("sigma", "said"),
    [(-1.0, "sigma=-1"), (Cosine(1.0, -1.0, 10), "sigma"), (Linear(1.0, 0.0), "num_images")],
)
def test_a_sigma_that_cannot_be_is_named(sigma: float, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Blur(sigma)
    assert Blur(Constant(2.0)).sigma == 2


def test_samples_that_are_no_images_are_named() -> None:
    with pytest.raises(SettingError, match="augment"):
        Blur(1.0)(torch.randn(2, 5), keyed_rng(0))
