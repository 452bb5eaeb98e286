"""A task's check of itself before the training: the terms of both players on two real samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganworks.errors import GanworksError, SettingError
from ganworks.model.base import conditions_of
from ganworks.noise import keyed_rng
from ganworks.task.critic import Critic
from ganworks.task.phase import MAIN, Phase

Batch = dict[str, Tensor]
Terms = dict[str, Tensor]


class Game(Protocol):
    """What is checked of a task."""

    generator: Any
    critics: list[Critic]
    phases: dict[str, Phase]
    lazy_regularizers: dict[str, Any]

    def draw_noise(self, num: int, rng: Callable[[str], torch.Generator]) -> Batch: ...

    def produce(self, generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]: ...

    def look(self, critic: Critic, batch: Batch, sample: Tensor, label: Tensor | None) -> Tensor: ...

    def discriminator_terms(self, batch: Batch) -> Terms: ...

    def generator_terms(self, batch: Batch) -> Terms: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def buffers(self) -> Iterator[Tensor]: ...

    def eval(self) -> Any: ...


def check_terms(task: Game, batch: Batch, shape: tuple[int, ...]) -> None:
    """Raise `SettingError` unless what the task makes and takes of a batch fits; nothing of the task changes.

    Args:
        batch: two real samples with the fields of the data set.
        shape: of a sample.
    """
    with untouched(task):
        # Two of what a critic judges as one.
        together = max((critic.together for critic in task.critics), default=1)
        batch = {name: torch.cat([rows] * together) for name, rows in batch.items()}
        num = len(batch["real"])
        noise = task.draw_noise(num, lambda name: keyed_rng("check", name))
        check_conditions(task, batch)
        takes = ", ".join([*noise, *conditions_of(task.generator)]) or "nothing: it declares no `noise`"
        base = "a subclass of ganworks.model.Generator declares `latent`"
        with as_fault_of("model.generator", task.generator, f"It was given {takes}; {base}."):
            made = task.produce(task.generator, {**batch, **noise})
        fields = {**batch, **noise, **made}
        for critic in task.critics:
            check_fields(critic, fields)
        if tuple(made["fake"].shape) != (num, *shape):
            made_shape, wanted = tuple(made["fake"].shape[1:]), tuple(shape)
            raise SettingError(
                "model.generator", made_shape, f"a network that makes the data's shape {wanted}"
            )
        for critic in task.critics:
            check_logits(task, critic, fields)
        for role, terms_of in terms_of_phases(task):
            with as_fault_of("task", task, f"It took the {role}'s terms."):
                check_losses(role, partial(terms_of, {**batch, **noise}))


@contextmanager
def as_fault_of(setting: str, part: object, hint: str = "") -> Iterator[None]:
    """Let an error of a part's own code name its setting; a network or a term may raise anything."""
    try:
        yield
    except GanworksError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
        where = "GANWORKS_TRACEBACK=1 in the environment shows where."
        raise GanworksError(
            f"{setting}: {type(part).__name__} fails on two real samples ({reason}). {hint} {where}"
        ) from error


@contextmanager
def untouched(task: Game) -> Iterator[None]:
    """Put ``task`` into eval mode inside; modes, buffers and random numbers are as before behind it."""
    modes = [(module, module.training) for module in task.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in task.buffers()]
    task.eval()  # batch statistics stay as they are
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, before in buffers:
            buffer.copy_(before)


def check_conditions(task: Game, batch: Batch) -> None:
    """Raise `SettingError` where the generator takes a condition that the data set does not have."""
    for name in conditions_of(task.generator):
        if name not in batch:
            raise SettingError(
                "model.generator",
                f"conditioned on {name!r}",
                f"one that takes what the data has: {', '.join(batch)}",
            )


def check_fields(critic: Critic, fields: Batch) -> None:
    """Raise `SettingError` where a critic judges what neither the data nor the generator gives."""
    named = f"model.discriminator.{critic.name}" if critic.name else "model.discriminator"
    beside = critic.view.fields if critic.view is not None else ()
    for setting, name in (("real", critic.real), ("fake", critic.fake), *(("view", name) for name in beside)):
        if name not in fields:
            raise SettingError(f"{named}.{setting}", name, f"one of the fields {', '.join(fields)}", fields)


def check_logits(task: Game, critic: Critic, fields: Batch) -> None:
    """Raise `SettingError` where a critic does not return logits for each of its samples."""
    setting = f"model.discriminator.{critic.name}" if critic.name else "model.discriminator"
    sample = fields[critic.fake].detach()
    allowed = "a network that returns logits (B, ...), or a dict with them under 'logits'"
    with as_fault_of(setting, critic.network):
        try:
            logits = task.look(critic, fields, sample, fields.get(critic.fake_label))
        except KeyError:
            raise SettingError(setting, type(critic.network).__name__, allowed) from None
    if not isinstance(logits, Tensor) or logits.dim() < 1 or len(logits) * critic.together != len(sample):
        raise SettingError(setting, tuple(logits.shape), allowed)


def terms_of_phases(task: Game) -> Iterator[tuple[str, Callable[[Batch], Terms]]]:
    """Yield (role, function with its terms) for every function that a phase or a lazy step takes terms from."""
    for role in ("discriminator", "generator"):
        if task.lazy_regularizers[role]:
            yield role, getattr(task, f"{role}_lazy_terms")
        methods = [phase.method(role) for phase in (MAIN, *task.phases.values())]
        for method in dict.fromkeys(methods):
            if method is not None:
                yield role, getattr(task, method)


def check_losses(role: str, terms_of: Callable[[], Terms]) -> None:
    """Raise `GanworksError` for terms that are no dict of scalars."""
    terms = terms_of()
    if not isinstance(terms, dict) or not terms:
        raise GanworksError(
            f"the {role}'s terms are {terms!r}: they must be a dict of tensors of one number."
        )
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.numel() != 1:
            shape = tuple(term.shape) if isinstance(term, Tensor) else type(term).__name__
            raise GanworksError(f"the {role}'s term {name!r} is {shape}: it must be a tensor of one number.")
