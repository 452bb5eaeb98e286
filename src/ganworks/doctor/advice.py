"""What to try, in overrides of the command line that fit the run's own configuration."""

from __future__ import annotations

from collections.abc import Callable

from ganworks.doctor.facts import Facts

Advice = Callable[[Facts], list[str]]


def stronger_critic_penalty(facts: Facts) -> list[str]:
    """A penalty where there is none, more of it where there is one."""
    if facts.is_wasserstein and "gradient_penalty" not in facts.weights:
        return ["loss=wgan_gp"]
    known = {name: weight for name, weight in facts.weights.items() if weight}
    if known:
        return [f"regularizer.{name}.weight={10 * weight:g}" for name, weight in known.items()]
    return [] if facts.weights else ["regularizer=r1"]


def weaker_critic_penalty(facts: Facts) -> list[str]:
    """A tenth of the penalties."""
    return [f"regularizer.{name}.weight={weight / 10:g}" for name, weight in facts.weights.items() if weight]


def more_modes(facts: Facts) -> list[str]:
    """Relativistic pairing with R1 and R2, or more of them; a critic that can't memorise."""
    has_both = {"r1", "r2"} <= facts.weights.keys()
    if facts.is_relativistic and has_both:
        advice = stronger_critic_penalty(facts)
    elif facts.is_relativistic or has_both or facts.weights:
        advice = ["loss=r3gan"]
    else:
        advice = ["regularizer=r1_r2", "loss=r3gan"]
    return advice + slower(facts, ("discriminator", "generator"), 3)[:2]


def closer(facts: Facts) -> list[str]:
    """Against samples that come no closer to the data: what holds the discriminator, a faster generator."""
    is_held = facts.has_critic_norm or any(facts.weights.values())
    advice = [] if is_held else stronger_critic_penalty(facts)
    if not facts.is_relativistic:
        advice.append("loss=r3gan")
    return advice + slower(facts, ("generator",), 1 / 3)


def augment(facts: Facts) -> list[str]:
    """Augmentation of images where there is none yet."""
    return ["augment=diffaugment"] if facts.is_image and not facts.has_augment else []


def slower(facts: Facts, roles: tuple[str, ...], factor: float) -> list[str]:
    """Lower learning rates of ``roles``."""
    return [f"optimizer.{role}.lr={facts.lr[role] / factor:.2g}" for role in roles if facts.lr.get(role)]


def collapse(facts: Facts) -> list[str]:
    return more_modes(facts) + augment(facts)


def weaken_critic(facts: Facts) -> list[str]:
    """Against a discriminator that wins: a penalty or a norm, a lower rate, augmentation for few data."""
    advice = ["loss=bce"] if facts.is_saturating else []
    advice += stronger_critic_penalty(facts)
    if not facts.has_critic_norm and not facts.weights:
        advice.append("model.discriminator.norm=spectral")
    return advice + slower(facts, ("discriminator",), 4) + augment(facts)


def strengthen_critic(facts: Facts) -> list[str]:
    """Against a discriminator that can't tell: less penalty, more steps."""
    return [*weaker_critic_penalty(facts), f"task.n_critic={facts.n_critic + 2}"]


def calmer(facts: Facts) -> list[str]:
    """Against gradients and updates that are too large."""
    advice = slower(facts, ("generator", "discriminator"), 10)
    if not facts.weights:
        advice += stronger_critic_penalty(facts)
    return advice if facts.is_clipped else [*advice, "task.gradient_clip=1"]


def lipschitz(facts: Facts) -> list[str]:
    """Against a Wasserstein critic whose slope is not 1."""
    return [*stronger_critic_penalty(facts), f"task.n_critic={max(5, facts.n_critic + 1)}"]


def gradients_back(facts: Facts) -> list[str]:
    """Against a generator that gets no gradient."""
    advice = ["loss=bce", "loss=hinge"] if facts.is_saturating else []
    return advice + stronger_critic_penalty(facts) + slower(facts, ("discriminator",), 4)


def faster(facts: Facts) -> list[str]:
    """Against weights that do not move."""
    return slower(facts, ("generator", "discriminator"), 0.1)


def against_memory(facts: Facts) -> list[str]:
    """Against copies of the training set."""
    return [*augment(facts), *stronger_critic_penalty(facts)]


def stop_earlier(facts: Facts) -> list[str]:
    """Against figures that get worse: what holds the critic, and a learning rate that falls."""
    falls = "optimizer.schedule._target_=ganworks.optimizer.Cosine"
    return [*augment(facts), *stronger_critic_penalty(facts), falls]


def numbers(facts: Facts) -> list[str]:
    """Against NaN and infinity."""
    return [*calmer(facts), "callback.doctor.on_divergence=restore"]


def no_batch_norm(facts: Facts) -> list[str]:
    return ["model.discriminator.norm=none", "model.discriminator.norm=layer"]


def nothing(facts: Facts) -> list[str]:
    """No setting helps: the words of the page do."""
    return []
