"""The training step of every GAN here: players against each other, optimized by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganworks.augment import Augment, AugmentFunction, identity
from ganworks.errors import check_count
from ganworks.loss import AdversarialLoss, per_sample
from ganworks.regularizer import Regularizer
from ganworks.schedule import ValueSchedule, check_share, value_at
from ganworks.task.base import Batch, Terms, batch_size
from ganworks.task.check import check_terms
from ganworks.task.critic import Critic, with_fakes
from ganworks.task.critics import CriticsTask
from ganworks.task.ema import ExponentialMovingAverage
from ganworks.task.player import frozen
from ganworks.task.said import Look, Said, by_side, rows_of

__all__ = ["AdversarialTask", "Look", "Said"]


class AdversarialTask(CriticsTask):
    """A generator and a discriminator in alternating updates (Goodfellow et al. 2014, algorithm 1).

    A batch is a dict: ``real`` (B, *shape), perhaps ``label``, perhaps ``source``, and whatever else the data set
    reads. An application overrides `produce`, `discriminator_terms` or `generator_terms`, and nothing else.

    Args:
        generator: a network from noise and conditions to samples (B, *shape), or several by name.
        discriminator: a network from samples and labels to logits (B, ...), a `Critic`, or several of either by name.
        loss: the adversarial objective, a pure function of logits.
        optimizers: by role what takes the player's parameters and returns its optimizer.
        schedule: sets the optimizers' learning rates from the progress in [0, 1].
        regularizers: penalties and projections of either player under their names.
        augment: differentiable augmentation in front of the discriminator.
        ema: how `ema_generator`, the average that is sampled and measured, follows the generator.
        n_critic: discriminator updates per generator update.
        top_k: share of the fakes that the generator learns from, those that the critic holds for real most, above 0 and
            up to 1, or a schedule of it: Sinha et al. 2020 (https://arxiv.org/abs/2002.06224).
        fresh_batch: the generator learns from a batch of its own, with its own reals and latents, behind the
            `n_critic` of the discriminator, as in R3GAN. A turn then takes one batch more; its images are counted
            when it ends, those of the discriminator's batches alone.
        lazy_step: penalties with ``every`` = k > 1 take an optimizer's step of their own behind the player's own, as
            in Karras et al. 2020 (StyleGAN2), appendix B, with its learning rate and betas corrected by k / (k + 1).
        share_forward: R1 and R2 are taken of the loss's own logits: two passes of the discriminator less, and the
            augmentation's draws are the same.
        share_precision: "float32" refuses that under autocast, "as_is" takes the gradient in the precision of the pass.
        kwargs: see `ManualTask`.

    Attributes:
        critics: the discriminator's networks, each with its view, loss and regularizers.
        is_watched: keep what the critics see of this batch in `looks`.
        looks: what each critic saw in the last update that was watched.

    Raises:
        SettingError: a count or a norm that is out of range, naming it.
    """

    def __init__(
        self,
        generator: nn.Module | Mapping[str, nn.Module],
        discriminator: nn.Module | Critic | Mapping[str, nn.Module | Critic],
        loss: AdversarialLoss,
        ema: ExponentialMovingAverage,
        regularizers: Mapping[str, Regularizer] | None = None,
        augment: Augment | AugmentFunction = identity,
        n_critic: int = 1,
        fresh_batch: bool = False,
        top_k: float | ValueSchedule = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, discriminator, loss, regularizers, augment, **kwargs)
        self.top_k = check_share("top_k", top_k)
        self.ema, self.n_critic = ema, check_count("n_critic", n_critic)
        self.fresh_batch = fresh_batch
        self.freeze_parameters()
        self.ema_generator = copy.deepcopy(self.generator).requires_grad_(False).eval()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the discriminator and, every `n_critic` batches, the generator."""
        num = batch_size(batch)
        parts = self.split({**batch, **self.draw_noise(num)})
        if self.is_discriminator_turn:
            self.update("discriminator", self.terms_of("discriminator"), parts)
            self.update_lazily("discriminator", parts)
            self.project("discriminator")
        if self.is_generator_turn:
            self.update("generator", self.terms_of("generator"), parts)
            self.update_lazily("generator", parts)
            self.project("generator")
            self.average(num * self.n_critic)
        self.finish_step(self.images_counted(num))

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Return the terms whose sum the discriminator minimizes, under the names that they are logged with."""
        # On the generator's turn the fakes keep their graph and serve both updates, which saves a forward.
        self.fakes(batch, with_graph=self.is_generator_turn and self.accumulate == 1)
        terms, step = Terms(), self.num_updates_of("discriminator")
        said: list[tuple[Said, Said]] = []
        for critic in self.critics:
            shown = self.shown(critic, batch)
            given = self.given(critic, batch, shown) if self.is_augmenting else batch
            samples = {"real": given[critic.real], "fake": shown[critic.fake].detach()}
            real, fake = self.shared(critic, step, **samples)
            of_real = self.discriminate(critic, real, given, critic.real_label, "real")
            of_fake = self.discriminate(critic, fake, shown, critic.fake_label, "fake")
            loss = critic.objective.discriminator_of(of_real, of_fake)
            terms[f"{critic.prefix}adversarial"] = critic.weight * loss
            seen = given | {"real": real, "fake": fake} | by_side("real", of_real) | by_side("fake", of_fake)
            terms |= self.penalties(critic.penalties, step, seen, critic)
            said.append((of_real, of_fake))
            if self.is_watched:
                self.keep_look(critic, seen)
        self.observe(said)
        return terms

    def generator_terms(self, batch: Batch) -> Terms:
        """Return the terms whose sum the generator minimizes; the discriminator is frozen meanwhile."""
        self.fakes(batch, with_graph=True)
        terms: Terms = {}
        with frozen(self.discriminator):
            for critic in self.critics:
                shown = self.through(batch[critic.fake])
                fake = self.discriminate(critic, shown, batch, critic.fake_label, "generator/fake")
                real: Said = {}
                if self.compares(critic):
                    real = self.discriminate(
                        critic, batch[critic.real], batch, critic.real_label, "generator/real"
                    )
                loss = critic.objective.generator_of(*self.top_rows(fake, real))
                terms[f"{critic.prefix}adversarial"] = critic.weight * loss
                terms |= self.terms_of_critic(critic, fake, real, batch)
        return terms | self.penalties(self.generator_regularizers, self.num_updates_of("generator"), batch)

    def top_rows(self, fake: Said, real: Said) -> tuple[Said, Said | None]:
        """Return what a critic said of the `top_k` of the fakes that it holds for real most, and of their reals."""
        logits, share = per_sample(fake["logits"]), value_at(self.top_k, self.images_seen, self.num_images)
        if share < 1:
            num = max(1, math.ceil(share * len(logits)))
            rows = logits.detach().topk(num).indices
            fake, real = (rows_of(said, rows, len(logits)) for said in (fake, real))
        return fake, real or None

    # The steps of penalties alone

    def update_lazily(self, role: str, parts: list[Batch]) -> None:
        """Let ``role`` descend its lazy penalties in a step of their own, if any is due behind the update just made."""
        is_due = any(r.is_due(self.num_updates_of(role)) for r in self.lazy_regularizers[role].values())
        if is_due and self.phase.method(role) == f"{role}_terms":
            self.update(role, getattr(self, f"{role}_lazy_terms"), parts, is_lazy=True)

    def discriminator_lazy_terms(self, batch: Batch) -> Terms:
        """Return the discriminator's lazy penalties, at the reals and the fakes that its loss was taken of."""
        fakes = self.fakes(batch, with_graph=False)
        step, terms = self.num_updates_of("discriminator"), Terms()
        for critic in self.critics:
            given = self.given(critic, batch, batch) if self.is_augmenting else batch
            seen = given | {"real": given[critic.real], "fake": batch.get(critic.fake, fakes).detach()}
            terms |= self.penalties(critic.penalties, step, seen, critic, is_lazy=True)
        return terms

    def generator_lazy_terms(self, batch: Batch) -> Terms:
        """Return the generator's lazy penalties; fakes are made anew, for the loss's backward freed their graph."""
        lazy = self.lazy_regularizers["generator"]
        if any(regularizer.reads_fakes for regularizer in lazy.values()):
            batch = {**batch, **self.produce(self.generator, batch)}
        return self.penalties(lazy, self.num_updates_of("generator"), batch, is_lazy=True)

    # What the terms are made of

    def fakes(self, batch: Batch, with_graph: bool) -> Tensor:
        """Draw the batch's fakes (B, *shape) into it, once unless their graph is needed and was not kept."""
        if "fake" not in batch or (with_graph and not batch["fake"].requires_grad):
            with torch.set_grad_enabled(with_graph):
                batch.update(self.produce(self.generator, batch))
        return batch["fake"]

    def shown(self, critic: Critic, batch: Batch) -> Batch:
        """Return the batch with the fakes that a critic learns from: these, unless a task keeps earlier ones."""
        return batch

    def given(self, critic: Critic, batch: Batch, shown: Batch) -> Batch:
        """Return the batch with what a critic is shown as real: fakes too, where the augmentation says so."""
        num = len(batch[critic.real]) // critic.together  # of a pack all samples or none
        chosen = self.augment.replaced(num, self.rng(f"replaced/{critic.prefix}"))
        if chosen is None:
            return batch
        return with_fakes(critic, batch, shown, chosen.repeat_interleave(critic.together))

    # When, and what follows an update

    @property
    def turn(self) -> int:
        """Batches from one update of the generator to the next."""
        return self.n_critic + self.fresh_batch

    @property
    def is_last_of_turn(self) -> bool:
        """Whether this batch is the last of its turn."""
        return (self.num_steps + 1) % self.turn == 0

    @property
    def is_discriminator_turn(self) -> bool:
        """Whether this batch is the discriminator's: all are, unless the generator has its own."""
        return not (self.fresh_batch and self.is_last_of_turn)

    @property
    def is_generator_turn(self) -> bool:
        """Whether the generator learns from this batch."""
        return self.is_last_of_turn and self.phase.method("generator") is not None

    @property
    def is_mid_turn(self) -> bool:
        """Whether the discriminator has had its batches, and the generator's own comes next."""
        return self.fresh_batch and self.num_steps % self.turn == self.n_critic

    @property
    def is_logging(self) -> bool:
        """Whether this step's scalars are logged."""
        return self.is_turn_every(self.trainer.log_every_n_steps)  # type: ignore[attr-defined]

    def is_turn_every(self, num_steps: int) -> bool:
        """Say whether this batch is of the turn in about ``num_steps`` that is looked at: in it both players learn."""
        turn, position = divmod(self.num_steps, self.turn)
        return position >= self.n_critic - 1 and turn % max(1, num_steps // self.turn) == 0

    def num_updates_of(self, role: str) -> int:
        """Return how many batches of ``role`` came before this one: the number of its update."""
        turn, position = divmod(self.num_steps, self.turn)
        return turn if role == "generator" else turn * self.n_critic + position

    def images_counted(self, num: int) -> int:
        """Return the images that count as seen with this batch of ``num``."""
        if not self.fresh_batch:
            return num
        return num * self.n_critic if self.is_last_of_turn else 0

    def average(self, num_images: int) -> None:
        """Let `ema_generator` follow the generator; ``num_images`` of this process passed since it last did."""
        num_images = num_images * self.trainer.world_size
        self.ema.update(self.ema_generator, self.generator, num_images, self.images_seen, self.num_images)

    # The surface

    @property
    def averages(self) -> dict[str, nn.Module]:
        return {"generator": self.ema_generator}

    def check(self, batch: Batch, shape: tuple[int, ...]) -> None:
        check_terms(self, batch, shape)

    def num_updates(self, num_batches: int) -> int:
        return super().num_updates(num_batches) // self.n_critic

    def describe(self) -> dict[str, str]:
        names = ", ".join(self.all_regularizers) or "none"
        lines = {**super().describe(), "loss": f"{self.loss}, regularizers: {names}"}
        if self.fresh_batch:
            lines["turn"] = f"batches of the discriminator: {self.n_critic}, then one of the generator's own"
        for role, lazy in self.lazy_regularizers.items():
            if lazy:
                every, c = next(iter(lazy.values())).every, self.corrections[role]
                lines[f"{role}'s lazy step"] = (
                    f"{', '.join(lazy)} in every {every} updates; learning rate x {c:.4g}, betas to the power of it"
                )
        return lines
