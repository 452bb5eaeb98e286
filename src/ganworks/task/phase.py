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
        if not check_range("share", self.share, 0.0, 1.0):
            raise SettingError("share", self.share, "a number above 0 and up to 1")
        for role, rate in self.rates.items():
            check_range(f"rates.{role}", rate, 0.0)

    def method(self, role: str) -> str | None:
        """Return the name of the method with the terms of ``role``, or None where it is left out."""
        return self.terms.get(role, f"{role}_terms")


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


def check_phases(phases: Mapping[str, Phase], roles: Sequence[str], task: object) -> None:
    """Raise `SettingError` for shares of more than the run, or a role or a method that the task does not have."""
    total = sum(phase.share for phase in phases.values())
    if total > 1 + 1e-9:
        raise SettingError("phases", f"shares of {total:g} in all", "shares of 1 at most, all together")
    for name, phase in phases.items():
        for setting in ("terms", "rates"):
            for role in getattr(phase, setting):
                if role not in roles:
                    path = f"phases.{name}.{setting}"
                    raise SettingError(path, role, f"one of the players {', '.join(roles)}", roles)
        for role, method in phase.terms.items():
            if method is not None and not callable(getattr(task, method, None)):
                names = [each for each in dir(task) if each.endswith("_terms")]
                raise SettingError(
                    f"phases.{name}.terms.{role}", method, f"null or one of {', '.join(names)}", names
                )
