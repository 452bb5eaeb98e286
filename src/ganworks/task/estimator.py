"""How the critic's judgement reaches a generator of tokens, through which no gradient flows by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_choice, check_count, check_range
from ganworks.model.layer.tokens import as_ids, read_places
from ganworks.task.state import global_mean

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]
JUDGED = (
    "policy/ids",
    "policy/advantage",
    "policy/num_read",
)  # what a part of a batch carries until its terms are taken


class TextGame(Protocol):
    """What an estimator asks of `SequenceTask`."""

    @property
    def generator(self) -> Any: ...

    def differentiable_terms(self, batch: Batch) -> Terms: ...

    def each_part(self, batch: Batch) -> Iterator[Batch]: ...

    def fakes(self, batch: Batch, with_graph: bool) -> Tensor: ...

    def token_log_probs(self, ids: Tensor, batch: Batch) -> Tensor: ...

    def begin_texts(self, num: int, batch: Batch) -> Any: ...

    def zeros(self, batch: Batch) -> dict[str, Tensor]: ...

    def rewards(
        self, batch: Batch, ids: Tensor, name: str, zeros: Mapping[str, Tensor] | None = None
    ) -> Tensor: ...

    def rng(self, stream: str) -> torch.Generator: ...


class Estimator(nn.Module, ABC):
    """An estimator of the gradient of the generator's objective; its buffers are state, and in the checkpoint.

    Attributes:
        is_differentiable: fakes carry a graph from the critic back to the generator.
    """

    is_differentiable = True

    def prepare(self, length: int) -> None:
        """Make the state for texts of ``length`` places; called once, when the task is built."""

    def begin(self, task: TextGame, progress: float) -> None:
        """Prepare a step; ``progress`` of the game in [0, 1], which begins where the likelihood phase ends."""

    @abstractmethod
    def terms(self, task: TextGame, batch: Batch) -> Terms:
        """Return the generator's terms of a batch."""


class Gumbel(Estimator):
    """Straight through a Gumbel softmax whose temperature falls during the game.

    Jang et al. 2017, section 2.2 (https://arxiv.org/abs/1611.01144). The exponential schedule is RelGAN's (Nie et al.
    2019, section 3.2, https://openreview.net/forum?id=rJedV3R5tm), whose inverse temperature is 1 / temperature.

    Args:
        start, end: temperature at the start and the end of the game, above 0.
        schedule: "exponential" or "linear" between them.

    >>> Gumbel(1.0, 0.25).temperature(0.5)
    0.5
    """

    def __init__(self, start: float = 1.0, end: float = 0.5, schedule: str = "exponential") -> None:
        super().__init__()
        self.start, self.end = check_range("start", start, 1e-4), check_range("end", end, 1e-4)
        self.schedule = check_choice("schedule", schedule, ("exponential", "linear"))

    def temperature(self, progress: float) -> float:
        """Return the temperature at ``progress`` of the game in [0, 1]."""
        if self.schedule == "linear":
            return self.start + (self.end - self.start) * progress
        return self.start * (self.end / self.start) ** progress

    def begin(self, task: TextGame, progress: float) -> None:
        task.generator.temperature.fill_(self.temperature(progress))

    def terms(self, task: TextGame, batch: Batch) -> Terms:
        return task.differentiable_terms(batch)

    def extra_repr(self) -> str:
        return f"temperature {self.start:g} -> {self.end:g}, {self.schedule}"


