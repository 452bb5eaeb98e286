"""The training step of every GAN here: two networks against each other, optimized by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ganworks.augment import Augment, identity
from ganworks.errors import check_count
from ganworks.loss import AdversarialLoss
from ganworks.model import Discriminator, Generator
from ganworks.optimizer import OptimizerFactory, Schedule, build
from ganworks.regularizer import Regularizer
from ganworks.task.base import Batch, ManualTask, Terms, detached, frozen
from ganworks.task.ema import ExponentialMovingAverage


class AdversarialTask(ManualTask):
    """A generator and a discriminator in alternating updates (Goodfellow et al. 2014, algorithm 1).

    A batch is a dict: ``real`` (B, *shape), perhaps ``label`` (B,). An application overrides `sample`,
    `discriminator_terms` or `generator_terms`, and nothing else.

    Args:
        generator: maps latents (B, latent_dim) and labels to samples (B, *shape).
        discriminator: maps samples and labels to logits (B,).
        loss: the adversarial objective, a pure function of logits.
        generator_optimizer, discriminator_optimizer: take the parameters and return the optimizer.
        schedule: sets the optimizers' learning rates from the progress in [0, 1].
        regularizers: penalties and projections of the discriminator under their names.
        augment: differentiable augmentation in front of the discriminator.
        ema: how `ema_generator`, the average that is sampled and measured, follows the generator.
        n_critic: discriminator updates a generator update.
        kwargs: see `ManualTask`.

    Attributes:
        outputs: what the discriminator's last update saw: ``real``, ``fake``, their logits, perhaps ``label``.

    Raises:
        SettingError: a count or a norm that is out of range, naming it.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        loss: AdversarialLoss,
        generator_optimizer: OptimizerFactory,
        discriminator_optimizer: OptimizerFactory,
        schedule: Schedule,
        ema: ExponentialMovingAverage,
        regularizers: Mapping[str, Regularizer] | None = None,
        augment: Augment = identity,
        n_critic: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.generator, self.discriminator = generator, discriminator
        self.ema_generator = copy.deepcopy(generator).requires_grad_(False).eval()
        self.loss, self.regularizers, self.augment = loss, dict(regularizers or {}), augment
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer
        self.schedule, self.ema = schedule, ema
        self.n_critic = check_count("n_critic", n_critic)
        self.outputs: Batch = {}

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the discriminator and, every `n_critic` batches, the generator."""
        latent = self.generator.draw_latent(len(batch["real"]), self.rng("latent"))
        parts = self.split({**batch, "latent": latent.to(self.dtype)})
        self.update("discriminator", self.discriminator_terms, parts)
        self.project()
        if self.is_generator_turn:
            self.update("generator", self.generator_terms, parts)
            self.average(len(latent) * self.n_critic)
        self.finish_step(len(latent))

    def sample(self, batch: Batch) -> Tensor:
        """Return fakes (B, *shape) for the batch's ``latent`` (B, latent_dim) and ``label`` (B,)."""
        return self.generator(batch["latent"], batch.get("label"))

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Return the terms whose sum the discriminator minimizes, under the names that they are logged with."""
        # On the generator's turn the fakes keep their graph and serve both updates, which saves a forward.
        fake = self.fakes(batch, with_graph=self.is_generator_turn and self.accumulate == 1).detach()
        real, label = batch["real"], batch.get("label")
        real_logits = self.discriminate(real, label, "real")
        fake_logits = self.discriminate(fake, label, "fake")
        self.outputs = detached(batch, fake=fake, real_logits=real_logits, fake_logits=fake_logits)
        terms = {"adversarial": self.loss.discriminator(real_logits, fake_logits)}
        for name, regularizer in self.regularizers.items():
            if regularizer.is_due(self.num_steps):
                critic, weighted = self.raw_critic(label, name), regularizer.at(self.progress)
                penalty = weighted.penalty(critic, real, fake, self.rng(name))
                terms |= {} if penalty is None else {name: penalty}
        return terms

    def generator_terms(self, batch: Batch) -> Terms:
        """Return the terms whose sum the generator minimizes; the discriminator is frozen meanwhile."""
        fake, label = self.fakes(batch, with_graph=True), batch.get("label")
        real_logits = None
        with frozen(self.discriminator):
            fake_logits = self.discriminate(fake, label, "generator/fake")
            if self.loss.relativistic:
                real_logits = self.discriminate(batch["real"], label, "generator/real")
        return {"adversarial": self.loss.generator(fake_logits, real_logits)}

    @property
    def is_generator_turn(self) -> bool:
        """Whether this batch is the last of `n_critic`."""
        return (self.num_steps + 1) % self.n_critic == 0

    @property
    def is_logging(self) -> bool:
        """Whether this step's scalars are logged."""
        return self.is_turn_every(self.trainer.log_every_n_steps)  # type: ignore[attr-defined]

    def is_turn_every(self, num_steps: int) -> bool:
        """Say whether this batch is the one in about ``num_steps`` that is looked at: in it both networks learn."""
        interval = max(1, num_steps // self.n_critic)
        return self.is_generator_turn and self.num_steps // self.n_critic % interval == 0

    def fakes(self, batch: Batch, with_graph: bool) -> Tensor:
        """Return the batch's fakes (B, *shape), drawn once unless their graph is needed and was not kept."""
        if "fake" not in batch or (with_graph and not batch["fake"].requires_grad):
            with torch.set_grad_enabled(with_graph):
                batch["fake"] = self.sample(batch)
        return batch["fake"]

    def discriminate(
        self, x: Tensor, label: Tensor | None, stream: str, network: Callable[..., Tensor] | None = None
    ) -> Tensor:
        """Return the logits (B,) of augmented samples; ``stream`` keys the augmentation's draws."""
        if self.augment is not identity:
            x = self.augment(x, self.rng(f"augment/{stream}"))
        logits = (network or self.discriminator)(x, label)
        # The losses compute in the type of the logits, and half precision is not enough for a mean.
        return logits.float() if logits.dtype.itemsize < 4 else logits

    def raw_critic(self, label: Tensor | None, stream: str) -> Callable[[Tensor], Tensor]:
        """Return samples -> logits through the uncompiled discriminator: penalties differentiate twice."""
        # What a call does without the compiled code; not `forward`, which leaves the hooks of a sharded one out.
        network = self.discriminator._call_impl
        return partial(self.discriminate, label=label, stream=stream, network=network)

    def project(self) -> None:
        """Apply the regularizers that act on the discriminator's weights."""
        for regularizer in self.regularizers.values():
            regularizer.project(self.discriminator)

    def average(self, num_images: int) -> None:
        """Let `ema_generator` follow the generator; ``num_images`` of this process passed since it last did."""
        num_images = num_images * self.trainer.world_size
        self.ema.update(self.ema_generator, self.generator, num_images, self.images_seen)

    def averaged(self) -> Generator:
        """Return the averaged generator; of a sharded one a whole copy, for which all processes have to ask."""
        gathered = getattr(self.trainer.strategy, "gathered", None)
        return self.ema_generator if gathered is None else gathered(self.ema_generator)

    def configure_optimizers(self) -> list[Optimizer]:
        # A gradient scaler has to unscale before the gradients are clipped: fused optimizers do it inside.
        allow_fused = getattr(self.trainer.precision_plugin, "scaler", None) is None
        optimizers = [
            build(self.generator_optimizer, self.generator, allow_fused),
            build(self.discriminator_optimizer, self.discriminator, allow_fused),
        ]
        self.rates = [float(optimizer.param_groups[0]["lr"]) for optimizer in optimizers]
        return optimizers

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        for optimizer in self.trainer.optimizers:
            self.schedule.apply(optimizer, self.progress)
