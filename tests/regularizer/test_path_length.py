"""Path length: equation 4 of StyleGAN2, its running mean, and what it asks of a generator."""

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import DCGANGenerator, StyleGAN2Generator
from ganworks.regularizer import PathLength
from ganworks.regularizer.path_length import path_lengths


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return StyleGAN2Generator(
        (2, 8, 8),
        4,
        w_dim=5,
        num_mapping=2,
        channel_base=32,
        channel_max=4,
        half_type="bfloat16",
        num_half_res=1,
    )


def batch_for(generator, num=4):
    rng = torch.Generator().manual_seed(1)
    return {"real": torch.zeros(num, 2, 8, 8), **generator.draw_noise(num, lambda name: rng)}


def test_lengths_equal_those_of_the_whole_jacobian(generator):
    ws = torch.randn(3, generator.num_ws, 5, requires_grad=True)
    y = torch.randn(3, 2, 8, 8)
    found = path_lengths(generator.from_w(ws), ws, y)
    for i in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda w: generator.from_w(w[None])[0], ws[i].detach())
        product = (jacobian * (y[i] / 8)[..., None, None]).sum(
            (0, 1, 2)
        )  # J^T y, y over the root of 64 pixels
        assert found[i].item() == pytest.approx(product.square().sum(1).mean().sqrt().item(), rel=1e-2)


def test_penalty_is_that_of_the_lengths_around_their_running_mean(generator):
    penalty, batch = PathLength(decay=0.25, batch_share=1.0), batch_for(generator)
    found = penalty.penalty(generator, batch, torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(0)
    noise = generator.draw_noise(4, lambda name: rng)
    ws = generator.styles(**noise)
    full = StyleGAN2Generator((2, 8, 8), 4, w_dim=5, num_mapping=2, channel_base=32, channel_max=4)
    full.load_state_dict(generator.state_dict())  # float32 throughout
    lengths = path_lengths(full.from_w(ws, **noise), ws, torch.randn(4, 2, 8, 8, generator=rng))
    assert penalty.mean_length.item() == pytest.approx(0.25 * lengths.mean().item())
    expected = (lengths - 0.25 * lengths.mean().detach()).square().mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert "mean_length" in penalty.state_dict()


def test_penalty_reaches_mapping_and_synthesis_but_not_the_mean_of_w(generator):
    before = generator.w_mean.clone()
    PathLength().penalty(generator, batch_for(generator), torch.Generator()).backward()
    for name in ("mapping.layers.0.weight", "synthesis.b4.const", "synthesis.b8.conv0.affine.weight"):
        assert generator.get_parameter(name).grad.abs().sum() > 0
    assert torch.equal(generator.w_mean, before)


def test_share_of_the_batch_is_drawn_with_its_labels(generator):
    seen = []
    conditional = StyleGAN2Generator((2, 8, 8), 4, num_classes=3, w_dim=5, num_mapping=1, channel_base=32)
    conditional.styles = lambda latent, label=None, **noise: (
        seen.append(label) or type(conditional).styles(conditional, latent, label, **noise)
    )
    batch = {**batch_for(conditional), "label": torch.tensor([2, 0, 1, 1])}
    PathLength(batch_share=0.5).penalty(conditional, batch, torch.Generator())
    assert seen[0].tolist() == [2, 0]


def test_descending_it_evens_the_lengths_out(generator):
    penalty, batch = PathLength(batch_share=1.0, decay=0.1), batch_for(generator, 16)
    optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = penalty.penalty(generator, batch, torch.Generator().manual_seed(3))
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]


def test_generator_without_styles_and_shares_out_of_range_are_named():
    with pytest.raises(SettingError, match=r"regularizer\.path_length=DCGANGenerator.*stylegan2"):
        PathLength().penalty(DCGANGenerator((1, 8, 8)), {}, torch.Generator())
    with pytest.raises(SettingError, match="batch_share"):
        PathLength(batch_share=2.0)
