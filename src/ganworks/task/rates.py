"""The settings that an optimizer has in a step: its schedule's, a phase's factor, the correction of lazy steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch.optim import Optimizer

from ganworks.errors import SettingError
from ganworks.optimizer import Schedule
from ganworks.optimizer.schedule import set_lr

PLAIN_BETAS = "plain_betas"  # of a parameter group: what the corrected ones were made of


def set_rates(
    optimizer: Optimizer,
    schedule: Schedule,
    progress: float,
    factor: float | None = None,
    correction: float = 1.0,
) -> None:
    """Set the learning rates and betas of a step: a function of the groups' first values and these arguments alone.

    Args:
        progress: of the schedule, in [0, 1].
        factor: of the learning rate in this phase; None leaves it.
        correction: c of a player whose penalties take their own steps: lr c and betas^c; see `correction_of`.
    """
    for group in optimizer.param_groups:
        if PLAIN_BETAS in group:
            group["betas"] = group.pop(PLAIN_BETAS)
    schedule.apply(optimizer, progress)
    for group in optimizer.param_groups:
        if factor is not None:
            set_lr(group, float(group["lr"]) * factor)
        if correction == 1.0:
            continue
        set_lr(group, float(group["lr"]) * correction)
        if "betas" in group:
            group[PLAIN_BETAS] = tuple(group["betas"])
            group["betas"] = tuple(beta**correction for beta in group["betas"])


def correction_of(every: int) -> float:
    """Return c = k / (k + 1) of a player that takes a step for its penalties in every k-th update, k = ``every``.

    k updates are then k + 1 steps: lr c and betas^c leave the pace and the memory of Adam per update as they are.
    Karras et al. 2020 (StyleGAN2), appendix B (https://arxiv.org/abs/1912.04958).

    >>> correction_of(4)
    0.8
    """
    return every / (every + 1)


def interval_of(role: str, intervals: Mapping[str, int]) -> int:
    """Return the one `every` of a player's penalties that take a step of their own.

    Args:
        intervals: by the name of the penalty.

    Raises:
        SettingError: they differ: the optimizer is corrected for one.
    """
    if len(set(intervals.values())) > 1:
        named = ", ".join(f"{name} every {every}" for name, every in intervals.items())
        allowed = f"false, or one `every` above 1 for all penalties of the {role} ({named})"
        raise SettingError("lazy_step", "true", allowed)
    return next(iter(intervals.values()))


def follow_rates(optimizers: Iterable[Optimizer], rates: Sequence[float], before: Sequence[float]) -> None:
    """Scale the learning rates in the optimizers' state where the configuration has others than its checkpoint had.

    Args:
        rates: of the configuration, for each optimizer.
        before: of the configuration that the checkpoint was written under; empty where there is none.
    """
    for optimizer, rate, old in zip(optimizers, rates, before, strict=False):
        for group in optimizer.param_groups if rate != old else ():
            for name in {"lr", "initial_lr"} & group.keys():
                group[name] = group[name] * rate / old
