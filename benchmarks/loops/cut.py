"""CUT as one would write it by hand: no Lightning, no settings, plain torch on copies of a task's networks."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganworks.noise import keyed_rng
from ganworks.optimizer.build import with_plain_settings
from ganworks.task import CutTask


class Cut:
    """Park et al. 2020: least squares, PatchNCE on translations and reals, perhaps mirrored; lazy R1 where asked for.

    Args:
        task: whose networks, weights of the terms and optimizers are copied.
        batch: ``real`` and ``source``, of the steps that get no other.
        r1: weight and interval of the penalty.
    """

    def __init__(
        self, task: CutTask, batch: Mapping[str, Tensor], r1: tuple[float, int] | None = None
    ) -> None:
        self.task, self.batch, self.r1, self.num_steps = task, batch, r1, 0
        self.translator, self.critic = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
        self.average = copy.deepcopy(self.translator).requires_grad_(False)
        factories = task.optimizer_factories
        self.generator_optimizer = with_plain_settings(factories["generator"])(self.translator.parameters())
        self.critic_optimizer = with_plain_settings(factories["discriminator"])(self.critic.parameters())

    def step(self, batch: Mapping[str, Tensor] | None = None) -> None:
        real, source = ((batch or self.batch)[name] for name in ("real", "source"))
        coin = torch.rand((), generator=self.rng("flip")) if self.task.flip else torch.ones(())
        is_flipped = bool(coin < 0.5)
        fake = self.translator(source.flip(3) if is_flipped else source)
        self.critic_optimizer.zero_grad()
        loss = ((self.critic(real) - 1) ** 2).mean() / 2 + (self.critic(fake.detach()) ** 2).mean() / 2
        if self.r1 is not None and self.num_steps % self.r1[1] == 0:
            weight, every = self.r1
            points = real.detach().clone().requires_grad_()
            output = self.critic(points).flatten(1).mean(1).sum()
            (slope,) = torch.autograd.grad(output, points, create_graph=True)
            loss = loss + weight * every * (slope**2).flatten(1).sum(1).mean() / 2
        loss.backward()
        self.critic_optimizer.step()

        self.generator_optimizer.zero_grad()
        self.critic.requires_grad_(False)
        loss = ((self.critic(fake) - 1) ** 2).mean() / 2
        loss = loss + self.task.nce * self.nce(fake, source, "nce", is_flipped)
        if self.task.identity:
            loss = loss + self.task.identity * self.nce(self.translator(real), real, "identity", False)
        loss.backward()
        self.critic.requires_grad_(True)
        self.generator_optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.translator.parameters()), 0.001)
        self.num_steps += 1

    def nce(self, image: Tensor, source: Tensor, stream: str, is_flipped: bool) -> Tensor:
        """Equation 3 for each layer, image and place, with the sums of exponentials written out."""
        rng = self.rng(f"patches/{stream}")
        layers = self.translator.layers
        total = torch.zeros((), dtype=image.dtype)
        pairs = zip(
            self.translator.features(image, layers), self.translator.features(source, layers), strict=True
        )
        for head, (queries, keys) in zip(self.translator.heads, pairs, strict=True):
            queries = queries.flip(3) if is_flipped else queries
            num, _, height, width = keys.shape
            at = torch.randperm(height * width, generator=rng)[: self.task.num_patches]
            query = self.embed(head, queries.permute(0, 2, 3, 1).reshape(num, height * width, -1)[:, at])
            key = self.embed(head, keys.permute(0, 2, 3, 1).reshape(num, height * width, -1)[:, at]).detach()
            scores = torch.einsum("bpd,bqd->bpq", query, key) / self.task.temperature
            own = torch.diagonal(scores, dim1=1, dim2=2)
            total = total + (scores.logsumexp(2) - own).mean()
        return total / len(layers)

    @staticmethod
    def embed(head: nn.Module, patches: Tensor) -> Tensor:
        embedded = head(patches)
        return embedded / embedded.pow(2).sum(-1, keepdim=True).clamp_min(1e-14).sqrt()

    def rng(self, stream: str) -> torch.Generator:
        return keyed_rng(self.task.seed, 0, stream, self.num_steps, 0)
