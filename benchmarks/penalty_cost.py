"""What every regularizer, augmentation and remedy costs: the time of a step relative to none, beside its arithmetic.

    python benchmarks/penalty_cost.py [--names r1 r1_r2 ...] [--blocks 5] [--steps 4] [--width 64] [--out FILE]
    python benchmarks/penalty_cost.py --update discriminator --against r1_r2 --names r1_r2_approx ...

Each line is a pair of tasks in one process: with the part, and the same configuration without it. They take blocks of
steps in turns, and the table has the medians of both sides' CPU milliseconds (which a busy machine disturbs less than
the clock), and the median of the paired ratios. Beside it stands what the arithmetic expects: the multiplications of a
step with the part over those without it, counted operator by operator, second derivatives included, and how many
batches pass forward through discriminator and generator (a pass of half the batch counts .5). The DCGAN of 32x32 with
64 features, batch 64, on one thread; the discriminator of both sides has the norm that goes with the part.

The second command times the discriminator's update alone (the fakes are drawn in it), beside that of another part.

Parts are the files of conf/regularizer and conf/augment, the tasks and settings of `REMEDIES`, and `VARIANTS` of
them. What does not go with this network is listed under the table, with the reason that the check before the run gives.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ganworks.errors import GanworksError
from ganworks.model.base import networks_of
from ganworks.run.build import build_run, build_trainer
from ganworks.run.check import check_config
from ganworks.run.compose import compose
from ganworks.run.log import quieten
from ganworks.task import AdversarialTask

CONF = Path(__file__).parents[1] / "conf"
BASE = ["metric=none", "trainer=cpu", "trainer.log_every_n_steps=1000000", "num_images=1e9", "loss=bce",
        "callback.sample_grid.every_images=null", "callback.checkpoint.every_images=null", "data=digits",
        "data.resolution=32", "model=dcgan", "optimizer=adam", "experiment=null"]  # fmt: skip
LABELS = ["model.conditional=true"]
SIDES = {  # what both sides of a pair have beside the defaults
    "auxiliary_classifier": LABELS,
    "contrastive": LABELS,
    "d2d_ce": LABELS,
    "unconditional_classifier": LABELS,
    "path_length": ["model=stylegan2", "model.channel_max=64"],
    "transport": ["model.generator.latent_dim=1024"],
    "ada": ["augment.target=null"],
}
REMEDIES = {
    "task.n_critic=2": ["task.n_critic=2"],
    "task.fresh_batch": ["task.fresh_batch=true"],
    "task.top_k=.5": ["task.top_k=0.5"],
    "task=unrolled": ["task=unrolled"],
    "task=latent_optimisation": ["task=latent_optimisation"],
}
VARIANTS = {
    "r1, every 4": ["regularizer=r1", "regularizer.r1.every=4"],
    "r1, shared pass": ["regularizer=r1", "task.share_forward=true"],
    "r1_r2, every 4": ["regularizer=r1_r2", "regularizer.r1.every=4", "regularizer.r2.every=4"],
    "r1_r2, shared pass": ["regularizer=r1_r2", "task.share_forward=true"],
    "r1_r2_approx, shared pass": ["regularizer=r1_r2_approx", "task.share_forward=true"],
    "r1_r2_approx, central": ["regularizer=r1_r2_approx", *(f"regularizer.{r}.central=true" for r in ("r1", "r2"))],
    "r1_r2_approx, central, half the batch": [
        "regularizer=r1_r2_approx",
        *(f"regularizer.{r}.{s}" for r in ("r1", "r2") for s in ("central=true", "share=0.5")),
    ],
    "ada at p = .5": ["augment=ada", "augment.target=null", "augment.probability=0.5"],
}  # fmt: skip
NONE = ["regularizer=none", "augment=none"]
DIFFERENT = 0.15  # of the arithmetic's ratio: beyond it a line is marked


def parts(width: int) -> dict[str, tuple[list[str], list[str]]]:
    """Return by the name of a line the overrides with the part and without it."""
    found = {}
    for group in ("regularizer", "augment"):
        for path in sorted((CONF / group).glob("*.yaml")):
            if path.stem != "none":
                found[path.stem] = [f"{group}={path.stem}"]
    found |= REMEDIES | VARIANTS
    common = [*BASE, f"model.width={width}"]
    return {name: with_same_norm(name, common, overrides) for name, overrides in found.items()}


def with_same_norm(name: str, common: list[str], overrides: list[str]) -> tuple[list[str], list[str]]:
    """Return both sides; the one without the part has the discriminator's norm of the one with it."""
    shared = [o for o in SIDES.get(name, []) if not o.startswith("augment.")]
    if any(o.startswith("model=") for o in shared):
        common = [o for o in common if not o.startswith(("model=", "model.width"))]
    own = [*common, *shared, *overrides, *(o for o in SIDES.get(name, []) if o.startswith("augment."))]
    without = [*common, *shared, *NONE]
    with contextlib.suppress(GanworksError):
        norm = compose(own).model.discriminator.get("norm")
        without += [f"model.discriminator.norm={norm}"] if norm else []
    return own, without


