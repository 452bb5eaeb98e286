"""The stability doctor: signals of a training step, rules on them, episodes of trouble in words."""

from ganworks.doctor.diagnosis import Diagnosis, Episode
from ganworks.doctor.facts import Facts, facts_of
from ganworks.doctor.probe import Probe
from ganworks.doctor.rules import RULES, Rule

__all__ = ["RULES", "Diagnosis", "Episode", "Facts", "Probe", "Rule", "facts_of"]
