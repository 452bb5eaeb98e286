"""The stability doctor: signals of a training step, rules on them, episodes of trouble in words."""

from ganworks.doctor.diagnosis import Diagnosis, Episode
from ganworks.doctor.probe import Probe
from ganworks.doctor.rules import RULES, Rule
from ganworks.doctor.setup import Setup, setup_of

__all__ = ["RULES", "Diagnosis", "Episode", "Probe", "Rule", "Setup", "setup_of"]
