"""Networks from image to image, and the critics of patches: published sizes, any image size, noise that is declared."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.model import PatchDiscriminator, ResidualUNet, UNetGenerator


def num_parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def draw(network: UNetGenerator, num: int, seed: int = 0) -> dict[str, Tensor]:
    return network.draw_noise(num, lambda name: torch.Generator().manual_seed(seed))


def test_the_u_net_has_the_weights_of_pix2pix() -> None:
    with torch.device("meta"):
        assert num_parameters(UNetGenerator((3, 256, 256), norm="batch")) == 54_413_955  # "54.414 M"


def test_the_critic_has_the_weights_of_pix2pix() -> None:
    with torch.device("meta"):
        critic = PatchDiscriminator((3, 256, 256), norm="batch", source_channels=3)
    assert num_parameters(critic) == 2_768_705  # "2.769 M"


@pytest.mark.parametrize(("num_layers", "side"), [(0, 1), (1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_a_patch_of_the_published_side(num_layers: int, side: int) -> None:
    critic = PatchDiscriminator((1, 128, 128), width=2, num_layers=num_layers, norm="none").double()
    image = torch.randn(1, 1, 128, 128, dtype=torch.double, requires_grad=True)
    logits = critic(image)
    middle = logits.shape[2] // 2
    logits[0, 0, middle, middle].backward()
    assert image.grad is not None
    assert int((image.grad[0, 0].abs().sum(0) > 0).sum()) == side


def test_a_critic_returns_its_inner_maps_when_asked() -> None:
    said = PatchDiscriminator((1, 32, 32), width=4, num_layers=2, with_features=True)(
        torch.randn(2, 1, 32, 32)
    )
    assert [tuple(each.shape) for each in said["features"]] == [(2, 4, 16, 16), (2, 8, 8, 8), (2, 16, 7, 7)]
    assert said["logits"].shape == (2, 1, 6, 6)


def test_a_conditional_critic_tells_classes_apart() -> None:
    critic = PatchDiscriminator((1, 16, 16), width=4, num_layers=1, num_classes=3)
    image = torch.randn(1, 1, 16, 16).expand(2, -1, -1, -1)
    first, second = critic(image, torch.tensor([0, 1]))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("norm", ["instance", "batch", "layer", "none", "spectral"])
def test_a_critic_takes_each_norm(norm: str) -> None:
    assert (
        PatchDiscriminator((1, 16, 16), width=4, num_layers=1, norm=norm)(torch.randn(2, 1, 16, 16)).dim()
        == 4
    )


def test_more_layers_than_an_image_has_room_for_are_refused() -> None:
    with pytest.raises(SettingError, match="num_layers=2: must be less for images of 8x8"):
        PatchDiscriminator((1, 8, 8), num_layers=2)
    with pytest.raises(SettingError, match=r"norm=instanc: .*Did you mean 'instance'"):
        PatchDiscriminator((1, 8, 8), num_layers=1, norm="instanc")


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (5, 37), (1, 1)])
@pytest.mark.parametrize("kind", [UNetGenerator, ResidualUNet])
def test_a_translator_keeps_the_size_of_any_image(kind: type, size: tuple[int, int]) -> None:
    network = kind((3, 16, 16), source_channels=1, width=4, num_levels=2).eval()
    noise = draw(network, 2)
    made = network(torch.rand(2, 1, *size) * 2 - 1, **noise)
    assert made.shape == (2, 3, *size)
    assert made.abs().max() <= 1


def test_padding_changes_nothing_where_none_is_needed() -> None:
    network = ResidualUNet((1, 16, 16), width=4, num_levels=2)
    source = torch.randn(1, 1, 16, 16)
    torch.testing.assert_close(network(source), network.translate(source, {}))


def test_a_translator_that_adds_to_its_source_begins_with_it() -> None:
    network = ResidualUNet((1, 16, 16), width=4, adds_source=True)
    source = 3 * torch.randn(1, 1, 16, 16)
    assert torch.equal(network(source), source)
    assert torch.equal(network.eval()(source), source.clamp(-1, 1))
    with pytest.raises(
        SettingError, match="adds_source=True: must be false for sources and images of 1 and 3 channels"
    ):
        ResidualUNet((3, 16, 16), source_channels=1, adds_source=True)


def test_images_with_other_channels_are_refused() -> None:
    with pytest.raises(SettingError, match=r"source=\(2, 3, 16, 16\): must be \(B, 1, height, width\)"):
        ResidualUNet((1, 16, 16), width=4)(torch.zeros(2, 3, 16, 16))


def test_dropout_is_a_function_of_the_declared_noise_in_training_and_after_it() -> None:
    network = UNetGenerator((1, 16, 16), width=4, num_levels=4)
    assert {name: noise.shape for name, noise in network.noise.items()} == {
        "dropout_0": (16, 2, 2), "dropout_1": (8, 4, 4), "dropout_2": (4, 8, 8),
    }  # fmt: skip
    source, first, second = torch.randn(2, 1, 16, 16), draw(network, 2), draw(network, 2, seed=1)
    same = network(source, **first)
    torch.manual_seed(5)
    assert torch.equal(network(source, **first), same)
    assert torch.equal(network.eval()(source, **first), same)
    assert not torch.allclose(network(source, **second), same)


def test_a_mask_keeps_its_share_and_the_mean() -> None:
    network = UNetGenerator((1, 16, 16), width=4, num_levels=4, dropout=0.25)
    mask = network.mask(torch.rand(8, 4, 64, 64), torch.ones(8, 4, 64, 64))
    assert mask.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert mask.mean() == pytest.approx(1, abs=0.01)
    repeated = network.mask(torch.rand(1, 1, 2, 2), torch.ones(1, 1, 5, 3))
    assert torch.equal(repeated[..., :2, 2], repeated[..., 2:4, 0])


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(SettingError, match="kernel=4: must be odd, such as 3 or 7"):
        ResidualUNet((1, 16, 16), width=4, kernel=4)
    assert ResidualUNet((1, 16, 16), width=4, kernel=5).from_image.kernel_size == (5, 5)


def test_without_dropout_there_is_no_noise() -> None:
    assert UNetGenerator((1, 16, 16), width=4, num_levels=4, dropout=0.0).noise == {}
    assert ResidualUNet((1, 16, 16), width=4).noise == {}


def test_instance_norm_is_batch_norm_with_batches_of_one() -> None:
    settings = {"width": 4, "num_levels": 3, "dropout": 0.0}
    one = UNetGenerator((1, 32, 32), norm="instance", **settings)
    other = UNetGenerator((1, 32, 32), norm="batch", **settings)
    other.load_state_dict(one.state_dict(), strict=False)
    source = torch.randn(1, 1, 32, 32)
    torch.testing.assert_close(one(source), other(source), atol=1e-5, rtol=1e-4)
