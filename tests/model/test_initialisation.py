"""Before the first update no output is saturated, and no logit has vanished or exploded."""

from __future__ import annotations

import pytest
import torch
from hydra.utils import instantiate
from torch import nn
from torch.nn.functional import interpolate

from ganworks.model.resnet import ResnetDiscriminator, ResnetGenerator, fan_in
from ganworks.run.compose import compose

WIDTHS = (16, 32, 64)
RESNETS = (ResnetGenerator, ResnetDiscriminator)


def smooth_images(num: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Images with the deviation of photographs, .5, and neighbouring pixels alike."""
    coarse = torch.randn(num, shape[0], 4, 4)
    return (0.7 * interpolate(coarse, size=shape[1:], mode="bilinear")).clamp(-1, 1)


@torch.no_grad()
def outputs_and_logits(generator: nn.Module, discriminator: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    fake = generator(torch.randn(64, generator.latent_dim))
    return fake, discriminator(smooth_images(64, generator.shape))


@pytest.mark.parametrize("name", ["dcgan", "resnet", "mlp"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_networks_start_neither_flat_nor_saturated_at_any_width(name, shape) -> None:
    data = [f"data.channels={shape[0]}", f"data.resolution={shape[1]}"]
    config = compose([f"model={name}", *data]).model
    for config.width in WIDTHS:
        torch.manual_seed(0)
        pair = (instantiate(config[player]) for player in ("generator", "discriminator"))
        fake, logits = outputs_and_logits(*pair)
        # One sample differs from the next; those of a perceptron, with PyTorch's small weights, the least.
        assert 0.02 < fake.std(0).mean() < 0.65
        assert 0.04 < fake.std() < 0.7
        assert (fake.abs() > 0.95).double().mean() < 0.2
        assert 0.005 < logits.std() < 2
        assert logits.abs().max() < 10


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
@pytest.mark.parametrize("patch_size", [1, 2])
def test_a_wider_resnet_starts_with_outputs_and_logits_of_the_same_size(shape, patch_size) -> None:
    torch.manual_seed(0)
    pairs = [
        outputs_and_logits(*(kind(shape, width=width, patch_size=patch_size) for kind in RESNETS))
        for width in WIDTHS
    ]
    deviations = torch.tensor([[fake.std(), logits.std()] for fake, logits in pairs])
    assert deviations.amax(0).div(deviations.amin(0)).max() < 1.8
    assert all((fake.abs() > 0.95).double().mean() < 0.06 for fake, _ in pairs)


def test_the_networks_of_cifar10_wgan_gp_do_not_start_saturated() -> None:
    torch.manual_seed(0)
    fake, _ = outputs_and_logits(*(kind((3, 32, 32), width=128, patch_size=1) for kind in RESNETS))
    assert (fake.abs() > 0.95).double().mean() < 0.03  # .78 with the fan-in that PyTorch counts


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (4, 2), (6, 4)])
def test_fan_in_of_a_transposed_convolution_keeps_the_variance_of_its_input(kernel, stride) -> None:
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(64, 48, kernel, stride, padding=1, bias=False)
    nn.init.normal_(layer.weight, std=fan_in(layer) ** -0.5)
    with torch.no_grad():
        outputs = layer(torch.randn(16, 64, 12, 12))
    margin = 2 * stride  # at the borders fewer taps meet
    assert outputs[..., margin:-margin, margin:-margin].var().item() == pytest.approx(1, rel=0.1)


def test_fan_in_of_other_layers_is_that_of_pytorch() -> None:
    for layer in (nn.Linear(12, 5), nn.Conv2d(6, 4, 3)):
        assert fan_in(layer) == nn.init._calculate_fan_in_and_fan_out(layer.weight)[0]
