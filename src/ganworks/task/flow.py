"""A flow: a velocity learned by regression, along which noise becomes samples. The teacher of `DistilTask`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganworks.augment import Augment, AugmentFunction, identity
from ganworks.errors import SettingError, setting_path
from ganworks.loss import AdversarialLoss
from ganworks.model.flow import FlowGenerator, draw_times, velocity_loss
from ganworks.regularizer import Regularizer
from ganworks.task.base import Batch, ManualTask, Terms, batch_size
from ganworks.task.check import as_fault_of, check_losses, untouched
from ganworks.task.ema import ExponentialMovingAverage


class FlowTask(ManualTask):
    """Conditional flow matching: E |v(x_t, t) - (z - x)|^2 with x_t = (1 - t) x + t z, t uniform in [0, 1).

    Lipman et al. 2023, equation 9 (https://arxiv.org/abs/2210.02747). There is one player, the generator, and no game.

    Args:
        generator: a `FlowGenerator`, whose network is the velocity v.
        ema: how `ema_generator`, the average that is sampled and measured, follows the generator.
        loss: of a configuration; not used.
        regularizers, augment: none: there is no discriminator for them.
        kwargs: see `ManualTask`.

    Raises:
        SettingError: another generator, a regularizer or an augmentation.
    """

    roles = ("generator",)
    generator: FlowGenerator

    def __init__(
        self,
        generator: FlowGenerator,
        ema: ExponentialMovingAverage,
        loss: AdversarialLoss | None = None,
        regularizers: Mapping[str, Regularizer] | None = None,
        augment: Augment | AugmentFunction = identity,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        with setting_path(is_whole=True):
            check_alone(regularizers or {}, augment)
            if not isinstance(generator, FlowGenerator):
                allowed = "ganworks.model.FlowGenerator under task=flow, such as model=flow"
                raise SettingError("model.generator", type(generator).__name__, allowed)
        self.generator, self.ema = generator, ema
        self.freeze_parameters()
        self.ema_generator = copy.deepcopy(generator).requires_grad_(False).eval()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the velocity on a batch of reals."""
        num = batch_size(batch)
        self.update("generator", self.terms_of("generator"), self.split(batch))
        self.average(num)
        self.finish_step(num)

    def generator_terms(self, batch: Batch) -> Terms:
        """Return the squared error of the velocity at the batch's reals under noise."""
        real = batch["real"]
        t = draw_times(len(real), 0.0, 1.0, self.rng("time")).to(real)
        rng = self.rng("noise")
        noise = torch.randn(real.shape, generator=rng, device=rng.device).to(real)
        return {"velocity": velocity_loss(self.generator.velocity, real, t, noise)}

    def average(self, num_images: int) -> None:
        """Let `ema_generator` follow the generator; ``num_images`` of this process passed since it last did."""
        num_images = num_images * self.trainer.world_size
        self.ema.update(self.ema_generator, self.generator, num_images, self.images_seen, self.num_images)

    # The surface

    @property
    def averages(self) -> dict[str, Any]:
        return {"generator": self.ema_generator}

    def check(self, batch: Batch, shape: tuple[int, ...]) -> None:
        if self.generator.shape != tuple(shape):
            raise SettingError("model.generator.shape", self.generator.shape, f"that of the data, {shape}")
        task: Any = self
        with untouched(task), as_fault_of("model.generator.network", self.generator.network):
            velocity: Tensor = self.generator.network(batch["real"], torch.ones(len(batch["real"])))
            if velocity.shape != batch["real"].shape:
                made = tuple(velocity.shape[1:])
                allowed = f"a network of velocities of the data's shape {tuple(shape)}"
                raise SettingError("model.generator.network", made, allowed)
            check_losses("generator", lambda: self.generator_terms(dict(batch)))


def check_alone(regularizers: Mapping[str, Regularizer], augment: Augment | AugmentFunction) -> None:
    """Raise `SettingError` for what needs a discriminator."""
    if regularizers:
        raise SettingError(
            "regularizer", ", ".join(regularizers), "none under task=flow: it has no discriminator"
        )
    if augment is not identity:
        name = type(augment).__name__
        raise SettingError("augment", name, "none under task=flow: there is no discriminator to augment for")
