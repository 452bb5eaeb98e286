"""`python evaluate.py run=RUN_DIR`, or `real=FOLDER fake=FOLDER`: figures with the contract they hold under."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import SettingError, check_count
from ganworks.evaluation.source import read_saved
from ganworks.run.log import is_first_rank, log_to_terminal

if TYPE_CHECKING:
    from ganworks.metric import Evaluation


@dataclass
class Arguments:
    """Measure a generator, or a folder of images. metric.x=value and data.x=value change a setting."""

    run: str | None = field(
        default=None, metadata={"help": "a run directory, a checkpoint or a generator folder"}
    )
    checkpoint: str | None = field(
        default=None, metadata={"help": "another checkpoint of the run, such as best.ckpt"}
    )
    real: str | None = field(
        default=None, metadata={"help": "a folder of real images or a .npz file of their statistics"}
    )
    fake: str | None = field(
        default=None, metadata={"help": "the same of generated images, in place of run="}
    )
    metric: str | None = field(
        default=None, metadata={"help": "another metric than the run's: an option, or several: [fid,kid]"}
    )
    data: str | None = field(
        default=None, metadata={"help": "other data than the run's: an option of the group"}
    )
    seed: int | None = field(
        default=None, metadata={"help": "key of the latents; the metric's own if left out"}
    )
    seeds: int = field(
        default=1, metadata={"help": "so many evaluations, from that key on: mean and deviation"}
    )
    truncation: float | None = field(default=None, metadata={"help": "bound of the latents"})
    against: str | None = field(
        default=None, metadata={"help": "a run directory or an out= file to compare with"}
    )
    figures: bool = field(
        default=False, metadata={"help": "true: pictures too, in figures/ of the run or here"}
    )
    resolution: int | None = field(
        default=None, metadata={"help": "side that images of folders are brought to; their own if left out"}
    )
    channels: int | None = field(default=None, metadata={"help": "1 or 3, for folders; 3 if left out"})
    device: str = field(default="cpu", metadata={"help": "cpu, cuda, mps"})
    devices: int = field(
        default=1, metadata={"help": "processes that share the work: one a GPU, or so many on the CPUs"}
    )
    save_real: str | None = field(
        default=None, metadata={"help": "a .npz file for mean and covariance of the real features"}
    )
    save_fake: str | None = field(default=None, metadata={"help": "the same of the fake ones"})
    out: str | None = field(
        default=None, metadata={"help": "a .json file for the figures and their contract"}
    )


def main() -> None:
    """Run the command."""
    log_to_terminal()
    if not is_first_rank():
        logging.disable(logging.WARNING)  # the first rank has the same to say
    with user_errors(), resumable():
        arguments, overrides = parse(Arguments, sys.argv[1:])
        check(arguments)
        other = read_saved(Path(arguments.against)) if arguments.against else None
        for path in (arguments.out, arguments.save_real, arguments.save_fake):
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
        figures = measured(arguments, overrides)
        if figures is None:  # the first rank has them
            return
        show(figures, other)
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(asdict(figures), indent=2) + "\n")


def measured(arguments: Arguments, overrides: list[str]) -> Evaluation | None:
    """Return the figures; on several devices the first process has them."""
    from ganworks.evaluation.measuring import measure, of_folders, of_run
    from ganworks.evaluation.processes import processes, take_device

    take_device(arguments.devices, arguments.device)
    work = of_run(arguments, overrides) if arguments.run else of_folders(arguments, overrides)
    with processes(arguments.devices, "ganworks.cli.evaluate"):
        return measure(work, arguments)


@contextmanager
def resumable() -> Iterator[None]:
    """Say what an interruption costs."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the same command goes on from the features that are kept.\n")
        sys.exit(130)


def check(arguments: Arguments) -> None:
    """Raise `SettingError` for arguments that are missing, out of range or do not go together."""
    if arguments.run is None and not (arguments.real and arguments.fake):
        allowed = "given: a run directory, a checkpoint or a generator folder, or real=FOLDER and fake=FOLDER"
        raise SettingError("run", "", allowed)
    if arguments.seed is not None:
        check_count("seed", arguments.seed, at_least=0)
    check_count("seeds", arguments.seeds)
    others: list[tuple[str, object]]
    if arguments.run is None:
        others = [
            ("seeds", 1),
            ("data", None),
            ("checkpoint", None),
            ("truncation", None),
        ]
        refuse(arguments, others, "left out: two folders have no generator to draw from")
    else:
        others = [("fake", None), ("resolution", None), ("channels", None)]
        refuse(
            arguments, others, "left out: run= gives the fakes, and real images are brought to their shape"
        )
    if arguments.real and arguments.run:
        refuse(arguments, [("data", None)], f"left out: the reals are real={arguments.real}")
    for path in (arguments.real, arguments.fake):
        if path and path.endswith(".npz"):
            refuse(arguments, [("figures", False)], f"left out: {path} has no images to show")
    if arguments.seeds > 1:
        allowed = f"left out with seeds={arguments.seeds}: it is of a single draw"
        refuse(arguments, [("save_fake", None), ("figures", False)], allowed)
    for name in ("save_real", "save_fake"):
        if not (getattr(arguments, name) or ".npz").endswith(".npz"):
            raise SettingError(name, getattr(arguments, name), "a file that ends in .npz")


def refuse(arguments: Arguments, others: Iterable[tuple[str, object]], allowed: str) -> None:
    """Raise `SettingError` for the first argument that is not left at its default."""
    for name, default in others:
        if getattr(arguments, name) != default:
            raise SettingError(name, getattr(arguments, name), allowed)


def show(figures: Evaluation, other: Mapping[str, Any] | None = None) -> None:
    """Print the figures, beside those of held-out real data and of another evaluation, and their contract."""
    from rich.console import Console
    from rich.table import Table

    from ganworks.metric import warn_of_differences
    from ganworks.metric.contract import shown

    columns = {"value": figures.values, "deviation": figures.deviation, "held-out real data": figures.floor}
    if other is not None:
        columns["against"] = other["values"]
    there = {name: column for name, column in columns.items() if column or name != "deviation"}
    table = Table("figure")
    for column in there:
        table.add_column(column, justify="right")
    for name in figures.values:
        row = [column.get(name) for column in there.values()]
        table.add_row(name, *("·" if value is None else f"{value:.5g}" for value in row))
    console = Console()
    console.print(table)
    notes = {
        name: f"{note:.4g}" if isinstance(note, float) else note
        for name, note in figures.notes.items()
        if isinstance(note, str | int | float)
    }
    for line in (*(shown(notes) if notes else ()), *shown(figures.contract)):
        console.print(line, highlight=False, soft_wrap=True)
    if other is not None:
        warn_of_differences(asdict(figures), other)


if __name__ == "__main__":
    main()