class Steps(pl.Callback):
    """A task whose steps are taken one by one, outside of the loop that has made its optimizers.

    Args:
        overrides: of the run.
        update: "step", or "discriminator": its update alone.

    Raises:
        GanworksError: the parts do not go together.
    """

    def __init__(self, overrides: Sequence[str], update: str = "step") -> None:
        config = compose(list(overrides))
        check_config(config)
        run = build_run(config)
        self.task, self.take_one = run.task, self.step if update == "step" else self.discriminator_update
        run.callbacks = [self]
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
            (Path(folder) / "checkpoints").mkdir()
            build_trainer(config, run, Path(folder), time.time()).fit(run.task, run.datamodule)
        self.batches = self._endless(run.datamodule.train_dataloader())

    def on_train_batch_end(self, trainer: pl.Trainer, task: pl.LightningModule, *args: object) -> None:
        # The first turn is logged, into a folder that is gone when the next begins.
        trainer.should_stop = self.task.num_steps >= self.task.turn

    def _endless(self, loader: object) -> Iterator[dict[str, Tensor]]:
        while True:
            yield from loader  # type: ignore[misc]

    def take(self, num: int) -> float:
        """Take ``num`` steps; return the CPU seconds of one."""
        batches = [next(self.batches) for _ in range(num)]
        start = time.process_time()
        for batch in batches:
            self.task.on_train_batch_start(batch, 0)
            self.take_one(dict(batch))
        return (time.process_time() - start) / num

    def step(self, batch: dict[str, Tensor]) -> None:
        self.task.training_step(batch, 0)

    def discriminator_update(self, batch: dict[str, Tensor]) -> None:
        parts = self.task.split({**batch, **self.task.draw_noise(len(batch["real"]))})
        self.task.update("discriminator", self.task.terms_of("discriminator"), parts)
        self.task.num_steps += 1


@dataclass(frozen=True)
class Arithmetic:
    """What a step computes.

    Args:
        flops: of its matrix products and convolutions.
        discriminator, generator: batches that pass forward through the networks.
    """

    flops: float
    discriminator: float
    generator: float


class Multiplications(TorchDispatchMode):
    """Counts the operations of matrix products and convolutions inside, of second derivatives too."""

    def __init__(self) -> None:
        super().__init__()
        self.num = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if (count := flop_registry.get(function._overloadpacket)) is not None:
            self.num += count(*args, **(kwargs or {}), out_val=result)
        return result


def arithmetic(steps: Steps, num: int, batch_size: int = 64) -> Arithmetic:
    """Count what ``num`` steps compute, and return it of one."""
    counts = {"discriminator": 0, "generator": 0}
    with contextlib.ExitStack() as stack:
        for role in counts:
            for network in networks_of(steps.task.players[role]).values():
                stack.enter_context(counted(network, role, counts))
        counter = stack.enter_context(Multiplications())
        steps.take(num)
    passes = {role: count / batch_size / num for role, count in counts.items()}
    return Arithmetic(counter.num / num, **passes)


