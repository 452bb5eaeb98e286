"""Values that change over training: a weight, a half-life, a probability, a factor of the learning rate.

A schedule is a function of a progress in [0, 1]: the share of ``num_images`` that has been seen, or of the whole run
where ``num_images`` is None; from there on it stays at its end. Whoever has a setting that may be a number or a
schedule asks `value_at`. It has no memory, so that a resumed run goes on exactly.

    regularizer:
      r1:
        weight: {_target_: ganworks.schedule.Cosine, start: 2, end: 0.2, num_images: 20_000_000}

A module that counts its images itself, as an augmentation does in `Augment.observe`, takes ``probability: float |
ValueSchedule``, checks it by ``check_value("probability", probability, 0, 1)`` and asks
``value_at(self.probability, images_seen)``. It does not know how long the run is: a schedule without ``num_images`` is
then an error (`check_length`), and in a configuration ``num_images: ${num_images}`` says what is meant.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ganworks.errors import SettingError, check_count, check_range


class ValueSchedule(ABC):
    """A value as a function of a progress in [0, 1].

    Attributes:
        num_images: real images after which it stays at its end; None stands for the length of the run.
    """

    num_images: int | None = None

    @abstractmethod
    def __call__(self, progress: float) -> float:
        """Return the value at ``progress`` in [0, 1]."""

    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Return the least and the largest value."""


@dataclass(frozen=True)
class Constant(ValueSchedule):
    """The same value throughout.

    >>> Constant(0.5)(0.3)
    0.5
    """

    value: float

    def __call__(self, progress: float) -> float:
        return self.value

    def bounds(self) -> tuple[float, float]:
        return self.value, self.value


@dataclass(frozen=True)
class _Ramp(ValueSchedule):
    """A value that goes from ``start`` to ``end``.

    Args:
        start, end: the first and the last value, finite.
        num_images: real images in which it gets there, at least 1; None takes the whole run.

    Raises:
        SettingError: an end that is not finite, or a ``num_images`` that is no count.
    """

    start: float
    end: float
    num_images: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise SettingError(name, value, "a finite number")
        if self.num_images is not None:
            check_count("num_images", self.num_images)

    def bounds(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)


@dataclass(frozen=True)
class Linear(_Ramp):
    """A straight line from ``start`` to ``end``; arguments as for `Cosine`.

    >>> Linear(start=0.0, end=0.6)(0.5)
    0.3
    """

    def __call__(self, progress: float) -> float:
        share = min(max(progress, 0.0), 1.0)
        return self.start * (1.0 - share) + self.end * share


@dataclass(frozen=True)
class Cosine(_Ramp):
    """Half a cosine from ``start`` to ``end``: flat at both ends.

    All that R3GAN schedules goes along it (Huang et al. 2024, https://arxiv.org/abs/2501.05441): learning rate, beta2,
    gamma, the half-life of the average, the probability of augmentation, over the first images of the run.

    Args:
        start, end: the first and the last value.
        num_images: real images in which it gets there; None takes the whole run.

    >>> Cosine(start=2.0, end=0.2)(1.0)
    0.2
    """

    def __call__(self, progress: float) -> float:
        return cosine(self.start, self.end, progress)


def cosine(start: float, end: float, progress: float) -> float:
    """Return the value at ``progress`` on the half cosine from ``start`` (0) to ``end`` (1)."""
    share = 0.5 - 0.5 * math.cos(math.pi * min(max(progress, 0.0), 1.0))
    return start * (1.0 - share) + end * share


def progress_of(schedule: object, images_seen: int, num_images: int | None = None) -> float:
    """Return how much of its own length a schedule has behind it, in [0, 1].

    Args:
        schedule: anything; where it has a ``num_images`` that is not None, this is its length.
        images_seen: real images until now.
        num_images: length of the run, which is that of all other schedules; None where it is not known.

    Raises:
        SettingError: neither length is known.
    """
    if num_images is None:
        check_length("num_images", schedule)
    length = getattr(schedule, "num_images", None) or num_images
    return 0.0 if length is None else min(1.0, images_seen / length)


def check_length(name: str, schedule: object) -> None:
    """Raise unless a schedule has a length of its own, where that of the run is not known; a constant needs none.

    Raises:
        SettingError: it has none, naming ``name``.
    """
    needs_length = callable(schedule) and not isinstance(schedule, Constant)
    if needs_length and getattr(schedule, "num_images", None) is None:
        raise SettingError(name, "null", "a count of images here, such as ${num_images}: the whole run")


def value_at(
    value: float | Callable[[float], float], images_seen: int, num_images: int | None = None
) -> float:
    """Return a number as it is, and what a schedule, or any function of the progress, says at ``images_seen``.

    Args:
        value: a number or a schedule.
        images_seen: real images until now.
        num_images: length of the run, where it is known.

    Raises:
        SettingError: the schedule spans the whole run, and its length is not known.

    >>> value_at(Linear(0.0, 1.0, num_images=1000), 250), value_at(0.1, 250)
    (0.25, 0.1)
    """
    return value(progress_of(value, images_seen, num_images)) if callable(value) else value


def check_value(name: str, value: Any, low: float, high: float = math.inf) -> Any:
    """Return ``value`` if it is a number in [low, high], or a schedule whose values all are.

    Raises:
        SettingError: it is not, naming ``name``, or ``name.start`` and ``name.end`` of a schedule.
    """
    if not isinstance(value, ValueSchedule):
        return value if callable(value) else check_range(name, value, low, high)
    if isinstance(value, _Ramp):
        check_range(f"{name}.start", value.start, low, high)
        check_range(f"{name}.end", value.end, low, high)
    for bound in value.bounds():
        check_range(name, bound, low, high)
    return value


def check_share(name: str, value: Any) -> Any:
    """Return ``value`` if it is a number above 0 and up to 1, or a schedule whose values all are.

    Raises:
        SettingError: it is not, naming ``name``.
    """
    check_value(name, value, 0.0, 1.0)
    least = min(value.bounds()) if isinstance(value, ValueSchedule) else value
    if least == 0:
        raise SettingError(name, least, "above 0 and up to 1, which is all")
    return value
