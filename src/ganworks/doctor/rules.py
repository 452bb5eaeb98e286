"""The signs of trouble: a threshold on a signal, for how long it has to hold, and the words for it.

Thresholds come from `benchmarks/doctor.py` unless a source stands beside them; docs/doctor.md has the whole table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ganworks.doctor import advice
from ganworks.doctor.advice import Advice
from ganworks.doctor.setup import Setup


def always(setup: Setup) -> bool:
    """Say that a rule holds for every run."""
    return True


@dataclass(frozen=True)
class Rule:
    """An episode begins where the median of ``signal`` has been past ``begin`` for a while, and ends past ``clear``.

    Args:
        name: also the heading in docs/doctor.md that the message links to.
        title: the trouble in two or three words.
        words: what is seen, with the ``{value}`` of the signal.
        begin, clear: thresholds; a rule is about large values where ``begin`` is at or above ``clear``.
        advice: from the setup, and the last value of each signal, to overrides.
        severity: "error" where the run is lost, "warning" where a look is worth it.
        num: observations in a row, at least.
        span: share of the run in a row, at least.
        start: share of the run before which the rule is not asked.
        applies: which runs the rule is about.
        is_last: say nothing while another trouble lasts, which then is the cause.
        gain: a value that beats the best so far by more than this is well, wherever it is; None asks for no progress.
    """

    name: str
    title: str
    signal: str
    words: str
    begin: float
    clear: float
    advice: Advice = advice.nothing
    severity: str = "warning"
    num: int = 5
    span: float = 0.03
    start: float = 0.08
    applies: Callable[[Setup], bool] = always
    is_last: bool = False
    gain: float | None = None

    @property
    def is_above(self) -> bool:
        """Whether large values are the bad ones."""
        return self.begin >= self.clear

    def begins(self, value: float) -> bool:
        """Say whether ``value`` is past the threshold."""
        return value > self.begin if self.is_above else value < self.begin

    def clears(self, value: float) -> bool:
        """Say whether ``value`` is well again."""
        return value < self.clear if self.is_above else value > self.clear


# Three standard errors of a coverage of .02 among 2,000 reals: by less it does not grow for sure.
COVERAGE_GAIN = 0.01

RULES: tuple[Rule, ...] = (
    Rule("not-finite", "not finite", "bad_updates", "{value} updates in a row had a loss of NaN or infinity", 2, 1,
         advice.numbers, "error", num=1, span=0, start=0),
    Rule("mode-collapse", "mode collapse", "diversity",
         "samples' mean pair distance is {value} of the data's", 0.4, 0.5, advice.collapse, "error", start=0.25),
    Rule("duplicates", "samples repeat", "nearest_ratio",
         "the nearest sample of a batch is {value} as far as among the data", 0.15, 0.25, advice.collapse, "error",
         start=0.13),
    Rule("dropped-modes", "dropped modes", "modes_kept", "{value} of the data's modes are drawn, and no more come",
         0.85, 0.95, advice.collapse, num=2, span=0, start=0, gain=0.02),
    Rule("low-coverage", "low coverage", "coverage_kept",
         "recall or coverage is {value} of what real data get, and grows no more",
         0.03, 0.06, advice.collapse, num=2, span=0, start=0.25, gain=COVERAGE_GAIN),
    Rule("discriminator-wins", "the discriminator wins", "auc",
         "it tells {value} of the pairs of real and fake apart", 0.9995, 0.98, advice.weaken_critic,
         span=0.05, start=0.1, applies=lambda setup: not setup.is_wasserstein),
    Rule("discriminator-blind", "the discriminator is blind", "blindness",
         "it guesses while the samples are {value} (0 to 1) away from the data", 0.1, 0.07, advice.strengthen_critic,
         applies=lambda setup: not setup.is_balanced),
    Rule("discriminator-overfits", "the discriminator overfits", "overfit",
         "the mean sign of its logits on reals is {value}", 0.97, 0.9, advice.against_overfitting,
         span=0.05, start=0.1, applies=lambda setup: setup.is_cross_entropy),
    Rule("vanishing-gradient", "vanishing gradient", "generator_slope",
         "the generator's loss has a slope of {value} in its logits", 0.02, 0.05, advice.gradients_back, "error"),
    Rule("exploding-gradient", "exploding gradient", "largest_gradient_norm",
         "a network's gradient has the norm {value}", 100, 30, advice.calmer, "error"),
    Rule("large-updates", "updates too large", "largest_update_ratio",
         "one update moves a network's weights by {value} of their size", 0.15, 0.1, advice.other_rates,
         num=3, span=0, start=0),
    Rule("small-updates", "updates too small", "smallest_update_ratio",
         "one update moves a network's weights by {value} of their size", 1e-5, 5e-5, advice.faster),
    Rule("not-lipschitz", "the critic is not Lipschitz", "steepness",
         "its gradient has the norm {value} between real and fake samples", 2.0, 1.7, advice.lipschitz, "error",
         applies=lambda setup: setup.is_wasserstein),
    Rule("penalty-dominates", "the penalty dominates", "penalty_share",
         "it is {value} of the discriminator's loss", 0.9, 0.8, advice.lighter_penalty),
    Rule("penalised-batch-norm", "batch norm under a penalty", "penalised_batch_norm",
         "the penalty's gradient of one sample depends on the others of its batch", 0.5, 0.5,
         advice.no_batch_norm, "error", num=1, span=0, start=0),
    Rule("dead-units", "dead units", "dead_units", "{value} of the generator's ReLU units are 0 for every latent",
         0.5, 0.4, advice.calmer),
    Rule("data-range", "wrong range of the data", "range_excess",
         "the data leave the generator's [-1, 1] or fill too little of it, by {value}", 0.1, 0.1,
         severity="error", num=3, span=0, start=0, applies=lambda setup: setup.is_image),
    Rule("labels-ignored", "labels ignored", "label_auc",
         "it tells {value} of the reals with their label from those with another", 0.6, 0.65, start=0.3),
    Rule("random-labels", "labels at random", "label_link",
         "samples that are alike share a label {value} standard errors more often than by chance", 4, 6, start=0.1,
         applies=lambda setup: setup.is_conditional and not setup.is_clip),
    Rule("memorised", "copies of the training set", "memorised_excess",
         "{value} more of the samples are copies than among unseen real ones", 0.15, 0.1, advice.against_memory,
         num=2, span=0, start=0),
    Rule("upturn", "figures turn worse", "best_ratio", "the metric is {value} times its best", 1.2, 1.2,
         advice.stop_earlier, num=3, span=0, start=0),
    Rule("slowdown", "slowdown", "speed_ratio", "images come at {value} of the earlier rate", 0.3, 0.5, span=0.05),
    Rule("scaler-skips", "skipped updates", "scaler_skips", "the gradient scaler left out {value} updates lately",
         3, 1, advice.numbers, num=5, span=0.03, start=0.1),
    Rule("no-progress", "no progress", "energy_distance",
         "samples stay {value} (0 to 1) away from the data", 0.25, 0.15, advice.closer,
         span=0.05, start=0.12, is_last=True),
)  # fmt: skip
BY_NAME = {rule.name: rule for rule in RULES}
