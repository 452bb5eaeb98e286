"""What surrounds a manually optimized step: players, time in images, keyed noise, rates, state."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from pytorch_lightning.plugins.precision import DoublePrecision
from torch import Tensor, nn
from torch.optim import Optimizer

from ganworks.errors import SettingError, check_count
from ganworks.model.base import conditions_of, draw_noise, networks_of, noise_of, produce
from ganworks.noise import keyed_rng, keyed_seed
from ganworks.optimizer import OptimizerFactory, Schedule, build
from ganworks.sample.sampler import Sampler
from ganworks.schedule import progress_of
from ganworks.task.freeze import Patterns, freeze_players
from ganworks.task.phase import MAIN, Phase, checked_phases, described_phases, phase_at
from ganworks.task.player import described, frozen_of, num_parameters
from ganworks.task.rates import follow_rates, set_rates
from ganworks.task.update import Batch, PlayerUpdates, Terms

log = logging.getLogger(__name__)


class ManualTask(PlayerUpdates):
    """A LightningModule whose training step calls `update` for each player and `finish_step` at the end.

    A player is one network, or several by name, with one optimizer; each is a submodule under the name of its role.
    A batch is a dict of fields with one row a sample, among them ``real``.

    What the rest of the program asks of a task is here: its players and averages, the inputs of samples and the
    samples that they become, a check of itself, a description.

    Args:
        num_images: length of the training in real images.
        optimizers: by role what takes the player's parameters and returns its optimizer.
        schedule: sets the optimizers' learning rates from the progress in [0, 1].
        seed: key of every draw.
        gradient_clip: largest norm of a player's gradient; None does not clip.
        accumulate: parts in which a batch is processed to save memory; the gradient is that of the batch.
        patience: updates in a row with a loss that is not finite, after which the run stops.
        phases: stretches from the start of the run with their own terms and rates, one after the other.
        freeze: by role patterns such as "layers.0.*" of the names of parameters that are not trained.
        nan_gradients: "keep" counts updates with a gradient that is not finite where it looks at them, "zero" in all
            of them, and takes 0 for NaN and no number beyond 1e5; see `GradientGuard`.

    Attributes:
        roles: the players' names, in the order of their optimizers; the first is the one whose updates are counted.
        images_seen: real images seen over all processes: the x-axis of every logger, file name and schedule.
        num_steps: batches seen by this process.
        scalars: what was logged last, under the names that it was logged with.
        can_be_sharded: its terms can be taken of networks that are split over devices.
        truth: the field of the data with the sample that belongs to each source; None where sources have none.
        watcher: is told of a role and its optimizer before each update, when the gradients are there, not yet clipped.
        corrections: by role c of the players whose penalties take their own steps; see `correction_of`.

    Raises:
        SettingError: a setting that is out of range or names what is not there.
    """

    roles: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    truth: ClassVar[str | None] = None
    can_be_sharded: ClassVar[bool] = True
    generator: nn.Module

    def __init__(
        self,
        num_images: int,
        optimizers: Mapping[str, OptimizerFactory],
        schedule: Schedule,
        seed: int = 0,
        gradient_clip: float | None = None,
        accumulate: int = 1,
        patience: int = 20,
        phases: Mapping[str, Phase] | None = None,
        freeze: Mapping[str, Patterns] | None = None,
        nan_gradients: str = "keep",
    ) -> None:
        super().__init__(gradient_clip, patience, nan_gradients)
        self.optimizer_factories, self.schedule = dict(optimizers), schedule
        self.num_images, self.seed = check_count("num_images", num_images), seed
        self.accumulate = check_count("accumulate", accumulate)
        self.phases = checked_phases(phases or {}, self.roles, type(self))
        self.freeze_patterns = freeze or {}
        self.images_seen, self.num_steps = 0, 0
        self.corrections: dict[str, float] = {}
        self.rates: list[float] = []  # learning rates of the configuration, in the order of `roles`
        self._rates_before: list[float] = []  # those of the checkpoint that the run goes on from

    # The players and what the program asks of a task

    @property
    def players(self) -> dict[str, nn.Module]:
        """The players by role."""
        return {role: getattr(self, role) for role in self.roles}

    @property
    def averages(self) -> dict[str, nn.Module]:
        """The averaged players by role: what is sampled and measured in their place."""
        return {}

    @staticmethod
    def produce(generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what the generator's player makes of noise and conditions: ``fake`` (B, *shape), perhaps more.

        A function of its arguments alone, so that a trained player draws without its task. This one calls a single
        network; a task with a player of several overrides it.
        """
        return produce(generator, inputs)

    def draw_noise(self, num: int, rng: Callable[[str], torch.Generator] | None = None) -> Batch:
        """Return the noise of ``num`` samples by name; in this step's draws unless ``rng`` gives others."""
        drawn = draw_noise(self.generator, num, rng or self.rng)
        return {name: noise.to(self.dtype) for name, noise in drawn.items()}

    def sampler(self, config: dict[str, Any] | None = None) -> Sampler:
        """Return the averaged generator, ready to draw; of a sharded one a whole copy, for all processes to ask."""
        player = self.averages.get("generator", self.generator)
        gathered = getattr(self.trainer.strategy, "gathered", None) if self._trainer is not None else None
        # The plain function in place of the method that calls it: a saved generator then loads without its task.
        draws = produce if self.produce is ManualTask.produce else self.produce
        return Sampler(player if gathered is None else gathered(player), config or {}, draws)

    @abstractmethod
    def check(self, batch: Batch, shape: tuple[int, ...]) -> None:
        """Raise `SettingError` unless the terms of all players can be taken of two real samples; trains nothing."""

    def describe(self) -> dict[str, str]:
        """Return what a person wants to know before the training, by the name of its line."""
        noise = ", ".join(
            f"{name} {'x'.join(map(str, n.shape))}" for name, n in noise_of(self.generator).items()
        )
        inputs = ", ".join([*([noise] if noise else []), *conditions_of(self.generator)])
        lines = {
            role: f"{described(player)}, {num_parameters(player):,} parameters{frozen_of(player)}"
            for role, player in self.players.items()
        }
        shapes = [getattr(network, "shape", None) for network in networks_of(self.generator).values()]
        made = next((" -> " + " x ".join(map(str, shape)) for shape in reversed(shapes) if shape), "")
        lines["generator"] += f", {inputs or 'no input'}{made}"
        return {**lines, **({"phases": described_phases(self.phases)} if self.phases else {})}

    def num_updates(self, num_batches: int) -> int:
        """Return how often the first player learns in a run of so many batches, for the plan."""
        role = self.roles[0]
        share = 1 - sum(phase.share for phase in self.phases.values() if phase.method(role) is None)
        return int(num_batches * share)

    def freeze_parameters(self) -> None:
        """Take the parameters that `freeze` names out of the training; see `freeze_players`."""
        freeze_players(self.players, self.freeze_patterns)

    # The optimizers

    def configure_optimizers(self) -> list[Optimizer]:
        # A gradient scaler has to unscale before the gradients are clipped: fused optimizers do it inside.
        allow_fused = getattr(self.trainer.precision_plugin, "scaler", None) is None
        optimizers = [
            build(self.optimizer_factories[role], player, allow_fused)
            for role, player in self.players.items()
        ]
        self.rates = [float(optimizer.param_groups[0]["lr"]) for optimizer in optimizers]
        return optimizers

    def configure_model(self) -> None:
        """Let the strategy split the networks over the devices, where it is one that does."""
        if isinstance(self.trainer.precision_plugin, DoublePrecision):
            self.double()  # Lightning would after it has rounded a checkpoint's weights to the single precision of ours
        shard = getattr(self.trainer.strategy, "shard", None)
        if shard is not None:
            shard(self)

    @property
    def progress(self) -> float:
        """The share of the training that is done, in [0, 1]."""
        return min(1.0, self.images_seen / self.num_images)

    def progress_of(self, schedule: object) -> float:
        """Return the share of a schedule's own ``num_images`` that is done, of one without them the run's."""
        return progress_of(schedule, self.images_seen, self.num_images)

    @property
    def is_mid_turn(self) -> bool:
        """Whether more of what is logged of these updates is still to come, in the next batch."""
        return False

    @property
    def phase(self) -> Phase:
        """The stretch of the run that this step belongs to."""
        return phase_at(list(self.phases.values()), self.progress) if self.phases else MAIN

    def rng(self, stream: str) -> torch.Generator:
        """Return the random numbers of ``stream`` in this step: a function of seed, rank and step alone."""
        return keyed_rng(self.seed, self.global_rank, stream, self.num_steps, self._part, device=self.device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # Networks that draw for themselves (dropout, noise inputs) are keyed as well.
        # Not torch.manual_seed: it formats a stack trace for every accelerator, half a millisecond a step.
        seed = keyed_seed(self.seed, self.global_rank, "network", self.num_steps)
        torch.default_generator.manual_seed(seed)
        if self.device.type != "cpu":
            torch.get_device_module(self.device).manual_seed(seed)
        factors, progress = self.phase.rates, self.progress_of(self.schedule)
        for role, optimizer in zip(self.roles, self.trainer.optimizers, strict=True):
            correction = self.corrections.get(role, 1.0)
            set_rates(optimizer, self.schedule, progress, factors.get(role), correction)

    def split(self, batch: Batch) -> list[Batch]:
        """Return the batch in `accumulate` parts of equal size."""
        if self.accumulate == 1:
            return [batch]
        size = batch_size(batch)
        if size % self.accumulate:
            raise SettingError("task.accumulate", self.accumulate, f"a divisor of data.batch_size={size}")
        chunks = {name: value.chunk(self.accumulate) for name, value in batch.items()}
        return [{name: chunk[part] for name, chunk in chunks.items()} for part in range(self.accumulate)]

    def terms_of(self, role: str) -> Callable[[Batch], Terms] | None:
        """Return the function with the terms of ``role`` in this phase of the run; None where it does not learn."""
        method = self.phase.method(role)
        return None if method is None else getattr(self, method)

    def finish_step(self, num_images: int) -> None:
        """Count ``num_images`` of this process, log, and stop the trainer at the end of the training."""
        is_logging = self.is_logging
        self.images_seen += num_images * self.trainer.world_size
        self.num_steps += 1
        if is_logging and not self.is_mid_turn:
            self._log()
        if self.images_seen >= self.num_images:
            self.trainer.should_stop = True

    def on_train_start(self) -> None:
        """Follow the configuration where a resumed run has other learning rates than its checkpoint began with."""
        self.is_plain = self._needs_nothing_around()  # of this trainer; another may fit the same task
        follow_rates(self.trainer.optimizers, self.rates, self._rates_before)
        self._rates_before = []

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["rates"] = self.rates
        counts = {"images_seen": self.images_seen, "num_steps": self.num_steps}
        checkpoint["time"] = {**counts, "num_devices": self.trainer.world_size}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._rates_before = checkpoint.get("rates", [])
        self.images_seen, self.num_steps = checkpoint["time"]["images_seen"], checkpoint["time"]["num_steps"]
        before, now = checkpoint["time"].get("num_devices"), self.trainer.world_size
        if before not in (None, now) and self.trainer.is_global_zero:
            log.warning(
                "The run was trained on %s device(s) and goes on on %s: an update takes data.batch_size real samples a"
                " device, now %s instead of %s times as many; the order of the data and all draws are other ones"
                " than they would have been. Learning rates, schedules and intervals in images stay.",
                *(before, now, now, before),
            )


def batch_size(batch: Batch) -> int:
    """Return the number of samples in a batch, a row of each of its fields."""
    return len(next(iter(batch.values())))


def detached(batch: Batch) -> Batch:
    """Return the batch without its graphs."""
    return {name: value.detach() for name, value in batch.items()}
