"""Standing statistics: what the batch norms of a trained generator see is measured anew."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ganworks.errors import SettingError
from ganworks.model import BigGANGenerator, StyleGAN2Generator
from ganworks.sample.sampler import Sampler
from ganworks.sample.standing import standing_statistics, with_standing_statistics


def generator() -> BigGANGenerator:
    torch.manual_seed(0)
    return BigGANGenerator((3, 32, 32), num_classes=3, width=2).eval()


def test_statistics_are_averages_over_the_batches_and_nothing_else_changes():
    network = generator()
    before = copy.deepcopy(network.state_dict())
    batches = [{"latent": torch.randn(4, 80), "label": torch.tensor([0, 1, 2, 0])} for _ in range(3)]
    seen: list[torch.Tensor] = []
    hook = network.stages[0].norm1.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    standing_statistics(network, batches)
    hook.remove()
    norm = network.stages[0].norm1
    means = torch.stack([x.mean((0, 2, 3)) for x in seen]).mean(0)
    variances = torch.stack([x.transpose(0, 1).flatten(1).var(1) for x in seen]).mean(0)
    assert torch.allclose(norm.running_mean, means, atol=1e-5)
    assert torch.allclose(norm.running_var, variances, rtol=1e-4, atol=1e-6)
    assert norm.momentum == 0.1
    assert not any(module.training for module in network.modules())
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert all(name.split(".")[-1].startswith(("running", "num_batches")) for name in changed)
    assert changed


def test_statistics_of_a_sampler_are_a_function_of_the_seed_and_the_truncation():
    def mean(seed: int, truncation: float | None = None) -> torch.Tensor:
        sampler = with_standing_statistics(Sampler(generator(), {}), 3, 4, seed, truncation)
        return sampler.generator.norm.running_mean

    assert torch.equal(mean(0), mean(0))
    assert not torch.equal(mean(0), mean(1))
    assert not torch.equal(mean(0), mean(0, 0.1))


def test_batches_are_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch):
    sampler, asked = Sampler(generator(), {}), []
    inputs = sampler.inputs
    monkeypatch.setattr(sampler, "inputs", lambda num, *a, **k: (asked.append(num), inputs(num, *a, **k))[1])
    with_standing_statistics(sampler, 3, 4)
    assert asked == [4, 4, 4]


def test_command_draws_with_the_statistics_of_the_latents_that_it_draws(ganworks: Callable, tmp_path: Path):
    config = {
        "_target_": "ganworks.model.BigGANGenerator",
        "shape": [3, 32, 32],
        "num_classes": 3,
        "width": 2,
    }
    Sampler(generator(), {"generator": config}).save(tmp_path / "generator")
    settings = (f"run={tmp_path / 'generator'}", "num=4", "out=array.npy", "truncation=0.1")
    assert ganworks("sample", *settings, "standing=2").code == 0
    expected = with_standing_statistics(Sampler(generator(), {}), 2, truncation=0.1).sample(4, truncation=0.1)
    assert np.allclose(np.load("array.npy"), expected.numpy(), atol=1e-5)
    assert ganworks("sample", *settings).code == 0
    assert not np.allclose(np.load("array.npy"), expected.numpy(), atol=1e-3)
    assert "standing" in ganworks("sample", *settings, "standing=-1").err


def test_generator_without_batch_norm_is_refused():
    network = StyleGAN2Generator([1, 16, 16], latent_dim=4, w_dim=4, channel_base=32, channel_max=4)
    with pytest.raises(SettingError, match="no batch norm"):
        with_standing_statistics(Sampler(network, {}), 2)
