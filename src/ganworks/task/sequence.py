"""Texts: a generator of tokens, trained by likelihood, and by a critic through an estimator of the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_choice
from ganworks.loss import per_sample
from ganworks.model.layer.recurrent import Memory
from ganworks.model.layer.tokens import as_ids, as_one_hot, read_places
from ganworks.model.recurrent import TokenGenerator
from ganworks.task.adversarial import AdversarialTask
from ganworks.task.base import Batch, Terms
from ganworks.task.estimator import Estimator
from ganworks.task.player import frozen
from ganworks.task.state import global_mean

CHUNK = 2**25  # numbers in the one-hots that are rewarded at once: 128 MiB


class SequenceTask(AdversarialTask):
    """`AdversarialTask` on texts (B, L, V), one-hot, whose generator draws tokens.

    The discriminator learns as ever. A draw has no gradient, so that the generator's objective needs an `Estimator`. A
    phase with ``terms: {generator: likelihood_terms, discriminator: null}`` trains the generator on the texts alone
    first, as SeqGAN and RelGAN do.

    Args:
        estimator: the name of one of ``estimators``.
        estimators: by name.
        args, kwargs: see `AdversarialTask`.

    Raises:
        SettingError: a name that is not there, a generator that is no `TokenGenerator`, or relaxed tokens or a penalty
            on the generator where the estimator has no gradient for them.
    """

    generator: TokenGenerator

    def __init__(
        self, *args: Any, estimator: str = "gumbel", estimators: Mapping[str, Estimator], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.fresh_batch:
            raise SettingError("fresh_batch", "true", "false for texts")
        self.estimator: Estimator = estimators[check_choice("estimator", estimator, estimators)]
        if not isinstance(self.generator, TokenGenerator):
            allowed = "a ganworks.model.TokenGenerator (model=gru, model=lstm) for task=sequence"
            raise SettingError("model.generator", type(self.generator).__name__, allowed)
        if not (self.estimator.is_differentiable or self.generator.straight_through):
            allowed = f"true for task.estimator={estimator}: critics would learn from relaxed tokens and reward drawn"
            raise SettingError(
                "model.generator.straight_through", "false", f"{allowed} ones, or task.estimator=gumbel"
            )
        self._parts: list[Batch] = []  # of the update that is under way
        self.estimator.prepare(self.generator.length)
        taught = [name for critic in self.critics for name in self.teachers(critic)]
        names = [*self.generator_regularizers, *taught, *(["task.top_k"] if self.top_k != 1 else [])]
        if names and not self.estimator.is_differentiable:
            allowed = f"gumbel under {', '.join(names)}: it needs a gradient through the fakes"
            raise SettingError("estimator", estimator, allowed)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        self.estimator.begin(self, self.game_progress)

    @property
    def game_progress(self) -> float:
        """The share of the game that is done, in [0, 1]; it begins where the phases end."""
        start = min(1.0, sum(phase.share for phase in self.phases.values()))
        return min(1.0, max(0.0, self.progress - start) / (1.0 - start)) if start < 1 else 0.0

    # When the discriminator rests there is nothing that the generator waits for, whatever `n_critic` is

    @property
    def is_alone(self) -> bool:
        """Whether the generator learns without the discriminator in this phase."""
        return self.phase.method("discriminator") is None

    @property
    def is_last_of_turn(self) -> bool:
        return self.is_alone or super().is_last_of_turn

    def is_turn_every(self, num_steps: int) -> bool:
        return self.num_steps % num_steps == 0 if self.is_alone else super().is_turn_every(num_steps)

    def num_updates(self, num_batches: int) -> int:
        share = sum(each.share for each in self.phases.values() if each.method("discriminator") is None)
        alone = int(num_batches * share)
        return alone + super().num_updates(num_batches - alone)

    def average(self, num_images: int) -> None:
        super().average(num_images // self.n_critic if self.is_alone else num_images)

    # The parts of a batch

    def update(
        self,
        role: str,
        terms_of: Callable[[Batch], Terms] | None,
        parts: list[Batch],
        is_lazy: bool = False,
    ) -> None:
        self._parts = parts
        try:
            super().update(role, terms_of, parts, is_lazy)
        finally:
            self._parts = []

    def each_part(self, batch: Batch) -> Iterator[Batch]:
        """Yield the parts of the update that ``batch`` is one of, while `rng` draws for each; or ``batch`` alone."""
        if not any(part is batch for part in self._parts):
            yield batch
            return
        at = self._part
        for self._part, part in enumerate(self._parts):  # noqa: B020
            yield part
        self._part = at

    # The generator's terms

    def likelihood_terms(self, batch: Batch) -> Terms:
        """Return the negative log-likelihood of the real texts, in nats per token that is read.

        Of a batch in parts, and on several devices, per token of a part on average: the mean of the terms is then that
        of all tokens, however many fall into each part.
        """
        counts = [read_places(part["real"], self.generator.end).sum() for part in self.each_part(batch)]
        num_read = global_mean(torch.stack(counts).float().mean())
        log_probs = self.token_log_probs(as_ids(batch["real"]), batch)
        return {"likelihood": -log_probs.sum() / num_read}

    def generator_terms(self, batch: Batch) -> Terms:
        return self.estimator.terms(self, batch)

    def differentiable_terms(self, batch: Batch) -> Terms:
        """Return the terms whose gradient flows through the fakes."""
        return super().generator_terms(batch)

    # What the terms are made of

    def draw_noise(self, num: int, rng: Callable[[str], torch.Generator] | None = None) -> Batch:
        if rng is None and self.is_alone and not self.is_watched:
            # The likelihood draws no token, and a number for each one of the vocabulary at each place is dear.
            names = [name for name in self.generator.noise if name != "gumbel"]
            drawn = {name: self.generator.noise[name].draw(num, self.rng(name)) for name in names}
            return {name: noise.to(self.dtype) for name, noise in drawn.items()}
        return super().draw_noise(num, rng)

    def fakes(self, batch: Batch, with_graph: bool) -> Tensor:
        return super().fakes(batch, with_graph and self.estimator.is_differentiable)

    def token_log_probs(self, ids: Tensor, batch: Batch) -> Tensor:
        """Return the generator's ln p of each token of texts (B, L), (B, L), under the batch's latents and labels."""
        return self.generator.token_log_probs(ids, batch.get("latent"), self._label(batch))

    def begin_texts(self, num: int, batch: Batch) -> Memory:
        """Return the generator's memory before the first tokens of the batch's ``num`` texts."""
        return self.generator.begin(num, batch.get("latent"), self._label(batch))

    def _label(self, batch: Batch) -> Tensor | None:
        return batch.get("label") if self.generator.num_classes else None

    def zeros(self, batch: Batch) -> dict[str, Tensor]:
        """Return by critic the mean logit of the real texts, of all parts and devices, for those that are relativistic.

        Relativistic logits have no zero of their own: Jolicoeur-Martineau 2018, equation 5.
        """
        found = {}
        with torch.no_grad(), frozen(self.discriminator):
            for critic in self.critics:
                if critic.objective.relativistic:
                    said = [
                        self.discriminate(
                            critic, part[critic.real], part, critic.real_label, "generator/real"
                        )
                        for part in self.each_part(batch)
                    ]
                    means = [per_sample(each["logits"]).mean() for each in said]
                    found[critic.name] = global_mean(torch.stack(means).mean())
        return found

    def rewards(
        self, batch: Batch, ids: Tensor, name: str, zeros: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """Return how real the critics find texts, the weighted sum of their sigmoids.

        Args:
            ids: int64 (B * num, L), ``num`` texts for each of the batch.
            name: "logits" for one reward a text, (B * num,), or "steps" for one a token, (B * num, L).
            zeros: what `zeros` says; None asks it.

        Raises:
            SettingError: a critic does not say ``steps``.
        """
        zeros, num = self.zeros(batch) if zeros is None else zeros, len(ids) // len(batch["real"])
        fields = {key: batch[key] for key in self._read_beside if key in batch}
        # One-hots of many texts over a large vocabulary are gigabytes.
        rows = max(1, CHUNK // (num * self.generator.length * self.generator.size))
        with torch.no_grad(), frozen(self.discriminator):
            chunks = [
                self._reward(
                    {
                        key: value[start : start + rows].repeat_interleave(num, 0)
                        for key, value in fields.items()
                    },
                    as_one_hot(ids[start * num : (start + rows) * num], self.generator.size, batch["real"]),
                    name,
                    zeros,
                    f"generator/fake/{start}" if start else "generator/fake",
                )
                for start in range(0, len(batch["real"]), rows)
            ]
        return torch.cat(chunks)

    def _reward(
        self, fields: Batch, texts: Tensor, name: str, zeros: Mapping[str, Tensor], stream: str
    ) -> Tensor:
        total = torch.zeros(())
        for critic in self.critics:
            said = self.discriminate(critic, texts, fields, critic.fake_label, stream)
            if name not in said:
                allowed = "1 or more: a critic that rewards each token is ganworks.model.RecurrentCritic"
                raise SettingError("task.estimators.reinforce.num_rollouts", 0, allowed)
            logits = said[name] if name == "steps" else per_sample(said[name])
            total = total + critic.weight * (logits - zeros.get(critic.name, 0.0)).sigmoid()
        return total

    @property
    def _read_beside(self) -> set[str]:
        labels = {critic.fake_label for critic in self.critics}
        return labels.union(*(critic.view.fields for critic in self.critics if critic.view is not None))

    def describe(self) -> dict[str, str]:
        name = type(self.estimator).__name__.lower()
        return {**super().describe(), "estimator": f"{name}, {self.estimator.extra_repr()}"}