class Reinforce(Estimator):
    """The policy gradient: -E sum_t (Q_t - b_t) ln p(y_t | y_1 ... y_(t-1)), per token that is read.

    With rollouts Q_t is the mean reward of texts completed from y_1 ... y_t: SeqGAN, Yu et al. 2017, equations 4 and 7
    (https://arxiv.org/abs/1609.05473). Without, the critic rewards each token, r_t = 2 D(y_1 ... y_t) - 1, and Q_t is
    the discounted sum of r_t, r_(t+1), ...: ScratchGAN, de Masson d'Autume et al. 2019, section 3.1
    (https://arxiv.org/abs/1905.09922). D is the sigmoid of a logit; those of a relativistic loss have no zero of their
    own, and are taken less the mean of the real texts'. The baseline b_t is a running mean of Q_t at each place. These
    means are over all parts and devices of a batch.

    Args:
        num_rollouts: completions of each beginning; 0 takes the critic's logits ``steps`` (B, L).
        discount: of later rewards, in [0, 1]; without rollouts.
        decay: of the running mean, in [0, 1).

    Attributes:
        baseline: (L,), a buffer, equal on all ranks.
    """

    is_differentiable = False
    baseline: Tensor
    is_begun: Tensor

    def __init__(self, num_rollouts: int = 4, discount: float = 0.9, decay: float = 0.9) -> None:
        super().__init__()
        self.num_rollouts = check_count("num_rollouts", num_rollouts, at_least=0)
        self.discount, self.decay = (
            check_range("discount", discount, 0.0, 1.0),
            check_range("decay", decay, 0.0),
        )
        if decay >= 1:
            raise SettingError("decay", decay, "a number from 0 to below 1")

    def prepare(self, length: int) -> None:
        self.register_buffer("baseline", torch.zeros(length))
        self.register_buffer("is_begun", torch.zeros((), dtype=torch.bool))

    def extra_repr(self) -> str:
        source = (
            f"{self.num_rollouts} rollouts"
            if self.num_rollouts
            else f"each token, discount {self.discount:g}"
        )
        return f"rewards of {source}"

    def terms(self, task: TextGame, batch: Batch) -> Terms:
        if JUDGED[0] not in batch:
            self.judge(task, batch)
        ids, advantage, num_read = (batch.pop(name) for name in JUDGED)
        # Yu et al. 2017, equation 7, over tokens instead of texts: long ones do not weigh more.
        return {"policy": -(advantage * task.token_log_probs(ids, batch)).sum() / num_read}

    @torch.no_grad()
    def judge(self, task: TextGame, batch: Batch) -> None:
        """Draw and value the texts of all parts of an update, and put into each what its terms are made of.

        Baseline and number of tokens are those of all parts and devices, so that the gradient is that of the batch.
        """
        zeros, judged = task.zeros(batch), []
        for part in task.each_part(batch):
            ids = as_ids(task.fakes(part, with_graph=False))
            value = self.rollouts if self.num_rollouts else self.dense
            judged.append((part, ids, value(task, part, ids, zeros)))
        values = torch.cat([of_part for _, _, of_part in judged])
        is_read = read_places(torch.cat([ids for _, ids, _ in judged]), task.generator.end)
        sums = global_mean(torch.stack([(values * is_read).sum(0), is_read.sum(0).to(values)]))
        num_read, before = sums[1].sum() / len(judged), self.baseline_of(*sums)
        for part, ids, of_part in judged:
            advantage = (of_part - before) * read_places(ids, task.generator.end)
            part.update(zip(JUDGED, (ids, advantage, num_read), strict=True))
        self.follow(*sums)

    def dense(self, task: TextGame, batch: Batch, ids: Tensor, zeros: Mapping[str, Tensor]) -> Tensor:
        """Return the discounted sums of the rewards of each token, (B, L)."""
        is_read = read_places(ids, task.generator.end)
        rewards = (2 * task.rewards(batch, ids, "steps", zeros) - 1) * is_read
        sums, later = [], torch.zeros_like(rewards[:, 0])
        for reward in reversed(rewards.unbind(1)):
            later = reward + self.discount * later
            sums.append(later)
        return torch.stack(sums[::-1], 1)

    def rollouts(self, task: TextGame, batch: Batch, ids: Tensor, zeros: Mapping[str, Tensor]) -> Tensor:
        """Return the mean rewards of texts completed behind each place, (B, L)."""
        generator, num, rng = task.generator, self.num_rollouts, task.rng("rollout")
        memory, values = task.begin_texts(len(ids), batch), []
        # Yu et al. 2017, equation 4: rollouts behind every token but the last.
        for known in range(1, ids.shape[1]):
            _, memory = generator.step(None if known == 1 else ids[:, known - 2], memory)
            texts = generator.complete(ids.repeat_interleave(num, 0), known, rng, memory.repeated(num))
            values.append(task.rewards(batch, texts, "logits", zeros).unflatten(0, (-1, num)).mean(1))
        values.append(task.rewards(batch, ids, "logits", zeros))
        return torch.stack(values, 1)

    def baseline_of(self, sums: Tensor, counts: Tensor) -> Tensor:
        """Return the baseline (L,): the running mean, or that of this batch in the first step."""
        return self.baseline.clone() if self.is_begun else mean_of(sums, counts)

    def follow(self, sums: Tensor, counts: Tensor) -> None:
        """Let the running mean follow the values of the places that are read; arguments: see `mean_of`."""
        target = torch.where(counts > 0, mean_of(sums, counts), self.baseline_of(sums, counts))
        if self.is_begun:
            target = self.baseline.lerp(target, 1 - self.decay)
        self.baseline.copy_(target)
        self.is_begun.fill_(True)


def mean_of(sums: Tensor, counts: Tensor) -> Tensor:
    """Return the mean value at each place, (L,), 0 where none is read: its sum by how many texts are read there."""
    return sums / counts.where(counts > 0, 1)
