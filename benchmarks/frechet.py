"""What an evaluation costs: the Frechet distance beside torchmetrics', memory of PRDC, all of metric=digits.

    python benchmarks/frechet.py [--dim 2048] [--num 10000] [--few 1000] [--repeats 3] [--threads 1]

Features are correlated draws, the reals of 10,000. Both sides get the sums that they keep while images stream by: ours
the real set's moments with its root, which is computed once a run, and the fakes' moments or, where there are fewer
than dimensions, the fakes; torchmetrics both covariances. What an evaluation then does is taken in turns; given is the
median of the CPU seconds, all threads together, which other work on the machine hardly changes. Memory is the peak of
a process that computes PRDC of 10,000 on each side and no more, beside that of one that only makes the features.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torchmetrics.image.fid import _compute_fid

from ganworks.callback.summary import peak_memory_mb
from ganworks.metric import FeatureSet, SampleSet, precision_recall_density_coverage
from ganworks.metric.distance.moments import Moments
from ganworks.metric.measure.features import FrechetDistance
from ganworks.noise import keyed_rng


def features(num: int, dim: int, key: str) -> Tensor:
    """Return correlated features (num, dim) with a spectrum that falls off, as an extractor's does."""
    mixing = torch.randn(dim, dim, generator=keyed_rng("mixing")) / dim**0.5
    scale = torch.arange(1, dim + 1).float().pow(-0.5)
    drawn = torch.randn(num, dim, generator=keyed_rng(key)).add_(0.1 if key == "fake" else 0.0)
    for part in drawn.mul_(scale).split(500):  # in place: the memory of what follows is measured
        part.copy_(part @ mixing)
    return drawn


def frechet(dim: int, num: int, repeats: int) -> tuple[float, float, float, float]:
    """Return seconds of torchmetrics and of ours, and how far either is from `exact`, relatively."""
    real, fake = features(10_000, dim, "real"), features(num, dim, "fake")
    distance = FrechetDistance("x", "fd")
    reals = SampleSet(len(real), {"x": FeatureSet(len(real), real[:0], moments=Moments.of(real))})
    _ = reals["x"].root, reals["x"].covariance  # once a run
    moments = Moments.of(fake) if num >= dim else None
    theirs_of = [(each.double().mean(0), each.double().T.cov()) for each in (real, fake)]

    def ours() -> float:
        kept = fake[:0] if moments is not None else fake
        fakes = SampleSet(num, {"x": FeatureSet(num, kept, moments=moments)})
        return distance.figures(reals, fakes, torch.Generator())["fd"]

    def theirs() -> float:
        return float(_compute_fid(*theirs_of[0], *theirs_of[1]))

    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    values = {}
    for _ in range(repeats):
        for name, compute in (("theirs", theirs), ("ours", ours)):
            start = time.process_time()
            values[name] = compute()
            seconds[name].append(time.process_time() - start)
    theirs_seconds, ours_seconds = (statistics.median(seconds[name]) for name in ("theirs", "ours"))
    value = exact(real, fake)
    return theirs_seconds, ours_seconds, abs(values["theirs"] / value - 1), abs(values["ours"] / value - 1)


def exact(first: Tensor, second: Tensor) -> float:
    """Return the distance by singular values of the centred samples, without a square: slow, and good to rounding."""
    means = [each.double().mean(0) for each in (first, second)]
    roots = [
        (each - mean) / (len(each) - 1) ** 0.5 for each, mean in zip((first, second), means, strict=True)
    ]
    first_root, second_root = (torch.linalg.qr(root, mode="r").R for root in roots)
    traces = sum(root.square().sum() for root in roots)
    trace_of_root = torch.linalg.svdvals(first_root @ second_root.T).sum()
    return float((means[0] - means[1]).square().sum() + traces - 2 * trace_of_root)


def prdc_memory(dim: int, num: int) -> tuple[float, float]:
    """Return the peak memory of a process with and without PRDC, in MB."""
    command = [sys.executable, __file__, "--dim", str(dim), "--num", str(num), "--memory"]
    run = partial(subprocess.run, capture_output=True, text=True, check=True)
    return float(run([*command, "prdc"]).stdout), float(run([*command, "features"]).stdout)


def digits() -> float:
    """Return the seconds of an evaluation of 1,797 fakes with all of metric=digits."""
    import hydra

    from ganworks.data import Digits
    from ganworks.metric import evaluate
    from ganworks.model import DCGANGenerator
    from ganworks.run.compose import compose
    from ganworks.sample.sampler import Sampler

    suite = hydra.utils.instantiate(compose(["data=digits"]).metric)
    data = Digits(batch_size=64, resolution=8, channels=1)
    suite.prepare(data)
    sampler = Sampler(DCGANGenerator(shape=(1, 8, 8), latent_dim=100, width=64), {})
    start = time.process_time()
    evaluate(suite, sampler, data)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", choices=("prdc", "features"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        real, fake = (features(arguments.num, arguments.dim, key) for key in ("real", "fake"))
        if arguments.memory == "prdc":
            precision_recall_density_coverage(real, fake)
        print(peak_memory_mb())
        return
    table = Table(title=f"Frechet distance, {arguments.dim} features, 10,000 reals", title_justify="left")
    for column in ("fakes", "torchmetrics", "ours", "times faster", "torchmetrics off by", "ours off by"):
        table.add_column(column, justify="right")
    for num in (arguments.num, arguments.few):
        theirs, ours, *errors = frechet(arguments.dim, num, arguments.repeats)
        cells = (f"{theirs:.2f} s", f"{ours:.2f} s", f"{theirs / ours:.1f}", *(f"{e:.1e}" for e in errors))
        table.add_row(f"{num:,}", *cells)
    Console(width=110).print(table)
    with_prdc, without = prdc_memory(arguments.dim, arguments.num)
    print(
        f"PRDC of {arguments.num:,} on each side: peak {with_prdc:,.0f} MB, of which features {without:,.0f} MB"
    )
    print(f"all of metric=digits, 1,797 fakes: {digits():.2f} s")


if __name__ == "__main__":
    main()
