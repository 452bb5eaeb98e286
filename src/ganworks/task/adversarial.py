"""The training step of every GAN here: players against each other, optimized by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from ganworks.augment import Augment, AugmentFunction, as_module, identity
from ganworks.errors import check_count
from ganworks.loss import AdversarialLoss, per_sample
from ganworks.model.base import num_classes_of
from ganworks.regularizer import Regularizer
from ganworks.task.base import Batch, ManualTask, Terms, batch_size, detached
from ganworks.task.check import check_terms
from ganworks.task.critic import Critic, critics_of, logits_of
from ganworks.task.ema import ExponentialMovingAverage
from ganworks.task.player import as_player, frozen
from ganworks.task.state import average_state

Said = dict[str, Tensor]


@dataclass(frozen=True)
class Look:
    """What one critic saw in the discriminator's last update, for whoever watches the training.

    Args:
        critic: with the loss and the regularizers that it is trained on.
        batch: ``real``, ``fake``, ``real_logits``, ``fake_logits``, perhaps ``label``, and the other fields, without
            graphs.
    """

    critic: Critic
    batch: Batch


class AdversarialTask(ManualTask):
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.loss, self.ema = loss, ema
        self.generator = as_player(generator)
        critics = critics_of(discriminator)
        networks = {critic.name: critic.network for critic in critics}
        self.discriminator = networks[""] if "" in networks else as_player(networks)
        self.regularizers = nn.ModuleDict(dict(regularizers or {}))
        self.critic_regularizers = nn.ModuleDict()
        self.critics = [self._equipped(critic) for critic in critics]
        self.is_augmenting = augment is not identity
        self.augment = as_module(augment)
        self.n_critic = check_count("n_critic", n_critic)
        self.is_watched, self.looks = False, list[Look]()
        self.freeze_parameters()
        self.ema_generator = copy.deepcopy(self.generator).requires_grad_(False).eval()

    def _equipped(self, critic: Critic) -> Critic:
        """Return a critic with its loss and regularizers: its own, or the task's; one of several gets copies."""
        shared = self.regularizers_of("discriminator")
        own = dict(critic.regularizers) if critic.regularizers is not None else shared
        for regularizer in own.values():
            regularizer.prepare(critic.network)
        if critic.regularizers is None and not critic.name:
            return replace(critic, loss=critic.loss or self.loss, regularizers=shared)
        own = copy.deepcopy(shared) if critic.regularizers is None else own
        if own:
            self.critic_regularizers[critic.name or "critic"] = nn.ModuleDict(own)
        return replace(critic, loss=critic.loss or self.loss, regularizers=own)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Update the discriminator and, every `n_critic` batches, the generator."""
        num = batch_size(batch)
        parts = self.split({**batch, **self.draw_noise(num)})
        self.update("discriminator", self.terms_of("discriminator"), parts)
        self.project("discriminator")
        if self.is_generator_turn:
            self.update("generator", self.terms_of("generator"), parts)
            self.project("generator")
            self.average(num * self.n_critic)
        self.finish_step(num)

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Return the terms whose sum the discriminator minimizes, under the names that they are logged with."""
        # On the generator's turn the fakes keep their graph and serve both updates, which saves a forward.
        self.fakes(batch, with_graph=self.is_generator_turn and self.accumulate == 1)
        terms: Terms = {}
        logits_of_reals = []
        for critic in self.critics:
            shown = self.shown(critic, batch)
            real, fake = batch[critic.real], shown[critic.fake].detach()
            said_of_real = self.discriminate(critic, real, batch, critic.real_label, "real")
            said_of_fake = self.discriminate(critic, fake, shown, critic.fake_label, "fake")
            real_logits, fake_logits = said_of_real["logits"], said_of_fake["logits"]
            loss = critic.objective.discriminator(real_logits, fake_logits)
            terms[f"{critic.prefix}adversarial"] = critic.weight * loss
            seen = batch | {
                "real": real,
                "fake": fake,
                "real_logits": real_logits,
                "fake_logits": fake_logits,
            }
            # Regularizers see what else a critic said; whoever watches does not need it.
            said = by_side("real", said_of_real) | by_side("fake", said_of_fake)
            terms |= self.penalties(critic.penalties, self.num_steps, seen | said, critic)
            logits_of_reals.append(real_logits)
            if self.is_watched:
                self.keep_look(critic, seen)
        if self.is_augmenting:
            self.observe(logits_of_reals)
        return terms

    def generator_terms(self, batch: Batch) -> Terms:
        """Return the terms whose sum the generator minimizes; the discriminator is frozen meanwhile."""
        self.fakes(batch, with_graph=True)
        terms: Terms = {}
        with frozen(self.discriminator):
            for critic in self.critics:
                fake = self.discriminate(
                    critic, batch[critic.fake], batch, critic.fake_label, "generator/fake"
                )
                real: Said = {}
                if critic.objective.relativistic:
                    real = self.discriminate(
                        critic, batch[critic.real], batch, critic.real_label, "generator/real"
                    )
                loss = critic.objective.generator(fake["logits"], real.get("logits"))
                terms[f"{critic.prefix}adversarial"] = critic.weight * loss
                terms |= self.terms_of_critic(critic, fake, batch)
        return terms | self.penalties(self.generator_regularizers, self.num_steps // self.n_critic, batch)

    def terms_of_critic(self, critic: Critic, said: Said, batch: Batch) -> Terms:
        """Return what else the generator learns of what a frozen critic says of the fakes: here nothing."""
        return {}

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

    def discriminate(
        self,
        critic: Critic,
        sample: Tensor,
        batch: Batch,
        label: str,
        stream: str,
        network: Callable[..., Any] | None = None,
    ) -> Said:
        """Return what a critic says of augmented samples: ``logits`` (B, ...) in float32, perhaps more.

        Args:
            sample: (B, *shape).
            label: the field of the batch that holds the samples' labels.
            stream: keys the draws of the augmentation and the view.
            network: in place of the critic's own, such as the uncompiled one.
        """
        stream, view = critic.prefix + stream, critic.view
        seen = sample
        if self.is_augmenting:
            seen = self.augment(sample, self.rng(f"augment/{stream}"))
        if view is not None:
            # The same draws for the fields beside the sample, so that both are moved alike.
            fields = {
                name: self.augment(batch[name], self.rng(f"augment/{stream}"))
                if self.is_augmenting
                else batch[name]
                for name in view.fields
            }
            seen = view(seen, {**batch, **fields}, self.rng(f"view/{stream}"))
        return said_of(critic, seen, batch.get(label), len(sample), network)

    def raw_critic(self, critic: Critic, batch: Batch, stream: str) -> Callable[[Tensor], Tensor]:
        """Return samples -> logits through the uncompiled network: penalties differentiate twice."""

        def logits(sample: Tensor) -> Tensor:
            # What a call does without the compiled code; not `forward`, which leaves the hooks of a sharded one out.
            network = critic.network._call_impl
            return self.discriminate(critic, sample, batch, critic.real_label, stream, network)["logits"]

        return logits

    def penalties(
        self, regularizers: Mapping[str, Regularizer], step: int, batch: Batch, critic: Critic | None = None
    ) -> Terms:
        """Return the terms of the regularizers that act in the ``step``-th update of a critic, or of the generator."""
        terms: Terms = {}
        for name, regularizer in regularizers.items():
            if not regularizer.is_due(step):
                continue
            name = f"{critic.prefix}{name}" if critic else name
            network = self.raw_critic(critic, batch, name) if critic else self.generator
            penalty = regularizer.penalty(network, batch, self.rng(name))
            average_state(regularizer)
            if penalty is not None:
                # Lazy: the weight is scaled by `every`, Karras et al. 2020 (StyleGAN2), appendix B.
                terms[name] = regularizer.factor(self.progress) * penalty
        return terms

    def observe(self, real_logits: list[Tensor]) -> None:
        """Let the augmentation see what the critics said of the reals, once for all of them."""
        num_images = len(real_logits[0]) * self.world_size
        self.augment.observe(torch.cat([per_sample(logits.detach()) for logits in real_logits]), num_images)
        average_state(self.augment)

    def keep_look(self, critic: Critic, seen: Batch) -> None:
        """Keep what a critic saw for whoever watches; of a batch in parts, the last one."""
        others = [look for look in self.looks if look.critic.name != critic.name]
        self.looks = [*others, Look(critic, detached(seen))]

    def look(self, critic: Critic, batch: Batch, sample: Tensor, label: Tensor | None) -> Tensor:
        """Return a critic's logits (B, ...) of unaugmented samples, by the uncompiled network."""
        view = critic.view
        seen = sample if view is None else view(sample, batch, self.rng(f"look/{critic.prefix}"))
        return said_of(critic, seen, label, len(sample), critic.network.forward)["logits"]

    # When, and what follows an update

    @property
    def world_size(self) -> int:
        """Processes that train together."""
        return 1 if self._trainer is None else self.trainer.world_size

    @property
    def is_last_of_turn(self) -> bool:
        """Whether this batch is the last of `n_critic`."""
        return (self.num_steps + 1) % self.n_critic == 0

    @property
    def is_generator_turn(self) -> bool:
        """Whether the generator learns from this batch."""
        return self.is_last_of_turn and self.phase.method("generator") is not None

    @property
    def is_logging(self) -> bool:
        """Whether this step's scalars are logged."""
        return self.is_turn_every(self.trainer.log_every_n_steps)  # type: ignore[attr-defined]

    def is_turn_every(self, num_steps: int) -> bool:
        """Say whether this batch is the one in about ``num_steps`` that is looked at: in it both players learn."""
        interval = max(1, num_steps // self.n_critic)
        return self.is_last_of_turn and self.num_steps // self.n_critic % interval == 0

    @cached_property
    def generator_regularizers(self) -> dict[str, Regularizer]:
        """The regularizers of the generator by name."""
        return self.regularizers_of("generator")

    def regularizers_of(self, role: str) -> dict[str, Regularizer]:
        """Return those of the task's regularizers that act on ``role``, by name."""
        every = cast(Mapping[str, Regularizer], self.regularizers)
        return {name: each for name, each in every.items() if each.player == role}

    @cached_property
    def projections(self) -> dict[str, list[Callable[[], None]]]:
        """By role the projections of weights that follow each of its updates."""
        pairs = [("discriminator", c.network, r) for c in self.critics for r in c.penalties.values()]
        pairs += [("generator", self.generator, r) for r in self.generator_regularizers.values()]
        acting = [pair for pair in pairs if type(pair[2]).project is not Regularizer.project]
        return {
            role: [partial(regularizer.project, network) for at, network, regularizer in acting if at == role]
            for role in ("generator", "discriminator")
        }

    def project(self, role: str) -> None:
        """Apply the regularizers that act on the weights of ``role``, unless it does not learn in this phase."""
        for projection in self.projections[role] if self.phase.method(role) is not None else ():
            projection()

    def average(self, num_images: int) -> None:
        """Let `ema_generator` follow the generator; ``num_images`` of this process passed since it last did."""
        num_images = num_images * self.trainer.world_size
        self.ema.update(self.ema_generator, self.generator, num_images, self.images_seen)

    # The surface

    @property
    def averages(self) -> dict[str, nn.Module]:
        return {"generator": self.ema_generator}

    @property
    def all_regularizers(self) -> dict[str, Regularizer]:
        """Every regularizer under the name of its term."""
        of_critics = {c.prefix + name: r for c in self.critics for name, r in c.penalties.items()}
        return {**of_critics, **self.generator_regularizers}

    def check(self, batch: Batch, shape: tuple[int, ...]) -> None:
        check_terms(self, batch, shape)

    def num_updates(self, num_batches: int) -> int:
        return super().num_updates(num_batches) // self.n_critic

    def describe(self) -> dict[str, str]:
        names = ", ".join(self.all_regularizers) or "none"
        return {**super().describe(), "loss": f"{self.loss}, regularizers: {names}"}


def by_side(side: str, said: Said) -> Said:
    """Return what a critic said of one side under names that say which."""
    return {f"{side}_{name}": value for name, value in said.items()}


def said_of(
    critic: Critic, seen: Tensor, label: Tensor | None, num: int, network: Callable[..., Any] | None = None
) -> Said:
    """Return what a critic's network says of what it sees, ``logits`` (B, ...) in float32 among it.

    Args:
        seen: what the view shows of ``num`` samples, perhaps several rows of each.
        label: of the samples; handed on to a conditional network alone.
    """
    network, several = network or critic.network, len(seen) // num
    if label is not None and num_classes_of(critic.network):
        said = network(seen, label if several == 1 else label.repeat_interleave(several, 0))
    else:
        said = network(seen)
    logits = logits_of(said)
    if several > 1:
        logits = logits.unflatten(0, (num, several))
    return {"logits": logits} if isinstance(said, Tensor) else {**said, "logits": logits}
