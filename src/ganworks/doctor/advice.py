"""What to try, in overrides of the command line that fit the run's own configuration and what was seen in it.

A piece of advice is one override, or several that belong together. `benchmarks/doctor_advice.py` follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from ganworks.doctor.capacity import balanced, narrower, wider
from ganworks.doctor.few_data import adaptively, augmented, is_repeated
from ganworks.doctor.penalties import consistent, fitting, held_level
from ganworks.doctor.setup import Setup

Signals = Mapping[str, float]
Advice = Callable[[Setup, Signals], list[str]]
Overrides = list[str]

# Updates over weights, in one step. In runs of benchmarks/doctor.py that go well, of 400 to 2,500 steps, they are .005
# to .02 in the generator and .9 to 5 times as large in the discriminator.
SOUND = {"generator": 1e-2, "discriminator": 2e-2}
SLOWEST, FASTEST = 2e-3, 6e-2
TOO_FAST = 0.15  # as in the rule on large updates
PEAK = "peak_update_ratio"  # of a role, the largest so far; see `Diagnosis.observe`
WON, SATURATED = 0.98, 0.02  # an AUC, and a slope of the generator's loss
SHORT = 1_000  # steps; in longer runs smaller updates will do, by the square root
BALANCE = 0.5, 6.0  # the discriminator's over the generator's
# Of Adam and its like; what is past it may have small updates because its weights have grown.
LARGEST_LR = 1e-2
USUAL_WEIGHT = 10.0  # of the gradient penalty, DRAGAN, R1 and R2 in their papers; see conf/regularizer
SLOPES = {
    "gradient_penalty",
    "lipschitz_penalty",
    "wgan_div",
    "max_gradient",
}  # penalties that hold a critic's slope
MOMENTUM = 0.5  # Radford et al. 2016, section 4: .9 makes training oscillate


def options(*bundles: Iterable[str]) -> list[str]:
    """Return each bundle of overrides as one piece of advice, without empty ones and repetitions."""
    return list(dict.fromkeys(" ".join(bundle) for bundle in map(list, bundles) if bundle))


def rounded(value: float) -> str:
    """Return one digit: more would say that it is known.

    >>> rounded(1.2345e-4), rounded(12.0)
    ('0.0001', '10')
    """
    return f"{float(f'{value:.1g}'):g}"


def mended(setup: Setup, signals: Signals, may_raise: bool = True) -> Overrides:
    """Everything together that is far from what runs that go well have."""
    unsaturated = ["loss=bce"] if setup.is_saturating else []
    held = holding(setup) or lighter(setup, signals)
    rates = sound_rates(setup, signals, may_raise)
    return [*unsaturated, *held, *without_momentum(setup), *balanced(setup), *rates]


def paired(setup: Setup, signals: Signals, may_raise: bool = True) -> Overrides:
    """Relativistic pairing with R1 and R2, Huang et al. 2024 (https://arxiv.org/abs/2501.05441), if it is not there."""
    if setup.is_relativistic and {"r1", "r2"} <= setup.weights.keys():
        return []
    parts = ["loss=r3gan", f"regularizer={fitting('r1_r2', setup)}", *without_batch_norm(setup)]
    rates = sound_rates(setup, signals, may_raise)
    return [*parts, *without_momentum(setup), *balanced(setup), *rates]


def holding(setup: Setup) -> Overrides:
    """A penalty for a discriminator that nothing holds; for a Wasserstein critic the one that makes its slope 1."""
    if setup.critic_norm == "spectral" or setup.weights.keys() & SLOPES:
        return []
    if setup.is_wasserstein:
        return ["regularizer=gradient_penalty", *without_batch_norm(setup)]
    return [] if setup.weights else [f"regularizer={fitting('r1', setup)}", *without_batch_norm(setup)]


def without_batch_norm(setup: Setup) -> Overrides:
    return ["model.discriminator.norm=none"] if setup.critic_norm == "batch" else []


def lighter(setup: Setup, signals: Signals, share_from: float = 0.5) -> Overrides:
    """Less of a penalty that is most of the discriminator's loss, or out of all proportion."""
    share = signals.get("penalty_share", 0.0)
    return [
        f"regularizer.{name}.weight={rounded(min(weight / 10, USUAL_WEIGHT))}"
        for name, weight in setup.weights.items()
        if weight and (share >= share_from or weight > 10 * USUAL_WEIGHT)
    ]


def heavier(setup: Setup, signals: Signals) -> Overrides:
    """More of the penalties, up to what is usual, unless they are much of the loss already."""
    known = {} if signals.get("penalty_share", 0.0) > 0.3 else setup.weights
    return [
        f"regularizer.{name}.weight={rounded(min(10 * weight, USUAL_WEIGHT))}"
        for name, weight in known.items()
        if weight and weight < USUAL_WEIGHT
    ]


def without_momentum(setup: Setup) -> Overrides:
    """Less of Adam's first moment where there is more than GANs bear."""
    return [
        f"optimizer.{role}.betas.0={MOMENTUM}" for role, beta in setup.momentum.items() if beta > MOMENTUM
    ]


def sound_rates(setup: Setup, signals: Signals, may_raise: bool = True) -> Overrides:
    """Learning rates that bring updates to a sound share of the weights, where they are far from it or far apart.

    Without ``may_raise`` the generator's is not raised: where samples have collapsed its updates say little. Nor do
    those of a discriminator that has won, and those that a saturated loss gives are smaller than its rate's.
    """
    scale = min(1.0, math.sqrt(SHORT / setup.num_steps)) if setup.num_steps else 1.0
    ratios = {role: ratio for role in setup.lr if (ratio := update_ratio(role, signals)) > 0}
    is_sound = all(scale * SLOWEST <= ratio <= FASTEST for ratio in ratios.values())
    if {"generator", "discriminator"} <= ratios.keys():
        is_sound &= BALANCE[0] <= ratios["discriminator"] / ratios["generator"] <= BALANCE[1]
    if is_sound:
        return []
    has_won = signals.get("auc", 0.5) > WON
    most = 10.0 if signals.get("generator_slope", 1.0) < SATURATED else 1e4
    found = []
    for role, ratio in ratios.items():
        lr, factor = setup.lr[role], min(max(scale * SOUND.get(role, 1e-2) / ratio, 1e-4), most)
        rate = min(factor * lr, LARGEST_LR) if role in setup.momentum else factor * lr
        is_raised = rate > 2 * lr and (not has_won if role == "discriminator" else may_raise)
        if lr and (is_raised or rate < lr / 2):
            found.append(f"optimizer.{role}.lr={rounded(rate)}")
    return found


def update_ratio(role: str, signals: Signals) -> float:
    """Return the relative update of a network at its first learning rate, 0 where it is not known.

    Where updates were far too large the largest counts: the weights have grown since, so that the same rate moves them
    by less.
    """
    factor = signals.get(f"{role}_lr_factor", 1.0)
    ratio = signals.get(f"{role}_update_ratio", math.nan) / factor if factor else math.nan
    peak = signals.get(f"{role}_{PEAK}", 0.0)
    return peak if peak > TOO_FAST else ratio if math.isfinite(ratio) else 0.0


def slower(setup: Setup, roles: tuple[str, ...], factor: float) -> Overrides:
    """Lower learning rates of ``roles``."""
    return [f"optimizer.{role}.lr={rounded(setup.lr[role] / factor)}" for role in roles if setup.lr.get(role)]


def spectral(setup: Setup) -> Overrides:
    return [] if setup.critic_norm == "spectral" else ["model.discriminator.norm=spectral"]


def clipped(setup: Setup) -> Overrides:
    return [] if setup.is_clipped else ["task.gradient_clip=1"]


def possible(piece: str, setup: Setup) -> bool:
    """Say whether every override of a piece of advice names a setting, or a group, that the run has.

    A setting of a group's option that the same piece chooses is not known before; the option has it.
    """
    if setup.settings is None:
        return True
    overrides = [override.partition("=")[0] for override in piece.split()]
    chosen = tuple(f"{path}." for path in overrides if "." not in path)
    return all(path in setup.settings or path.startswith(chosen or ("\0",)) for path in overrides)


def collapse(setup: Setup, signals: Signals) -> list[str]:
    """Against a generator that draws few samples."""
    return options(
        paired(setup, signals, may_raise=False) or heavier(setup, signals),
        mended(setup, signals, may_raise=False) or slower(setup, ("discriminator", "generator"), 3),
        augmented(setup),
    )


def weaken_critic(setup: Setup, signals: Signals) -> list[str]:
    """Against a discriminator that wins: what holds it, rates that fit, augmentation for few data."""
    known = mended(setup, signals) or heavier(setup, signals) or slower(setup, ("discriminator",), 4)
    return options(
        paired(setup, signals),
        known,
        spectral(setup),
        narrower(setup, "discriminator"),
        augmented(setup) or adaptively(setup),
    )


def against_overfitting(setup: Setup, signals: Signals) -> list[str]:
    """Against a discriminator that is sure of its reals: it knows them by heart where it has seen them often."""
    others = weaken_critic(setup, signals)
    if not is_repeated(setup):
        return others
    by_heart = [*against_memory(setup, signals), *options(held_level(setup), consistent(setup))]
    return options(*([piece] for piece in (*by_heart, *others)))


def strengthen_critic(setup: Setup, signals: Signals) -> list[str]:
    """Against a discriminator that can't tell: more capacity, less penalty, rates that fit, more steps."""
    known = [*lighter(setup, signals), *sound_rates(setup, signals)]
    known = known or lighter(setup, signals, share_from=0.05)
    larger = wider(setup, "discriminator")
    return options(larger, known, paired(setup, signals), [f"task.n_critic={setup.n_critic + 2}"])


def lighter_penalty(setup: Setup, signals: Signals) -> list[str]:
    return options([*lighter(setup, signals, share_from=0), *sound_rates(setup, signals)])


def calmer(setup: Setup, signals: Signals) -> list[str]:
    """Against gradients that are too large."""
    return options(
        mended(setup, signals) or slower(setup, ("generator", "discriminator"), 10),
        clipped(setup),
    )


def other_rates(setup: Setup, signals: Signals) -> list[str]:
    """Against updates of the wrong size."""
    return options(sound_rates(setup, signals) or slower(setup, ("generator", "discriminator"), 10))


def lipschitz(setup: Setup, signals: Signals) -> list[str]:
    """Against a Wasserstein critic whose slope is not 1."""
    known = [*holding(setup), *sound_rates(setup, signals)] or heavier(setup, {})
    return options(
        known or slower(setup, ("discriminator",), 4), [f"task.n_critic={max(5, setup.n_critic + 1)}"]
    )


def gradients_back(setup: Setup, signals: Signals) -> list[str]:
    """Against a generator that gets no gradient."""
    known = mended(setup, signals) or slower(setup, ("discriminator",), 4)
    return options(paired(setup, signals), known)


def faster(setup: Setup, signals: Signals) -> list[str]:
    """Against weights that do not move."""
    return options(sound_rates(setup, signals) or slower(setup, ("generator", "discriminator"), 0.1))


def closer(setup: Setup, signals: Signals) -> list[str]:
    """Against samples that come no closer to the data."""
    return options(
        paired(setup, signals), mended(setup, signals), slower(setup, ("generator", "discriminator"), 1 / 3)
    )


def against_memory(setup: Setup, signals: Signals) -> list[str]:
    """Against copies of the training set."""
    return options(augmented(setup), holding(setup) or heavier(setup, signals), adaptively(setup))


def stop_earlier(setup: Setup, signals: Signals) -> list[str]:
    """Against figures that get worse: what holds the critic, and a learning rate that falls."""
    falls = ["optimizer.schedule._target_=ganworks.optimizer.Cosine"]
    return options(augmented(setup), holding(setup) or heavier(setup, signals), falls, adaptively(setup))


def numbers(setup: Setup, signals: Signals) -> list[str]:
    """Against NaN and infinity."""
    rates = sound_rates(setup, signals) or slower(setup, ("generator", "discriminator"), 10)
    return options([*holding(setup), *rates], clipped(setup), ["callback.doctor.on_divergence=restore"])


def no_batch_norm(setup: Setup, signals: Signals) -> list[str]:
    return ["model.discriminator.norm=none", "model.discriminator.norm=layer"]


def nothing(setup: Setup, signals: Signals) -> list[str]:
    """No setting helps: the words of the page do."""
    return []
