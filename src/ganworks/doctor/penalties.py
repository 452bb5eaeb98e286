"""Penalties as options of the command line: in the form that fits the run, and beside those that it has."""

from __future__ import annotations

from ganworks.doctor.setup import Setup

LECAM_START = 1_000  # discriminator updates before LeCam's term acts, by default


def fitting(name: str, setup: Setup) -> str:
    """Return R1, or R1 and R2, in the form that fits: by finite differences where the networks are compiled or sharded.

    What differentiates twice runs uncompiled, and holds the whole weights of a sharded network for all of its passes; a
    finite difference is a pass like any other.
    """
    return f"{name}_approx" if setup.is_compiled or setup.is_sharded else name


def held_level(setup: Setup) -> list[str]:
    """LeCam's term beside the penalties, Tseng et al. 2021 (https://arxiv.org/abs/2104.03310): few data, any loss.

    It is a difference of logits, so that a loss that a shift of all of them does not change can have it too. In a run
    whose updates end soon after it begins to act it begins earlier.
    """
    num_updates = setup.num_steps or 10 * LECAM_START
    start = [] if num_updates >= 2 * LECAM_START else [f"regularizer.lecam.start={max(1, num_updates // 5)}"]
    return [*added, *start] if (added := beside(setup, "lecam")) else []


def consistent(setup: Setup) -> list[str]:
    """CR beside spectral norm, Zhang et al. 2020 (https://arxiv.org/abs/1910.12027), the setting that it was made for.

    Where a penalty holds the gradient at the reals, it does what CR does for all directions at once, and at twice the
    cost of one pass more.
    """
    fits = setup.is_image and setup.critic_norm == "spectral" and not setup.weights
    return beside(setup, "consistency") if fits else []


def beside(setup: Setup, name: str) -> list[str]:
    """Return the choice of the run's penalties and ``name``, which are options of their names but for R1 with R2."""
    known = set(setup.weights)
    if name in known:
        return []
    pair = {"r1", "r2"}
    names = (
        [fitting("r1_r2", setup)] if pair <= known else [fitting(one, setup) for one in sorted(pair & known)]
    )
    chosen = [*names, *sorted(known - pair), name]
    return [f"regularizer={chosen[0]}" if len(chosen) == 1 else f"regularizer=[{','.join(chosen)}]"]
