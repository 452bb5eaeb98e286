"""What the transport term of adversarial flows does: to a map on a line, and to digits of several seeds.

    python benchmarks/adversarial_flow.py [--seeds 3] [--runs runs/adversarial_flow] [--page docs/benchmarks]

Each run is a process of `train.py`; one that the folder holds already, finished, is not repeated. Writes
adversarial_flow.md with both tables and adversarial_flow.svg with the maps on the line. Lin et al. 2025 (AFM,
https://arxiv.org/abs/2511.22475), whose case of four Gaussians has a width of 1024; here it is 256.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch
from markupsafe import Markup
from torch import Tensor

from ganworks import load_generator
from ganworks.chart.axes import axes
from ganworks.chart.frame import Frame
from ganworks.chart.mark import polyline
from ganworks.chart.scale import Scale
from ganworks.data import Line

COMMON = [
    *("loss=relativistic", "optimizer=adam", "metric.every_images=1e9", "callback=basic", "num_threads=1"),
    *(f"optimizer.{role}.betas=[0.0,0.9]" for role in ("generator", "discriminator")),
]
PENALTIES, WEIGHT = ("r1_r2_approx", "centring"), "regularizer.transport.weight"
FALLING = (f"{WEIGHT}.start=1.0", f"{WEIGHT}.end=0.05")  # along a cosine
STYLE = """text{font:11px sans-serif;fill:#444}.y{text-anchor:end}.x{text-anchor:middle}.head{font-weight:600}
.hair{stroke:#e4e4e4;fill:none}.axis{stroke:#888;fill:none}.true{stroke:#222;stroke-dasharray:4 3;fill:none}
.s0{stroke:#0072b2;fill:none}.s1{stroke:#d55e00;fill:none}.s2{stroke:#009e73;fill:none}"""
NUM = 2000  # latents that the maps are compared at


@dataclass(frozen=True)
class Case:
    """A data set, and what the runs on it have in common beside `COMMON`.

    Args:
        terms: by the name of a row the weight of the transport term, as overrides; "without" has none.
    """

    name: str
    settings: tuple[str, ...]
    terms: Mapping[str, tuple[str, ...]]


CASES = {
    "line": Case(
        "line",
        (
            *("data=line", "model.generator.latent_dim=1", "model.width=256", "num_images=640_000"),
            *("optimizer.generator.lr=4e-4", "optimizer.discriminator.lr=4e-4"),
            # AFM's weight .01 of |D(x + e) - D(x)|^2 / eps^2 is gamma / 2.
            *(
                f"regularizer.{name}.{value}"
                for name in ("r1", "r2")
                for value in ("weight=0.02", "sigma=0.01")
            ),
        ),
        {"without": (), "with transport": (f"{WEIGHT}=0.05",), "with transport, 1 to .05": FALLING},
    ),
    "digits": Case(
        "digits",
        (
            *("data=digits", "model=mlp", "model.generator.latent_dim=64", "num_images=192_000"),
            *("optimizer.generator.lr=5e-4", "optimizer.discriminator.lr=5e-4"),
            *(
                "regularizer.r1.weight=1.0",
                "regularizer.r2.weight=1.0",
                "optimizer.schedule._target_=ganworks.optimizer.Cosine",
            ),
        ),
        {
            "without": (),
            "with transport, 1 to .05": FALLING,
            "with transport, .2 to .05": (f"{WEIGHT}.start=0.2", f"{WEIGHT}.end=0.05"),
        },
    ),
}


def run(case: Case, terms: str, seed: int, folder: Path) -> Path:
    """Return the directory of a finished run, training it where it is missing."""
    run_dir = folder / case.name / re.sub(r"[^\w.]+", "_", terms) / f"seed_{seed}"
    summary = run_dir / "summary.json"
    if not summary.exists() or json.loads(summary.read_text(encoding="utf-8"))["status"] != "finished":
        own = case.terms[terms]
        chosen = ",".join([*PENALTIES, *(["transport"] if own else [])])
        words = [
            *COMMON,
            *case.settings,
            f"regularizer=[{chosen}]",
            f"seed={seed}",
            f"hydra.run.dir={run_dir}",
            *own,
        ]
        script = Path(__file__).parents[1] / "train.py"
        subprocess.run([sys.executable, str(script), *words], check=True, stdout=subprocess.DEVNULL)
    return run_dir


def figures_of(run_dir: Path, names: Sequence[str]) -> dict[str, float]:
    """Return figures of a run's summary, and its seconds."""
    summary = json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))
    return {**{name: summary["metrics"][name] for name in names}, "seconds": summary["seconds"]}


@torch.inference_mode()
def drawn(run_dir: Path, latent: Tensor) -> Tensor:
    """Return what a run's averaged generator makes of latents (N, D), as (N, numbers) in float64."""
    return load_generator(run_dir).make({"latent": latent.float()}).flatten(1).double()


def on_the_line(runs: Mapping[str, list[Path]]) -> tuple[list[dict[str, object]], dict[str, list[Tensor]]]:
    """Return the rows of the table, one of each run, and by terms the maps of the seeds."""
    share = (torch.arange(NUM) + 0.5) / NUM
    latent, true = torch.special.ndtri(share.double()), Line().quantile(share)
    rows, maps = list[dict[str, object]](), dict[str, list[Tensor]]()
    for terms, run_dirs in runs.items():
        maps[terms] = [drawn(run_dir, latent[:, None])[:, 0] for run_dir in run_dirs]
        for seed, (run_dir, made) in enumerate(zip(run_dirs, maps[terms], strict=True)):
            figures = {
                "error": (made - true).square().mean().sqrt().item(),
                "rank correlation": correlation(made.argsort().argsort().double(), latent.argsort().double()),
                "rising": (made.diff() > 0).double().mean().item(),
                **figures_of(run_dir, ("modes", "high_quality", "sliced_w2")),
            }
            rows.append({"terms": terms, "seed": seed, **figures})
    return rows, maps


def on_digits(runs: Mapping[str, list[Path]]) -> list[dict[str, object]]:
    """Return the rows of the table: means over seeds, and over pairs of them of how alike their maps are."""
    latent = torch.randn(NUM, 64, generator=torch.Generator().manual_seed(0))
    rows = list[dict[str, object]]()
    for terms, run_dirs in runs.items():
        made = [drawn(run_dir, latent) for run_dir in run_dirs]
        pairs = list(combinations(made, 2))
        each = [figures_of(run_dir, ("fd_digits", "coverage")) for run_dir in run_dirs]
        rows.append(
            {
                "terms": terms,
                "correlation": mean(correlation(a, b) for a, b in pairs),
                "beyond the mean": mean(correlation(a - a.mean(0), b - b.mean(0)) for a, b in pairs),
                "moved": mean((a - latent).square().mean().item() for a in made),
                "fd_digits": mean(figures["fd_digits"] for figures in each),
                "fd_digits by seed": " ".join(f"{figures['fd_digits']:.2f}" for figures in each),
                "coverage": mean(figures["coverage"] for figures in each),
                "seconds": mean(figures["seconds"] for figures in each),
            }
        )
    return rows


def mean(values: Iterable[float]) -> float:
    """Return the mean of values."""
    return statistics.mean(list(values))


def correlation(first: Tensor, second: Tensor) -> float:
    """Return Pearson's correlation of all numbers of two tensors."""
    return torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item()


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as a Markdown table."""
    body = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(rows[0]), ["---"] * len(rows[0]), *body])


def picture(maps: Mapping[str, list[Tensor]]) -> str:
    """Return the maps as an SVG, the terms side by side: G(z) over z, a line a seed, the optimal transport dashed."""
    share = (torch.arange(NUM) + 0.5) / NUM
    latent, true = torch.special.ndtri(share.double()).tolist(), Line().quantile(share).tolist()
    width, parts = 300, list[Markup]()
    for place, (terms, made) in enumerate(maps.items()):
        frame = Frame(width, 260, top=28)
        x, y = Scale(-3.5, 3.5, *frame.x_ends), Scale(-2.5, 2.5, *frame.y_ends)
        inside = [Markup('<text class="head" x="46" y="16">{}</text>').format(terms), axes(frame, x, y)]
        curves = [
            (true, "true"),
            *((values.clamp(-2.5, 2.5).tolist(), f"s{seed % 3}") for seed, values in enumerate(made)),
        ]
        for values, name in curves:
            points = [(x(a), y(b)) for a, b in list(zip(latent, values, strict=True))[::5]]
            inside.append(polyline(points, name))
        parts.append(
            Markup('<g transform="translate({},0)">{}</g>').format(place * width, Markup("").join(inside))
        )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(maps) * width} 260" width="{len(maps) * width}">'
    return f'{head}<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{Markup("").join(parts)}</svg>\n'


PAGE = """# Adversarial flow: what the transport term does

`python benchmarks/adversarial_flow.py --seeds {seeds} --digits-seeds {digits_seeds}`: relativistic pairing, R1 and R2
by finite differences, logits
kept around 0, Adam with betas 0 and .9, one thread; with and without the term E(G(z) - z)^2 of
[Lin et al. 2025](https://arxiv.org/abs/2511.22475) and its normalized gradient, as in
`regularizer=[r1_r2_approx,centring,transport]`.

## Four Gaussians on a line

`data=line`, a latent of one number, perceptrons of three layers of 256 (the paper's have 1024), 10,000 updates of 64
at a learning rate of 4e-4 (the paper's: 10,000 at 1e-4): a reduced protocol. Weight of transport .05, as in the paper,
or from 1 to that along a cosine; gamma .02 (.01 in the paper's convention), centring .01, sigma .01. `error` is the
root mean square of G(z) less the optimal transport of z, the map that rises. `rank correlation` of G(z) with z, and
`rising`, the share of steps upwards over {num} latents in their order, are 1 for it, and -1 and 0 for its mirror
image.

{line}

![The maps, a colour a seed, the optimal transport dashed](adversarial_flow.svg)

## Digits

`data=digits`, perceptrons of three layers of 256, a latent of 64 numbers, 3,000 updates of 64, the weight of transport
along a cosine (the paper's: .2 to .005), gamma 1, sigma .1; seeds: {digits_seeds}. `correlation` is that of all pixels
of G1(z) and G2(z), the mean over pairs of seeds; `beyond the mean` that of what differs from each generator's mean
image; `moved` is E mean (G(z) - z)^2.

{digits}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--digits-seeds", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_flow"))
    parser.add_argument("--page", type=Path, default=Path("docs/benchmarks"))
    arguments = parser.parse_args()
    seeds = {"line": arguments.seeds, "digits": arguments.digits_seeds}
    runs = {
        name: {
            terms: [run(case, terms, seed, arguments.runs) for seed in range(seeds[name])]
            for terms in case.terms
        }
        for name, case in CASES.items()
    }
    line, maps = on_the_line(runs["line"])
    words = {"line": table(line), "digits": table(on_digits(runs["digits"])), "seeds": arguments.seeds}
    arguments.page.mkdir(parents=True, exist_ok=True)
    (arguments.page / "adversarial_flow.svg").write_text(picture(maps), encoding="utf-8")
    page = PAGE.format(**words, num=f"{NUM:,}", digits_seeds=arguments.digits_seeds)
    (arguments.page / "adversarial_flow.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
