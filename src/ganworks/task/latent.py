"""LOGAN: latents are moved along the discriminator's gradient before both players learn from their fakes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_range
from ganworks.loss import per_sample
from ganworks.model.base import noise_of
from ganworks.model.layer.precision import full_precision
from ganworks.model.layer.token_attention import twice_differentiable
from ganworks.task.adversarial import AdversarialTask
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic
from ganworks.task.player import eager, frozen
from ganworks.task.said import Said

LATENT = "latent"


class LatentOptimisationTask(AdversarialTask):
    """Both players learn at z' = z + dz, dz = alpha g / (beta + |g|^2), g the gradient of D(G(z)) at z.

    Wu et al. 2019 (LOGAN, https://arxiv.org/abs/1912.00953), section 4: a step of natural gradient descent with the
    damped empirical Fisher matrix g g^T + beta I; plain gradient descent is dz = alpha g. Gradients of both players
    pass through dz, and the mean of |dz|^2 is a term of both. z is moved anew in each update, in float32, by the
    networks as they are then; what is sampled and measured comes from latents that are not moved. The generator's
    running statistics follow both of its passes.

    Args:
        alpha: rate of the step, above 0.
        beta: damping, above 0; None for plain gradient descent.
        step_weight: w_r of that term, from 0 up.
        share: of the latents that move, from 0 to 1.
        clip: bound of the moved latents: 1 for uniform ones, as the paper's; None for none.
        through_step: let gradients pass through dz; else z' is a constant, and the term of its length is left out.
        kwargs: see `AdversarialTask`.

    Raises:
        SettingError: a setting that is out of range, or a generator without latents.
    """

    can_be_sharded: ClassVar[bool] = False

    def __init__(
        self,
        alpha: float = 0.9,
        beta: float | None = 5.0,
        step_weight: float = 0.1,
        share: float = 1.0,
        clip: float | None = None,
        through_step: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("alpha", alpha), ("beta", beta), ("clip", clip)):
            if value is not None and not check_range(name, value, 0.0):
                raise SettingError(name, value, "a number above 0" + (" or null" if name != "alpha" else ""))
        self.alpha, self.beta, self.clip, self.through_step = alpha, beta, clip, through_step
        self.step_weight = check_range("step_weight", step_weight, 0.0)
        self.share = check_range("share", share, 0.0, 1.0)
        if LATENT not in noise_of(self.generator):
            named = type(self.generator).__name__
            raise SettingError(
                "model.generator", named, "a network with a latent under task=latent_optimisation"
            )

    def discriminator_terms(self, batch: Batch) -> Terms:
        with frozen(self.generator):
            moved, cost = self.moved(batch)
        return super().discriminator_terms(moved) | cost

    def generator_terms(self, batch: Batch) -> Terms:
        with frozen(self.discriminator):
            moved, cost = self.moved(batch)
        return super().generator_terms(moved) | cost

    def discriminator_lazy_terms(self, batch: Batch) -> Terms:
        with frozen(self.generator):
            moved, _ = self.moved(batch)
        return super().discriminator_lazy_terms(moved)

    def moved(self, batch: Batch) -> tuple[Batch, Terms]:
        """Return the batch with moved latents and their fakes, and the term of the step's length."""
        z = batch[LATENT].detach().requires_grad_()
        step = self.latent_step(z, batch)
        near = z.detach() + step
        moved = batch | {LATENT: near if self.clip is None else near.clamp(-self.clip, self.clip)}
        moved |= self.produce(self.generator, moved)
        if not (self.step_weight and self.through_step):
            return moved, {}
        return moved, {"latent_step": self.step_weight * step.flatten(1).square().sum(1).mean()}

    def latent_step(self, z: Tensor, batch: Batch) -> Tensor:
        """Return dz (B, latent_dim) of the latents, with its graph where the players learn through it."""
        precise = torch.autocast(z.device.type, enabled=False), full_precision(), twice_differentiable()
        with precise[0], precise[1], precise[2], eager(self.generator):
            made = batch | self.produce(self.generator, {**batch, LATENT: z})
            score = torch.stack([self.score(critic, made) for critic in self.critics]).sum()
            (g,) = torch.autograd.grad(score, z, create_graph=self.through_step)
        rate: Tensor | float = self.alpha
        if self.beta is not None:
            rate = self.alpha / (self.beta + g.flatten(1).square().sum(1))[:, None]
        num = math.ceil(self.share * len(z))  # of a batch in random order
        is_moved = torch.arange(len(z), device=z.device)[:, None] < num
        return (rate * g).where(is_moved, torch.zeros_like(g))

    def score(self, critic: Critic, made: Batch) -> Tensor:
        """Return the sum of a critic's logits of fakes, a scalar: each latent has the gradient of its own."""
        network = critic.network._call_impl
        said = self.discriminate(critic, made[critic.fake], made, critic.fake_label, LATENT, network)
        return critic.weight * per_sample(said["logits"]).sum()

    def fakes(self, batch: Batch, with_graph: bool) -> Tensor:
        # Those of the moved latents, with the graph that their player needs.
        return batch["fake"] if "fake" in batch else super().fakes(batch, with_graph)

    def discriminate(
        self,
        critic: Critic,
        sample: Tensor,
        batch: Batch,
        label: str,
        stream: str,
        network: Callable[..., Any] | None = None,
    ) -> Said:
        if (
            stream == "fake"
        ):  # the discriminator's own: equal in value, and its gradient passes through dz too
            through = batch[critic.fake]
            sample = sample + (through - through.detach())
        return super().discriminate(critic, sample, batch, label, stream, network)
