"""FastGAN's discriminator and its term, and what regularizers see of what a network returns."""

import pytest
import torch

from ganworks.errors import GanworksError, SettingError
from ganworks.model import FastGANDiscriminator
from ganworks.regularizer import Reconstruction


@pytest.fixture
def network():
    torch.manual_seed(0)
    return FastGANDiscriminator((3, 64, 64), width=4)


def test_discriminator_rebuilds_a_part_and_the_whole_of_what_it_saw(network):
    x = torch.randn(2, 3, 64, 64)
    said = network.eval()(x)
    assert said["logits"].shape == (2, 5, 5)
    assert said["reconstruction"].shape == said["target"].shape == (4, 3, 32, 32)
    assert torch.equal(said["target"][:2], x[:, :, 16:48, 16:48])
    assert torch.allclose(said["target"][2:], torch.nn.functional.avg_pool2d(x, 2))


def test_place_of_the_part_is_drawn_from_the_networks_stream(network):
    x = torch.randn(2, 3, 64, 64)

    def target(seed):
        torch.manual_seed(seed)
        return network.train()(x)["target"][:2]

    assert torch.equal(target(1), target(1))
    assert len({tuple(target(seed).flatten()[:4].tolist()) for seed in range(6)}) > 1


def test_nothing_is_rebuilt_where_the_discriminator_does_not_learn(network):
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert set(network(x)) == {"logits"}
    assert set(network.requires_grad_(False)(x.requires_grad_())) == {"logits"}


def test_term_is_the_mean_difference_and_trains_decoders_and_encoder(network):
    said = network(torch.randn(2, 3, 64, 64))
    batch = {f"real_{name}": value for name, value in said.items()}
    term = Reconstruction().penalty(network, batch, torch.Generator())
    assert term.item() == pytest.approx((said["reconstruction"] - said["target"]).abs().mean().item())
    term.backward()
    for part in (network.decoders, network.from_image):
        assert all(each.grad is not None and each.grad.any() for each in part.parameters())
    assert next(network.to_logits.parameters()).grad is None


def test_a_few_steps_lower_the_term(network):
    torch.manual_seed(0)
    x, optimizer = torch.rand(4, 3, 64, 64) / 9 + 0.5, torch.optim.Adam(network.parameters(), 1e-2)
    values = []
    for _ in range(8):
        batch = {f"real_{name}": value for name, value in network(x).items()}
        term = Reconstruction().penalty(network, batch, torch.Generator())
        optimizer.zero_grad()
        term.backward()
        optimizer.step()
        values.append(term.item())
    assert values[-1] < 0.8 * values[0]


@pytest.mark.parametrize("resolution", [32, 128])
def test_conditional_one_tells_classes_apart_at_every_size(resolution):
    network = FastGANDiscriminator((1, resolution, resolution), 3, width=2).eval()
    x = torch.randn(1, 1, resolution, resolution).expand(2, -1, -1, -1)
    said = network(x, torch.tensor([0, 2]))
    assert not torch.allclose(*said["logits"])
    assert said["reconstruction"].shape[2] == resolution // 2


def test_discriminator_without_decoders_is_refused():
    with pytest.raises(SettingError, match="model=fastgan"):
        Reconstruction().penalty(None, {}, torch.Generator())


def test_missing_weights_of_lpips_are_found_before_the_training(tmp_path):
    with pytest.raises(GanworksError, match=r"regularizer\.reconstruction\.weights"):
        Reconstruction(distance="lpips", weights=str(tmp_path / "none.pth"))