@contextlib.contextmanager
def counted(network: nn.Module, role: str, counts: dict[str, int]) -> Iterator[None]:
    """Add the samples that leave a network to ``counts[role]``, whoever calls it."""
    forward = network.forward

    def call(*args: object, **kwargs: object) -> object:
        said = forward(*args, **kwargs)
        counts[role] += len(said if isinstance(said, Tensor) else next(iter(said.values())))
        return said

    network.forward = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        del network.forward  # type: ignore[method-assign]


def interval(task: AdversarialTask) -> int:
    """Return the steps after which the task's regularizers have acted as often as they do on average."""
    return max([task.turn, *(r.every * task.n_critic for r in task.all_regularizers.values())])


def compare(
    own: list[str], without: list[str], num_steps: int, num_blocks: int, update: str
) -> dict[str, float]:
    """Return the cells of one line."""
    sides = Steps(own, update), Steps(without, update)
    period = max(interval(side.task) for side in sides)
    num = max(1, round(num_steps / period)) * period
    for side in sides:
        while side.task.num_steps % period:
            side.take(1)
    counts = [arithmetic(side, period) for side in sides]
    seconds = [[side.take(num) for side in sides] for _ in range(num_blocks)]
    return {
        "none": 1e3 * statistics.median(pair[1] for pair in seconds),
        "with": 1e3 * statistics.median(pair[0] for pair in seconds),
        "ratio": statistics.median(pair[0] / pair[1] for pair in seconds),
        "flops": counts[0].flops / counts[1].flops,
        "d": counts[0].discriminator,
        "g": counts[0].generator,
        "d_none": counts[1].discriminator,
        "g_none": counts[1].generator,
    }


def line(name: str, cells: dict[str, float]) -> str:
    """Return one row of the Markdown table."""
    off = cells["ratio"] / cells["flops"] - 1
    mark = f" ({off:+.0%})" if abs(off) > DIFFERENT else ""
    passes = [
        f"{cells[p]:.3g}" if cells[p] == cells[f"{p}_none"] else f"{cells[p]:.3g} ({cells[f'{p}_none']:.3g})"
        for p in "dg"
    ]
    numbers = [
        f"{cells['none']:.1f}",
        f"{cells['with']:.1f}",
        f"**{cells['ratio']:.2f}**{mark}",
        f"{cells['flops']:.2f}",
    ]
    return f"| `{name}` | {' | '.join([*numbers, *passes])} |"


def head(against: str) -> list[str]:
    """Return the rows above the table."""
    other = against or "none"
    times = [f"{against or 'without'}, CPU ms", "with, CPU ms", f"x {other}", f"x {other} by arithmetic"]
    titles = ["part", *times, "passes of D", "passes of G"]
    return [f"| {' | '.join(titles)} |", f"|{'|'.join('---' for _ in titles)}|"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", nargs="+")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--update", choices=("step", "discriminator"), default="step")
    parser.add_argument("--against", default="", help="another part, in the place of none")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    quieten()
    console = Console(width=150, markup=False, highlight=False)
    rows, refused = head(arguments.against), list[str]()
    every = parts(arguments.width)
    for name in arguments.names or every:
        own, other = every[name][0], every[arguments.against][0] if arguments.against else every[name][1]
        try:
            cells = compare(own, other, arguments.steps, arguments.blocks, arguments.update)
            rows.append(line(name, cells))
            console.print(rows[-1])
        except GanworksError as error:
            refused.append(f"- `{name}`: {str(error).splitlines()[0]}")
            console.print(refused[-1])
    if arguments.out:
        text = "\n".join([*rows, "", *(["Not measured here:", "", *refused] if refused else [])])
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
