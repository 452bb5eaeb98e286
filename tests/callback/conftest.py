"""Stand-ins for a trainer and a task: what the callbacks look at, without a training."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganworks.model import DCGANGenerator, MLPGenerator
from ganworks.sample.sampler import Sampler


class StandInTask(SimpleNamespace):
    """Counters and networks; ``see`` moves the clock."""

    @property
    def progress(self) -> float:
        return min(1.0, self.images_seen / self.num_images)

    def see(self, num_images: int) -> None:
        self.images_seen += num_images
        self.num_steps += 1

    def parameters(self) -> list[torch.nn.Parameter]:
        return [*self.generator.parameters(), *self.ema_generator.parameters()]

    @property
    def players(self) -> dict[str, torch.nn.Module]:
        return {role: getattr(self, role) for role in self.roles}

    def sampler(self, config: dict[str, Any] | None = None) -> Sampler:
        return Sampler(self.ema_generator, config or {})

    def log_scalars(self, scalars: dict[str, float]) -> None:
        self.logged.append((self.images_seen, scalars))


def randomized(network: torch.nn.Module) -> Any:
    """Return the network away from its initial weights, where classes and latents look alike."""
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=rng))
    return network


@pytest.fixture
def make_task() -> Callable[..., StandInTask]:
    """Return a function that makes a task of images (1, 8, 8), or of points with ``shape=(2,)``."""

    def make(shape: tuple[int, ...] = (1, 8, 8), num_classes: int = 0, num_images: int = 1000) -> StandInTask:
        network = DCGANGenerator if len(shape) == 3 else MLPGenerator
        generator = randomized(network(shape=shape, latent_dim=4, width=8, num_classes=num_classes))
        average = copy.deepcopy(generator).eval()
        with torch.no_grad():
            for parameter in average.parameters():
                parameter.mul_(0.5)
        return StandInTask(
            generator=generator,
            discriminator=torch.nn.Linear(2, 1),
            ema_generator=average,
            roles=("generator", "discriminator"),
            num_images=num_images,
            images_seen=0,
            num_steps=0,
            scalars={},
            logged=[],
            guard=SimpleNamespace(num_bad_steps=0),
            device=torch.device("cpu"),
            seed=0,
        )

    return make


@pytest.fixture
def make_trainer(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that makes a trainer whose run directory is ``tmp_path``."""

    def make(datamodule: Any = None) -> Any:
        return SimpleNamespace(
            callback_metrics={},
            datamodule=datamodule,
            default_root_dir=str(tmp_path),
            global_step=7,
            is_global_zero=True,
            log_every_n_steps=1,
            loggers=[],
            precision="32-true",
            save_checkpoint=lambda path: torch.save({"weights": torch.ones(3)}, path),
            should_stop=False,
            strategy=SimpleNamespace(
                barrier=lambda name: None,
                broadcast=lambda value: value,
                reduce_boolean_decision=lambda value, all: value,
            ),
            world_size=1,
        )

    return make
