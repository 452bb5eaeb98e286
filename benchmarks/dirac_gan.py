"""The Dirac-GAN: which loss converges under which penalty, in the smallest game there is.

    python benchmarks/dirac_gan.py [--steps 2000] [--out docs/benchmarks]

Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), section 2: real data sit at 0, the generator's at theta, and
D(x) = psi x. Both players follow the gradients of our own losses and penalties from theta = 1, psi = -1 in steps of .1,
simultaneously or in turns, the generator first. Written are a table of the radius |(theta, psi)| at the end, one of the
eigenvalues of the field's Jacobian at the equilibrium (0, 0), dirac_gan.md, and the orbits, dirac_gan.svg.
tests/loss/test_dirac_gan.py holds the game against the same one written by hand.
"""

from __future__ import annotations

import argparse
import cmath
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from dirac_game import LOSSES, LOST, NUM_STEPS, PENALTIES, STEP, Cell, Orbit, played
from dirac_picture import picture


def radius(orbit: Orbit) -> str:
    """Return the distance from (0, 0) at the end of an orbit, in two digits behind the point."""
    found = math.hypot(*orbit[-1])
    return f"{found:.2f}" if found < LOST else "lost"


def in_words(eigenvalues: list[complex] | None) -> str:
    """Return a pair of eigenvalues as "-.15 ± .48i"; a dash where the field has no derivative.

    >>> in_words([-0.15 - 0.4769j, -0.15 + 0.4769j]), in_words([-0.3 + 0j, 0j])
    ('-0.15 ± 0.48i', '-0.30, 0.00')
    """
    if eigenvalues is None:
        return "–"
    low, high = (complex(round(z.real, 9) + 0.0, round(z.imag, 9) + 0.0) for z in eigenvalues)
    if high.imag:
        return f"{high.real:.2f} ± {high.imag:.2f}i" if high.real else f"± {high.imag:.2f}i"
    return f"{low.real:.2f}" if cmath.isclose(low, high) else f"{low.real:.2f}, {high.real:.2f}"


def table(cells: dict[tuple[str, str], Cell], write: Callable[[Cell], str]) -> str:
    """Return a Markdown table with a row a loss and a column a penalty."""
    rows = [["loss", *PENALTIES], ["---"] * (len(PENALTIES) + 1)]
    rows += [[f"`{loss}`", *(write(cells[loss, penalty]) for penalty in PENALTIES)] for loss in LOSSES]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


PAGE = """# The Dirac-GAN

Which loss converges under which penalty, in the smallest game there is (Mescheder et al. 2018,
<https://arxiv.org/abs/1801.04406>): real data sit at 0, the generator's at θ, and D(x) = ψ x. Written by
`python benchmarks/dirac_gan.py` on our own losses and penalties; `tests/loss/test_dirac_gan.py` holds them against the
same game written by hand and against the analytic eigenvalues.

![The orbits of every loss under every penalty](dirac_gan.svg)

## Where it ends

The distance from the equilibrium (0, 0) after {num_steps:,} steps of {step} from (1, −1), a distance of 1.41:
simultaneous / alternating, the generator first. "lost" is beyond {lost:g}.

{ends}

## Eigenvalues at the equilibrium

Of the Jacobian of the field that both players follow. A game converges locally, with small enough steps, where all real
parts are below 0; without a real part it circles, and in simultaneous steps it leaves. A dash stands where the field
has no derivative: `gradient_penalty` and `dragan` have a kink at ψ = 0, BEGAN's errors at (0, 0). The state of `lecam`
is held.

{eigenvalues}

## What it says

- Penalties on the size of the gradient (`r1`, `r2`, `r1_r2`, `max_gradient`) give eigenvalues a negative real part: the
  game converges. Those that want a slope of 1 (`gradient_penalty`, `dragan`) push the critic away from ψ = 0, where the
  equilibrium is.
- `lipschitz_penalty`, `wgan_div`, `weight_clip`, `lecam`, `centring` and `balanced_consistency` leave the eigenvalues
  as they are: what they do, they do away from the equilibrium.
- Least squares with the targets 0 and 1 pull at ψ with a strength of 0 at the equilibrium: this critic has no bias, and
  cannot say one half. With the targets −1 and 1 they pull as the other losses do.
- The averaged losses pull two to four times as hard, so that the same step is a longer one and the same γ a weaker
  hold: under R1 some of them converge in turns alone.
- `began` is another game: its critic rebuilds every point as ψ, D(x) = −|x − ψ|, and its balance moves with λ = .1. Its
  slopes have one size everywhere, so that it ends within a step's length of the equilibrium, whatever the penalty.

The penalties' weights: γ = .3 for R1 and R2, .5 for `gradient_penalty`, `lipschitz_penalty`, `wgan_div` and `dragan`,
.3 for `max_gradient` and `lecam` (from the first step on), .01 for `centring`, .05 for both sides of
`balanced_consistency`, whose change of a point is its mirror image −x, weights within .3 for `weight_clip`.
"""


def main() -> None:
    """Play every loss under every penalty, and write the page and the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=NUM_STEPS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "benchmarks")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cells = {
        (loss, penalty): played(loss, penalty, arguments.steps) for loss in LOSSES for penalty in PENALTIES
    }
    ends = table(cells, lambda cell: f"{radius(cell.simultaneous)} / {radius(cell.alternating)}")
    eigenvalues = table(cells, lambda cell: in_words(cell.eigenvalues))
    print(f"{ends}\n\n{eigenvalues}")
    page = PAGE.format(num_steps=arguments.steps, step=STEP, lost=LOST, ends=ends, eigenvalues=eigenvalues)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "dirac_gan.md").write_text(page)
    (arguments.out / "dirac_gan.svg").write_text(picture(cells))


if __name__ == "__main__":
    main()
