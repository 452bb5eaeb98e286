"""Maxout and PacGAN's networks in the plane."""

import torch

from ganworks.model import MaxoutDiscriminator, MLPGenerator
from ganworks.model.layer.maxout import Maxout
from running import compose


def test_a_unit_is_the_largest_of_its_linear_functions() -> None:
    layer = Maxout(3, 4, num_pieces=5).double()
    x = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    units = layer(x)
    for unit in range(4):
        rows = range(5 * unit, 5 * unit + 5)
        pieces = [x @ layer.linear.weight[row] + layer.linear.bias[row] for row in rows]
        assert torch.allclose(units[:, unit], torch.stack(pieces).max(dim=0).values)


def test_networks_of_pacgan_have_the_sizes_of_the_paper() -> None:
    from hydra.utils import instantiate

    config = compose("experiment=pacgan_grid")
    generator, critic = instantiate(config.model.generator), instantiate(config.model.discriminator)
    assert isinstance(generator, MLPGenerator)
    assert isinstance(critic, MaxoutDiscriminator)
    pairs = ((2, 400), (400, 400), (400, 400), (400, 400))
    batch_norm = 4 * 2 * 400
    assert (
        sum(p.numel() for p in generator.parameters()) == sum(a * b + b for a, b in pairs) + 802 + batch_norm
    )
    wide = sum((a + 1) * 1000 for a in (2, 200, 200))
    assert sum(p.numel() for p in critic.parameters()) == wide + 201
    assert critic(torch.zeros(5, 2)).shape == (5,)
    assert config.num_images == 400 * 100_000
