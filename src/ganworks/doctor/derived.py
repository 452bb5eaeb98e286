"""Signals made of other signals, and of evaluations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from ganworks.metric import Result

Signals = dict[str, float]
GUESS = 0.6  # an AUC up to which a discriminator knows nothing, or the wrong way round
SURE = 0.9  # an AUC from which on it does
# The most that a penalty in balance takes of a Wasserstein critic's loss, 1/3, and what one look's noise may add.
HELD = 0.45
KEPT = ("recall", "coverage", "modes")
# KL is about half of the squared relative deviation: this one is that of modes whose shares are off by a quarter.
NEGLIGIBLE = {"reverse_kl": 0.03}
LABEL_MATCHES = ("label_matches", "label_matches_by_chance", "label_matches_variance")


def derived(found: Signals, lr_factors: dict[str, float]) -> Signals:
    """Return ``found`` and what rules ask for beside it.

    Args:
        found: the signals of `Probe`.
        lr_factors: each network's learning rate over its first: a schedule that ends at 0 is no fault.
    """
    norms = [found[f"{role}_gradient_norm"] for role in lr_factors]
    raw = {role: found[f"{role}_update_ratio"] for role in lr_factors}
    is_known = {role: not math.isnan(norm) for role, norm in zip(lr_factors, norms, strict=True)}
    at_first_rate = [
        raw[role] / factor for role, factor in lr_factors.items() if factor > 1e-3 and is_known[role]
    ]
    result = found | {
        "largest_gradient_norm": largest(norms),
        "largest_update_ratio": largest([raw[role] for role in lr_factors if is_known[role]]),
        "smallest_update_ratio": -largest([-ratio for ratio in at_first_rate]),
        **{f"{role}_lr_factor": factor for role, factor in lr_factors.items()},
    }
    for suffix in suffixes(found):
        of_critic = {
            name.removesuffix(suffix): value for name, value in found.items() if name.endswith(suffix)
        }
        if "auc" in of_critic:
            result[f"blindness{suffix}"] = blindness(of_critic["auc"], of_critic["energy_distance"])
        if "critic_gradient_norm" in of_critic:
            share = of_critic.get("penalty_share", math.nan)
            result[f"steepness{suffix}"] = steepness(of_critic["critic_gradient_norm"], share)
        if "real_sign" in of_critic:
            result[f"overfit{suffix}"] = overfit(of_critic["real_sign"], of_critic["auc"])
        if "real_low" in of_critic:
            result[f"range_excess{suffix}"] = range_excess(of_critic["real_low"], of_critic["real_high"])
    return result


def suffixes(found: Iterable[str]) -> list[str]:
    """Return what stands behind the names of the critics' signals: "" for one critic, "@name" for each of several.

    >>> suffixes(["auc@clip", "auc@frame", "dead_units"])
    ['@clip', '@frame', '']
    """
    return list(dict.fromkeys("".join(name.partition("@")[1:]) for name in found))


def blindness(auc: float, energy_distance: float) -> float:
    """Return how far away the samples are that the discriminator cannot tell from the data, 0 where it can."""
    return energy_distance if auc < GUESS else 0.0


def steepness(gradient_norm: float, penalty_share: float) -> float:
    """Return the slope s of a Wasserstein critic; at most 1 where a penalty holds it.

    Along the d of the data that part reals from fakes a critic of slope s gains s d. With a penalty L (s - 1)^2 it is
    best at s = 1 + d / 2L: the slope depends on the data's size and on the weight, and says nothing about health by
    itself. The penalty's share of the loss is free of both: (s - 1)^2 / ((s - 1)^2 + 2 s (s - 1)), which is
    (s - 1) / (3 s - 1) and below 1/3 whatever d and L; for R1, L s^2 / 2, it is 1/3. A larger share is that of a
    critic which is steeper than it can gain from, as one is whose penalty cannot hold it. Without a penalty the slope
    counts as it is.

    Args:
        gradient_norm: mean of |grad D| between reals and fakes.
        penalty_share: of the critic's loss, NaN without a penalty.
    """
    return min(gradient_norm, 1.0) if penalty_share <= HELD else gradient_norm


def overfit(real_sign: float, auc: float) -> float:
    """Return r_t where the discriminator tells reals from fakes well, 0 where it may take everything for real."""
    return real_sign if auc >= SURE else 0.0


def largest(values: list[float]) -> float:
    """Return the largest of the values that are known, NaN if none is."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def range_excess(low: float, high: float) -> float:
    """Return by how much data from ``low`` to ``high`` leave [-1, 1], or keep more than .5 away from an end of it.

    >>> range_excess(-1.0, 1.0), range_excess(0.0, 1.0), range_excess(0.0, 255.0)
    (0.0, 0.5, 254.0)
    """
    outside, short = max(high - 1, -1 - low), max(low + 1, 1 - high) - 0.5
    return max(outside, short, 0.0)


def of_evaluation(figures: Result, value: float | None, best: float | None, mode: str) -> Signals:
    """Return what an evaluation says: modes and coverage kept, copies, and how far the figure is from its best.

    Args:
        figures: with the floor that real data get.
        value, best: the figure that picks the best checkpoint, now and at its best; distances, if ``mode`` is "min".
    """
    values, floor = figures.values, figures.floor
    kept = {name: values[name] / floor[name] for name in KEPT if floor.get(name) and name in values}
    found = {"modes_kept": kept.pop("modes")} if "modes" in kept else {}
    if kept:
        found["coverage_kept"] = min(kept.values())
    if "memorised" in values and "memorised" in floor:
        found["memorised_excess"] = values["memorised"] - floor["memorised"]
    if value is not None and best is not None and mode == "min" and min(value, best) > 0:
        # Below the floor, and below what is negligible, a distance is noise.
        names = [name for name, known in values.items() if known == value]
        noise = [source[name] for source in (floor, NEGLIGIBLE) for name in names if name in source]
        found["best_ratio"] = max([value, best, *noise]) / max([best, *noise])
    return found


class Speed:
    """Images a second of each stretch over those of the stretches before it."""

    def __init__(self, num_kept: int = 50) -> None:
        self.num_kept = num_kept
        self.rates: list[float] = []

    def ratio(self, rate: float) -> float:
        """Return ``rate`` over the usual one, NaN before there is one."""
        usual = statistics.median(self.rates) if len(self.rates) >= 3 else math.nan
        self.rates = [*self.rates, rate][-self.num_kept :]
        return rate / usual


class LabelLink:
    """How surely samples that are alike share their label, over all batches that were looked at.

    Args:
        min_by_chance: matches that chance alone has to give before there is a value: with 50 of them labels that make
            matches 1.6 times as frequent stand four standard errors out.
    """

    def __init__(self, min_by_chance: float = 50.0) -> None:
        self.min_by_chance = min_by_chance
        self.matches = self.by_chance = self.variance = 0.0

    def add(self, matches: float, by_chance: float, variance: float) -> float:
        """Take in a batch; return the standard errors above labels dealt at random, NaN while it is too early."""
        self.matches += matches
        self.by_chance += by_chance
        self.variance += variance
        is_early = self.by_chance < self.min_by_chance or not self.variance
        return math.nan if is_early else (self.matches - self.by_chance) / math.sqrt(self.variance)
