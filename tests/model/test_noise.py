"""The noise that generators declare: its laws, its keys, what a player of several networks takes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ganworks.errors import SettingError
from ganworks.model import MLPGenerator
from ganworks.model.base import conditions_of, draw_noise, noise_of, produce
from ganworks.model.noise import Noise
from ganworks.noise import keyed_rng

EULER = 0.5772156649


@pytest.mark.parametrize(
    ("law", "mean", "deviation"),
    [("normal", 0.0, 1.0), ("uniform", 0.5, 12**-0.5), ("gumbel", EULER, math.pi / 6**0.5)],
)
def test_a_law_has_its_mean_and_deviation(law: str, mean: float, deviation: float) -> None:
    noise = Noise((50,), law).draw(2000, keyed_rng(0))
    assert noise.shape == (2000, 50)
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(mean, abs=0.02)
    assert noise.std().item() == pytest.approx(deviation, abs=0.02)


def test_truncation_bounds_normal_noise_alone() -> None:
    assert Noise((50,)).draw(100, keyed_rng(0), truncation=0.5).abs().max() <= 0.5
    assert Noise((50,), "gumbel").draw(100, keyed_rng(0), truncation=0.5).abs().max() > 0.5


def test_an_unknown_law_is_named() -> None:
    with pytest.raises(SettingError, match="law=cauchy"):
        Noise((1,), "cauchy")


class Grain(nn.Module):
    """A plain module that declares noise and takes no label."""

    noise = {"grain": Noise((3,), "uniform")}  # noqa: RUF012

    def forward(self, grain: torch.Tensor) -> torch.Tensor:
        return grain


def test_a_player_of_several_networks_takes_the_noise_of_all_from_streams_of_their_names() -> None:
    player = nn.ModuleDict({"mapping": MLPGenerator((2,), latent_dim=4, num_classes=3), "grain": Grain()})
    assert set(noise_of(player)) == {"latent", "grain"}
    assert conditions_of(player) == ("label",)
    drawn = draw_noise(player, 5, lambda name: keyed_rng("key", name))
    assert torch.equal(drawn["latent"], torch.randn(5, 4, generator=keyed_rng("key", "latent")))
    assert torch.equal(drawn["grain"], torch.rand(5, 3, generator=keyed_rng("key", "grain")))


def test_one_network_is_called_with_what_it_declares_and_nothing_else() -> None:
    inputs = {"grain": torch.rand(2, 3), "label": torch.zeros(2), "real": torch.zeros(2)}
    assert torch.equal(produce(Grain(), inputs)["fake"], inputs["grain"])
