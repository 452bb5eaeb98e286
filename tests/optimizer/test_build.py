"""Building an optimizer in its fastest implementation, and every file of conf/optimizer."""

import io
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

import ganworks.optimizer
from ganworks.errors import GanworksError
from ganworks.optimizer import Schedule, build

FILES = sorted((Path(ganworks.optimizer.__file__).parents[3] / "conf" / "optimizer").glob("*.yaml"))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def step(module, optimizer, num=3):
    for _ in range(num):
        optimizer.zero_grad()
        module(torch.ones(5, 3)).square().mean().backward()
        optimizer.step()
    return nn.utils.parameters_to_vector(module.parameters())


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_fused_is_used_where_the_optimizer_has_it(kind):
    assert build(partial(kind, lr=0.1), network()).defaults["fused"] is True
    not_fused = build(partial(kind, lr=0.1), network(), allow_fused=False)
    assert (not_fused.defaults["fused"], not_fused.defaults["foreach"]) == (None, True)


def test_foreach_is_used_where_there_is_no_fused_one():
    assert build(torch.optim.RMSprop, network()).defaults["foreach"] is True


@pytest.mark.parametrize("choice", [{"fused": False}, {"foreach": False}, {"foreach": True}])
def test_choice_of_the_user_is_left_alone(choice):
    defaults = build(partial(torch.optim.Adam, lr=0.1, **choice), network()).defaults
    assert {name: defaults[name] for name in choice} == choice
    assert defaults["fused"] is not True


def test_device_without_a_fused_implementation_falls_back():
    """A complex parameter has no fused kernel on any device: torch raises RuntimeError."""
    module = nn.ParameterList([nn.Parameter(torch.ones(2, dtype=torch.complex64))])
    module[0].grad = torch.ones_like(module[0])
    with pytest.raises(RuntimeError, match="fused"):
        torch.optim.Adam(module.parameters(), fused=True).step()
    defaults = build(torch.optim.Adam, module).defaults
    assert (defaults["fused"], defaults["foreach"]) == (None, True)


def test_any_callable_makes_an_optimizer():
    class Mine(torch.optim.SGD):
        def __init__(self, params, lr=0.5):
            super().__init__(params, lr=lr)

    assert build(Mine, network()).defaults["lr"] == 0.5
    assert build(lambda params: torch.optim.SGD(params, lr=0.3), network()).defaults["lr"] == 0.3


def test_fused_steps_equal_plain_steps():
    fused, plain = network(), network()
    fast = step(fused, build(partial(torch.optim.Adam, lr=0.01), fused))
    slow = step(plain, torch.optim.Adam(plain.parameters(), lr=0.01, foreach=False))
    assert torch.allclose(fast, slow, atol=1e-6)
    assert not torch.allclose(fast, nn.utils.parameters_to_vector(network().parameters()), atol=1e-3)


def test_frozen_parameters_are_left_out():
    module = network()
    module[0].requires_grad_(False)
    (group,) = build(torch.optim.Adam, module).param_groups
    assert [tuple(parameter.shape) for parameter in group["params"]] == [(1, 4), (1,)]


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"lr": 0.1, "betas": (0.5, 2.0)}, {"nonsense": 1}])
def test_rejected_setting_is_an_error_that_names_the_optimizer(wrong):
    with pytest.raises(GanworksError, match="Adam"):
        build(partial(torch.optim.Adam, **wrong), network())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_config_builds_a_pair_that_trains_and_is_saved_as_plain_types(path):
    config = OmegaConf.load(path)
    for player in ("generator", "discriminator"):
        module = network()
        optimizer = build(instantiate(config[player]), module)
        schedule = instantiate(config.schedule)
        assert isinstance(schedule, Schedule)
        schedule.apply(optimizer, 0.5)
        before = nn.utils.parameters_to_vector(module.parameters()).clone()
        assert not torch.equal(step(module, optimizer), before)
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        torch.load(file, weights_only=True)


@pytest.mark.parametrize(
    ("name", "lrs", "betas"),
    [
        ("adam", (2e-4, 2e-4), (0.5, 0.999)),
        ("adam_ttur", (1e-4, 4e-4), (0.0, 0.9)),
        ("wgan_gp", (1e-4, 1e-4), (0.0, 0.9)),
        ("r3gan", (2e-4, 2e-4), (0.0, 0.9)),
        ("rmsprop", (5e-5, 5e-5), None),
    ],
)
def test_config_has_the_published_values(name, lrs, betas):
    config = OmegaConf.load(FILES[0].parent / f"{name}.yaml")
    assert (config.generator.lr, config.discriminator.lr) == lrs
    assert {tuple(config[player].get("betas") or ()) for player in ("generator", "discriminator")} == {
        betas or ()
    }


def test_r3gan_config_ends_at_the_published_values():
    config = OmegaConf.load(FILES[0].parent / "r3gan.yaml")
    optimizer = build(instantiate(config.generator), network())
    instantiate(config.schedule).apply(optimizer, 1.0)
    (group,) = optimizer.param_groups
    assert group["lr"] == pytest.approx(5e-5)
    assert group["betas"] == pytest.approx((0.0, 0.99))


def test_betas_may_be_written_with_an_integer() -> None:
    optimizer = build(partial(torch.optim.Adam, lr=1e-3, betas=[0, 0.99]), nn.Linear(2, 2))
    assert optimizer.param_groups[0]["betas"] == (0.0, 0.99)
