"""The updates of `SequenceTask` written out by hand: plain torch on copies of its networks, no code of the step.

For the proof that the step does the same to the last digits, and for what it costs over this.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot, softplus

from ganworks.optimizer.build import with_plain_settings
from ganworks.task import Reinforce, SequenceTask

Rng = Callable[[str, int], torch.Generator]


class SequenceLoop:
    """Likelihood, then the relativistic game with lazy R1 and R2, by straight-through tokens or by REINFORCE.

    Args:
        task: whose networks are copied, and whose settings hold.
        reals: from the number of a step to its real texts, one-hot (B, L, V).
        rng: from a stream and the number of a step to its random numbers.
    """

    def __init__(self, task: SequenceTask, reals: Callable[[int], Tensor], rng: Rng) -> None:
        self.task, self.reals, self.rng = task, reals, rng
        self.generator, self.discriminator = copy.deepcopy(task.generator), copy.deepcopy(task.discriminator)
        self.generator.train(), self.discriminator.train()
        self.average = copy.deepcopy(task.generator).requires_grad_(False)
        self.optimizers = {
            role: with_plain_settings(task.optimizer_factories[role])(getattr(self, role).parameters())
            for role in ("generator", "discriminator")
        }
        self.rates = {role: each.param_groups[0]["lr"] for role, each in self.optimizers.items()}
        self.number, self.baseline = 0, None

    # One step

    def step(self) -> None:
        task, number = self.task, self.number
        real = self.reals(number)
        progress = number * len(real) / task.num_images
        phase = next(iter(task.phases.values()), None)
        share = 0.0 if phase is None else phase.share
        latent = self.normal(len(real), number)
        for role, optimizer in self.optimizers.items():
            factor = phase.rates.get(role, 1.0) if progress < share - 1e-9 else 1.0
            optimizer.param_groups[0]["lr"] = self.rates[role] * task.schedule.factor(progress) * factor
        if progress < share - 1e-9:
            self.descend("generator", self.likelihood(real, latent))
        else:
            self.play(real, latent, (progress - share) / (1 - share))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.generator.parameters()), 0.001)
        self.number += 1

    def play(self, real: Tensor, latent: Tensor, progress: float) -> None:
        """Update the discriminator on reals and fakes, then the generator."""
        estimator: Any = self.task.estimator
        gumbel = self.gumbel((len(real), *real.shape[1:]), self.rng("gumbel", self.number)).to(real)
        is_policy = isinstance(estimator, Reinforce)
        tau = 1.0 if is_policy else estimator.start * (estimator.end / estimator.start) ** progress
        with torch.set_grad_enabled(not is_policy):
            fake = self.write(latent, gumbel, tau)
        shown = fake.detach()
        loss = softplus(self.judge(shown) - self.judge(real)).mean()
        for name, points in (("r1", real), ("r2", shown)):
            penalty = dict(self.task.regularizers.items()).get(name)
            if penalty is not None and self.number % penalty.every == 0:
                loss = loss + penalty.weight * penalty.every * self.squared_gradient(points) / 2
        self.descend("discriminator", loss)
        self.discriminator.requires_grad_(False)
        if is_policy:
            loss = self.policy(real, shown.argmax(-1), latent, estimator)
        else:
            loss = softplus(self.judge(real) - self.judge(fake)).mean()
        self.descend("generator", loss)
        self.discriminator.requires_grad_(True)

    def descend(self, role: str, loss: Tensor) -> None:
        self.optimizers[role].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[role].step()

    # The discriminator

    def judge(self, texts: Tensor) -> Tensor:
        said = self.discriminator(texts)
        return said if isinstance(said, Tensor) else said["logits"]

    def squared_gradient(self, points: Tensor) -> Tensor:
        """Return the mean of |grad D|^2 at points (B, L, V)."""
        points = points.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.judge(points).sum(), points, create_graph=True)
        return gradient.square().sum((1, 2)).mean()

    # The generator

    def logits_of(self, token: Tensor | None, state: Any, latent: Tensor) -> tuple[Tensor, Any]:
        """Return the logits (B, V) behind a one-hot token (B, V), and the next state; None begins."""
        net, core = self.generator, self.generator.core
        is_lstm = isinstance(core.cell, torch.nn.LSTMCell)
        if state is None:
            state = torch.tanh(core.start(latent))
            state = (state, torch.zeros_like(state)) if is_lstm else state
        x = net.first.expand(len(latent), -1) if token is None else token @ net.tokens.weight.t()
        state = core.cell(x + core.drive(latent), state)
        return net.head(state[0] if is_lstm else state), state

    def write(self, latent: Tensor, gumbel: Tensor, tau: float) -> Tensor:
        """Return texts (B, L, V): one-hot, with the gradient of the relaxed tokens."""
        token, state, texts = None, None, []
        length, size, end = *gumbel.shape[1:], self.generator.end
        ended = torch.zeros(len(latent), 1, dtype=torch.bool)
        pad = one_hot(torch.tensor(end or 0), size).to(gumbel)
        for place in range(length):
            logits, state = self.logits_of(token, state, latent)
            soft = torch.softmax((logits + gumbel[:, place]) / tau, -1)
            hard = one_hot(soft.argmax(-1), size).to(soft)
            token = hard + soft - soft.detach() if soft.requires_grad else hard
            texts.append(pad * ended + token * ~ended)
            if end is not None:
                ended = ended | (hard[:, end : end + 1] == 1)
        return torch.stack(texts, 1)

    def nlls(self, ids: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of each token (B, L), and which are read."""
        token, state, losses, reads = None, None, [], []
        is_on = torch.ones(len(ids), dtype=torch.bool)
        for place in range(ids.shape[1]):
            logits, state = self.logits_of(token, state, latent)
            losses.append(cross_entropy(logits, ids[:, place], reduction="none"))
            reads.append(is_on)
            is_on = is_on & (ids[:, place] != (-1 if self.generator.end is None else self.generator.end))
            token = one_hot(ids[:, place], self.generator.size).to(logits)
        return torch.stack(losses, 1), torch.stack(reads, 1)

    def likelihood(self, real: Tensor, latent: Tensor) -> Tensor:
        losses, reads = self.nlls(real.argmax(-1), latent)
        return losses[reads].mean()

    # REINFORCE

    def policy(self, real: Tensor, ids: Tensor, latent: Tensor, estimator: Reinforce) -> Tensor:
        """Return the mean over the tokens that are read of -(value - baseline) ln p."""
        losses, reads = self.nlls(ids, latent)
        with torch.no_grad():
            if estimator.num_rollouts:
                values = self.values(real, ids, latent, estimator.num_rollouts)
            else:
                values = self.discounted(real, ids, reads, estimator.discount)
            means = torch.stack(
                [
                    values[reads[:, t], t].mean() if reads[:, t].any() else values.new_zeros(())
                    for t in range(ids.shape[1])
                ]
            )
            before = means if self.baseline is None else self.baseline
            advantage = (values - before)[reads]
            target = torch.where(reads.any(0), means, before)
            share = 1.0 if self.baseline is None else 1 - estimator.decay
            self.baseline = before + share * (target - before)
        return (advantage * losses[reads]).mean()

    def reward(self, real: Tensor, ids: Tensor) -> Tensor:
        """Return sigmoid(D(text) - mean D(real)), (N,)."""
        texts = one_hot(ids, self.generator.size).to(real)
        return torch.sigmoid(self.judge(texts) - self.judge(real).mean())

    def discounted(self, real: Tensor, ids: Tensor, reads: Tensor, discount: float) -> Tensor:
        """Return sum over s >= t of discount^(s - t) (2 D_s - 1), (B, L), of a critic with a logit for each token."""
        steps = self.discriminator(one_hot(ids, self.generator.size).to(real))["steps"]
        rewards = (2 * torch.sigmoid(steps - self.judge(real).mean()) - 1) * reads
        length = ids.shape[1]
        return torch.stack(
            [sum(discount ** (s - t) * rewards[:, s] for s in range(t, length)) for t in range(length)], 1
        )

    def values(self, real: Tensor, ids: Tensor, latent: Tensor, num: int) -> Tensor:
        """Return the mean reward of ``num`` completions behind each token, (B, L); the last one is the text's own."""
        rng, size, length = self.rng("rollout", self.number), self.generator.size, ids.shape[1]
        values = []
        for known in range(1, length):
            texts, latents = ids.repeat_interleave(num, 0), latent.repeat_interleave(num, 0)
            token, state = None, None
            for place in range(length):
                logits, state = self.logits_of(token, state, latents)
                if place >= known:
                    noise = self.gumbel((len(texts), size), rng).to(logits)
                    texts[:, place] = (logits + noise).argmax(-1)
                token = one_hot(texts[:, place], size).to(logits)
            values.append(self.reward(real, self.cut(texts)).view(-1, num).mean(1))
        values.append(self.reward(real, ids))
        return torch.stack(values, 1)

    def cut(self, ids: Tensor) -> Tensor:
        """Return texts with nothing but the end behind the end."""
        end, ids = self.generator.end, ids.clone()
        for row in ids if end is not None else ():
            (places,) = (row == end).nonzero(as_tuple=True)
            if len(places):
                row[places[0] :] = end
        return ids

    # Random numbers

    def normal(self, num: int, number: int) -> Tensor:
        weight = self.generator.head.weight
        return torch.randn(num, self.generator.latent_dim, generator=self.rng("latent", number)).to(weight)

    def gumbel(self, shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
        uniform = torch.rand(shape, generator=rng)
        return -torch.log(-torch.log(uniform.clamp_min(torch.finfo(uniform.dtype).tiny)))
