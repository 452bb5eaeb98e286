"""How near the penalties by finite differences come to the exact ones, for each sigma, form and kind of critic.

    python benchmarks/approximate_penalties.py [--data fashion_mnist|digits] [--root FOLDER] [--draws 12] [--out FILE]

Each critic is trained for 120 steps with the relativistic loss and exact R1 + R2 against the same generator, and then
looked at with 64 reals: *value* is the mean over the draws of the approximate penalty over the exact one; *cosine* that
of the penalty's gradient in the parameters with the exact one's, of one draw (mean over the draws) and of the mean over
the draws; *norm* the norm of that mean over the exact one's. One-sided: (D(x + sigma e) - D(x))^2 / sigma^2; central:
(D(x + sigma e) - D(x - sigma e))^2 / 4 sigma^2. Float32 on one thread, four CPU minutes. What they cost is a part of
`benchmarks/penalty_cost.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from penalty_cost import BASE, Steps
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from ganworks.noise import keyed_rng
from ganworks.regularizer import R1, R1Approx, Regularizer
from ganworks.run.log import quieten

SIGMAS = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0)
NUM_STEPS, NUM_SAMPLES = 120, 64
CONVNET = ["model=dcgan", "model.width=32", "model.discriminator.norm=none"]
CRITICS = {
    "leaky ReLU ConvNet": CONVNET,
    "SiLU ConvNet": CONVNET,
    "transformer": [
        "model=transformer",
        "model.depth=4",
        "model.width=64",
        "model.num_heads=4",
        "model.patch_size=4",
        "model.discriminator.depth=3",
        "+model.discriminator.head_width=256",
    ],
}
TRAINING = [
    "loss=r3gan",
    "regularizer=r1_r2",
    *(f"optimizer.{p}.lr=5e-4" for p in ("generator", "discriminator")),
]


def smooth(network: nn.Module) -> None:
    """Put SiLU in the place of every leaky ReLU."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.LeakyReLU):
                setattr(parent, name, nn.SiLU())


def trained(name: str, data: list[str]) -> tuple[nn.Module, Tensor]:
    """Return a critic after its training and the samples to look at."""
    base = [override for override in BASE if not override.startswith(("data", "loss=", "model="))]
    steps = Steps([*base, *data, *TRAINING, *CRITICS[name]])
    if name.startswith("SiLU"):
        smooth(steps.task.discriminator)
    steps.take(NUM_STEPS)
    return steps.task.discriminator, next(steps.batches)["real"][:NUM_SAMPLES]


def gradient(regularizer: Regularizer, critic: nn.Module, x: Tensor, draw: int) -> tuple[float, Tensor]:
    """Return a penalty and its gradient in all parameters, (N,), in float64."""
    penalty = regularizer.penalty(critic, {"real": x, "fake": x}, keyed_rng("draw", draw))
    assert penalty is not None
    parameters = [p for p in critic.parameters() if p.requires_grad]
    found = torch.autograd.grad(penalty, parameters, allow_unused=True)
    flat = [
        torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)
    ]  # a bias of the last layer has none
    return penalty.item(), torch.cat([g.flatten() for g in flat]).double()


def cells(critic: nn.Module, x: Tensor, regularizer: Regularizer, num_draws: int) -> list[str]:
    """Return value, cosines and norm of one form at one sigma."""
    value, exact = gradient(R1(1.0), critic, x, 0)
    drawn = [gradient(regularizer, critic, x, draw) for draw in range(num_draws)]
    mean = torch.stack([g for _, g in drawn]).mean(0)
    single = sum(cosine_similarity(g, exact, 0).item() for _, g in drawn) / num_draws
    return [
        f"{sum(v for v, _ in drawn) / num_draws / value:.2f}",
        f"{single:.2f}",
        f"{cosine_similarity(mean, exact, 0).item():.2f}",
        f"{(mean.norm() / exact.norm()).item():.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--root")
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    data = [f"data={arguments.data}", "data.resolution=32"]
    data += [f"data.root={arguments.root}"] if arguments.root else []
    columns = ["value", "cosine, one draw", f"cosine, {arguments.draws} draws", "norm"]
    head = ["critic", "sigma", *(f"{form}: {c}" for form in ("one-sided", "central") for c in columns)]
    rows = [f"| {' | '.join(head)} |", f"|{'|'.join('---' for _ in head)}|"]
    console = Console(width=170, markup=False, highlight=False)
    for name in CRITICS:
        critic, x = trained(name, data)
        for sigma in SIGMAS:
            forms = [R1Approx(1.0, sigma=sigma, central=central) for central in (False, True)]
            found = [cell for form in forms for cell in cells(critic, x, form, arguments.draws)]
            rows.append(f"| {name} | {sigma:g} | {' | '.join(found)} |")
            console.print(rows[-1])
    if arguments.out:
        arguments.out.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
