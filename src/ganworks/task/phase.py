"""A stretch of a run with its own terms and learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ganworks.errors import SettingError, check_range


@dataclass(frozen=True)
class Phase:
    """A share of the run, from where the phase before it ends.

    Args:
        share: of the run's images, above 0 and up to 1.
        terms: by role the name of the task's method that returns its terms; None leaves the role out. Roles that are
            not named keep their own.
        rates: by role a factor of the learning rate, from 0 up.

    Raises:
        SettingError: a share or a factor that cannot be.

    >>> Phase(share=0.1, terms={"generator": None}).method("generator") is None
    True
    """

    share: float
    terms: Mapping[str, str | None] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in (("terms", self.terms), ("rates", self.rates)):
            if not isinstance(value, Mapping):
                raise SettingError(name, value, "a mapping from players, such as {generator: ...}")
        if not check_range("share", self.share, 0.0, 1.0):
            raise SettingError("share", self.share, "a number above 0 and up to 1")
        for role, rate in self.rates.items():
            check_range(f"rates.{role}", rate, 0.0)

    def method(self, role: str) -> str | None:
        """Return the name of the method with the terms of ``role``, or None where it is left out."""
        return self.terms.get(role, f"{role}_terms")

    def __str__(self) -> str:
        terms = [f"without {role}" if m is None else f"{role} by {m}" for role, m in self.terms.items()]
        rates = [f"{role} lr x {rate:g}" for role, rate in self.rates.items()]
        return ", ".join([*terms, *rates]) or "nothing of its own"


MAIN = Phase(share=1.0)


def phase_at(phases: Sequence[Phase], progress: float) -> Phase:
    """Return the phase at ``progress`` in [0, 1]; behind the last of them comes `MAIN`.

    >>> phase_at([Phase(0.25)], 0.1) is MAIN, phase_at([Phase(0.25)], 0.25) is MAIN
    (False, True)
    """
    end = 0.0
    for phase in phases:
        end += phase.share
        if progress < end - 1e-9:
            return phase
    return MAIN


def checked_phases(phases: Mapping[str, Phase | None], roles: Sequence[str], task: type) -> dict[str, Phase]:
    """Return the phases that are not None.

    Args:
        phases: by name, in their order.
        roles: of the task's players.
        task: class of the task, whose methods the phases name.

    Raises:
        SettingError: shares of more than the run, a role or a method that the task does not have, or a phase in which
            nobody learns.
    """
    if not isinstance(phases, Mapping):
        raise SettingError("phases", phases, "phases by name")
    given = {name: phase for name, phase in phases.items() if phase is not None}
    for name, phase in given.items():
        check_phase(f"phases.{name}", phase, roles, task)
    total = sum(phase.share for phase in given.values())
    if total > 1 + 1e-9:
        raise SettingError("phases", f"shares of {total:g} in all", "shares of at most 1, all together")
    return given


def check_phase(path: str, phase: object, roles: Sequence[str], task: type) -> None:
    """Raise `SettingError` unless the phase at ``path`` of the settings fits the players and methods of ``task``."""
    if not isinstance(phase, Phase):
        raise SettingError(path, phase, "a phase: _target_: ganworks.task.Phase, share, terms, rates")
    for setting in ("terms", "rates"):
        for role in getattr(phase, setting):
            if role not in roles:
                raise SettingError(f"{path}.{setting}", role, f"one of the players {', '.join(roles)}", roles)
    for role, method in phase.terms.items():
        if method is not None and not (isinstance(method, str) and callable(getattr(task, method, None))):
            names = [each for each in dir(task) if each.endswith("_terms")]
            allowed = f"null or a method of {task.__name__} that returns terms, such as {', '.join(names)}"
            raise SettingError(f"{path}.terms.{role}", method, allowed, names)
    if all(phase.method(role) is None for role in roles):
        raise SettingError(
            f"{path}.terms", "null for all players", "left out for one of them: somebody has to learn"
        )


def described_phases(phases: Mapping[str, Phase]) -> str:
    """Return the phases in words, for the plan.

    >>> described_phases({"warm_up": Phase(0.1, terms={"generator": None}, rates={"discriminator": 0.5})})
    'warm_up (10% of the run): without generator, discriminator lr x 0.5'
    """
    return "; ".join(f"{name} ({100 * phase.share:g}% of the run): {phase}" for name, phase in phases.items())
