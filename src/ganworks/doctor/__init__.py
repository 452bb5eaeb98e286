"""The stability doctor: signals of a training step, rules on them, episodes of trouble in words."""

from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.doctor.diagnosis import Diagnosis, Episode
    from ganworks.doctor.probe import Probe
    from ganworks.doctor.rules import RULES, Rule
    from ganworks.doctor.setup import Setup, setup_of
else:
    __getattr__, __dir__ = on_first_use(__name__)

__all__ = ["RULES", "Diagnosis", "Episode", "Probe", "Rule", "Setup", "setup_of"]
