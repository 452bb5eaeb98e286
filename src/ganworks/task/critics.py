"""What critics say of samples, and the penalties that are taken of them: the side of a game that is no algorithm."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, cast

from torch import Tensor, nn

from ganworks.augment import Augment, AugmentFunction, as_module, identity
from ganworks.errors import check_choice, setting_path
from ganworks.loss import AdversarialLoss, per_sample
from ganworks.loss.base import OfLogits
from ganworks.regularizer import Regularizer
from ganworks.regularizer.base import weight_at
from ganworks.task.base import Batch, ManualTask, Terms, detached
from ganworks.task.critic import Critic, CriticCall, critics_of
from ganworks.task.player import as_player
from ganworks.task.rates import correction_of, interval_of
from ganworks.task.said import Look, Said, by_side, said_of, without_side
from ganworks.task.state import average_state
from ganworks.task.view import Seen


class CriticsTask(ManualTask):
    """A task whose discriminator is made of critics, each with its view, loss and regularizers.

    Args:
        generator, discriminator, loss, regularizers, augment, lazy_step, share_forward, share_precision: see
            `AdversarialTask`.
        kwargs: see `ManualTask`.
    """

    def __init__(
        self,
        generator: nn.Module | Mapping[str, nn.Module],
        discriminator: nn.Module | Critic | Mapping[str, nn.Module | Critic],
        loss: AdversarialLoss,
        regularizers: Mapping[str, Regularizer] | None = None,
        augment: Augment | AugmentFunction = identity,
        lazy_step: bool = False,
        share_forward: bool = False,
        share_precision: str = "float32",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.loss = loss
        self.generator = as_player(generator)
        critics = critics_of(discriminator)
        networks = {critic.name: critic.network for critic in critics}
        self.discriminator = networks[""] if "" in networks else as_player(networks)
        self.regularizers = nn.ModuleDict(dict(regularizers or {}))
        self.critic_regularizers, self.critic_losses = nn.ModuleDict(), nn.ModuleDict()
        self.critics = [self._equipped(critic) for critic in critics]
        self.is_augmenting = augment is not identity
        self.augment = as_module(augment)
        self.is_watched, self.looks = False, list[Look]()
        self.share_forward = share_forward
        self.share_precision = check_choice("share_precision", share_precision, ("float32", "as_is"))
        self.lazy_step = lazy_step
        self.lazy_regularizers = {role: self._lazy_of(role) for role in ("generator", "discriminator")}
        self.corrections = {
            role: correction_of(interval_of(role, {name: each.every for name, each in lazy.items()}))
            for role, lazy in self.lazy_regularizers.items()
            if lazy
        }

    def _equipped(self, critic: Critic) -> Critic:
        """Return a critic with its loss and regularizers: its own, or the task's; one of several gets copies."""
        shared = self.regularizers_of("discriminator")
        own = dict(critic.regularizers) if critic.regularizers is not None else shared
        for name, regularizer in own.items():
            with setting_path(f"regularizer.{name}", is_whole=True):
                critic = regularizer.equip(critic)
        critic = replace(critic, loss=self._loss_of(critic))
        if critic.regularizers is None and not critic.name:
            return replace(critic, regularizers=shared)
        own = copy.deepcopy(shared) if critic.regularizers is None else own
        if own:
            self.critic_regularizers[critic.name or "critic"] = nn.ModuleDict(own)
        return replace(critic, regularizers=own)

    def _loss_of(self, critic: Critic) -> AdversarialLoss:
        """Return a critic's loss: its own, or the task's; one with state is a copy for one of several critics."""
        is_shared = critic.loss is None and not (critic.name and isinstance(self.loss, nn.Module))
        loss = self.loss if is_shared else critic.loss or copy.deepcopy(self.loss)
        if isinstance(loss, nn.Module) and not is_shared:
            self.critic_losses[critic.name or "critic"] = loss
        return loss if hasattr(loss, "discriminator_of") else cast(AdversarialLoss, OfLogits(loss))

    def _lazy_of(self, role: str) -> dict[str, Regularizer]:
        """Return the regularizers of ``role`` whose penalties take a step of their own, by the names of their terms."""
        pairs = self.all_regularizers.items()
        return {name: each for name, each in pairs if each.player == role and self.is_lazy(each)}

    def is_lazy(self, regularizer: Regularizer) -> bool:
        """Return whether a regularizer's penalty takes a step of its own."""
        return self.lazy_step and regularizer.is_penalty and regularizer.every > 1

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
        sample = self.augmented(sample, stream) if self.is_augmenting else sample
        seen: Seen = sample
        if view is not None:
            # The same draws for the fields beside the sample, so that both are moved alike.
            fields = {
                name: self.augmented(batch[name], stream) if self.is_augmenting else batch[name]
                for name in view.fields
            }
            draws = without_side(stream) if view.shares_draws else stream
            seen = view(sample, {**batch, **fields}, self.rng(f"view/{draws}"))
        return said_of(critic, seen, batch.get(label), len(sample), network)

    def augmented(self, sample: Tensor, stream: str) -> Tensor:
        """Return samples (B, *shape) augmented with the draws of a stream, the same in every call of a step."""
        with setting_path("augment"):
            return self.augment(sample, self.rng(f"augment/{stream}"))

    def is_sharing(self, regularizer: Regularizer, critic: Critic) -> bool:
        """Return whether a regularizer's penalty is taken of the loss's own logits."""
        # Further passes would have to see the fields beside fakes of earlier batches too.
        is_whole = regularizer.differentiates_twice or critic.view is None or not critic.view.fields
        return self.share_forward and bool(regularizer.shares) and is_whole and not self.is_lazy(regularizer)

    def shared(self, critic: Critic, step: int, **samples: Tensor) -> list[Tensor]:
        """Return the samples, with a gradient where a penalty of this update needs it of the loss's own logits.

        Args:
            samples: ``real`` and ``fake``, (B, ...) each, unaugmented: the gradient goes through the augmentation.
        """
        due = {
            each.shares
            for each in critic.penalties.values()
            if each.differentiates_twice and self.is_sharing(each, critic) and each.is_due(step)
        }
        return [x.detach().requires_grad_() if name in due else x for name, x in samples.items()]

    def penalties(
        self,
        regularizers: Mapping[str, Regularizer],
        step: int,
        batch: Batch,
        critic: Critic | None = None,
        is_lazy: bool = False,
    ) -> Terms:
        """Return the terms of the regularizers that act in the ``step``-th update of a critic, or of the generator.

        Args:
            is_lazy: those alone that take a step of their own; otherwise the others alone.
        """
        terms: Terms = {}
        for name, regularizer in regularizers.items():
            if not regularizer.is_due(step) or self.is_lazy(regularizer) != is_lazy:
                continue
            name = f"{critic.prefix}{name}" if critic else name
            if critic and self.is_sharing(regularizer, critic):
                at, uncompiled = regularizer.shares, regularizer.differentiates_twice
                again = CriticCall(self, critic, batch, at, uncompiled, label=f"{at}_label")
                penalty: Tensor | None = regularizer.penalty_of_pass(
                    again, batch[at], batch[f"{at}_logits"], self.rng(name)
                )
            else:
                network: Callable[..., Any] = self.generator
                if critic:
                    network = CriticCall(
                        self, critic, batch, name, uncompiled=regularizer.differentiates_twice
                    )
                penalty = regularizer.penalty(network, batch, self.rng(name))
            average_state(regularizer)
            if penalty is not None:
                # Lazy: the weight is scaled by `every`, Karras et al. 2020 (StyleGAN2), appendix B.
                terms[name] = regularizer.factor(self.progress_of(regularizer.weight)) * penalty
        return terms

    def terms_of_critic(self, critic: Critic, fake: Said, real: Said, batch: Batch) -> Terms:
        """Return what else the generator learns of a frozen critic: the terms of its regularizers.

        Args:
            fake, real: what it said of the fakes and, where the loss or a regularizer compares, of the reals.
        """
        terms = Terms()
        seen = batch | {"fake": batch[critic.fake]} | by_side("fake", fake) | by_side("real", real)
        for name, regularizer in self.teachers(critic).items():
            term = regularizer.generator_term(seen)
            if term is not None:
                weight = regularizer.generator_weight
                terms[f"{critic.prefix}{name}"] = weight_at(weight, self.progress_of(weight)) * term
        return terms

    def teachers(self, critic: Critic) -> dict[str, Regularizer]:
        """Return those of a critic's regularizers that teach the generator, by name."""
        taught = Regularizer.generator_term
        return {
            name: each for name, each in critic.penalties.items() if type(each).generator_term is not taught
        }

    def compares(self, critic: Critic) -> bool:
        """Return whether the generator's terms need what a critic says of the reals."""
        return critic.objective.relativistic or any(each.compares for each in self.teachers(critic).values())

    def through(self, fake: Tensor) -> Tensor:
        """Return fakes (B, ...) as the critics see them in the generator's update: equal, but for their gradient."""
        for regularizer in self.generator_regularizers.values():
            fake = regularizer.through(fake)
        return fake

    def observe(self, said: Sequence[tuple[Said, Said]]) -> None:
        """Let losses with state and the augmentation follow what each critic said of reals and fakes."""
        following: dict[str, Any] = {}
        for critic, (real, fake) in zip(self.critics, said, strict=True):
            if isinstance(critic.objective, nn.Module):
                critic.objective.observe(real, fake)
                following[f"{critic.prefix}loss"] = critic.objective
        if self.is_augmenting:  # once for all critics
            reals, fakes = (
                [per_sample(of["logits"].detach()) for of in side] for side in zip(*said, strict=True)
            )
            losses = [critic.objective for critic in self.critics]
            is_centred = all(getattr(loss, "centred", not loss.relativistic) for loss in losses)
            num_images = len(reals[0]) * self.critics[0].together * self.world_size
            self.augment.observe_logits(reals, fakes, num_images, is_centred)
            following["augment"] = self.augment
        for each in following.values():
            average_state(each)
        if following and self._trainer is not None and self.is_logging and self._part == self.accumulate - 1:
            scalars = {
                f"{name}/{key}": x for name, each in following.items() for key, x in each.scalars.items()
            }
            self._record(scalars)

    def keep_look(self, critic: Critic, seen: Batch) -> None:
        """Keep what a critic saw for whoever watches; of a batch in parts, the last one."""
        others = [look for look in self.looks if look.critic.name != critic.name]
        tensors = {name: value for name, value in seen.items() if isinstance(value, Tensor)}
        self.looks = [*others, Look(critic, detached(tensors))]

    def look(self, critic: Critic, batch: Batch, sample: Tensor, label: Tensor | None) -> Tensor:
        """Return a critic's logits (B, ...) of unaugmented samples, by the uncompiled network."""
        sample, view = self.augment.unchanged(sample), critic.view
        seen: Seen = sample if view is None else view(sample, batch, self.rng(f"look/{critic.prefix}"))
        return said_of(critic, seen, label, len(sample), critic.network.forward)["logits"]

    # Whose regularizers act where

    @property
    def world_size(self) -> int:
        """Processes that train together."""
        return 1 if self._trainer is None else self.trainer.world_size

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

    @property
    def all_regularizers(self) -> dict[str, Regularizer]:
        """Every regularizer under the name of its term."""
        of_critics = {c.prefix + name: r for c in self.critics for name, r in c.penalties.items()}
        return {**of_critics, **self.generator_regularizers}
