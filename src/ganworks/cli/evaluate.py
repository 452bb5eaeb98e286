"""`python evaluate.py run=RUN_DIR`, or `real=FOLDER fake=FOLDER`: figures with the contract they hold under."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli import resolvers
from ganworks.cli.arguments import parse
from ganworks.cli.errors import called, user_errors
from ganworks.cli.log import log_to_terminal
from ganworks.cli.source import Source, compose, read_saved
from ganworks.errors import SettingError, check_count

if TYPE_CHECKING:
    from omegaconf import DictConfig

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
    real: str | None = field(default=None, metadata={"help": "a folder of real images"})
    fake: str | None = field(default=None, metadata={"help": "a folder of generated images"})
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
        default=None, metadata={"help": "side that both folders are brought to; the first fake's"}
    )
    channels: int = field(default=3, metadata={"help": "1 or 3, for folders"})
    device: str = field(default="cpu", metadata={"help": "cpu, cuda, mps"})
    out: str | None = field(
        default=None, metadata={"help": "a .json file for the figures and their contract"}
    )


def main() -> None:
    """Run the command."""
    resolvers.register()
    log_to_terminal()
    with user_errors():
        arguments, overrides = parse(Arguments, sys.argv[1:])
        check(arguments)
        other = read_saved(Path(arguments.against)) if arguments.against else None
        if arguments.out:
            Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
        figures = (
            measure_run(arguments, overrides) if arguments.run else measure_folders(arguments, overrides)
        )
        show(figures, other)
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(asdict(figures), indent=2) + "\n")


def check(arguments: Arguments) -> None:
    """Raise `SettingError` for arguments that are missing, out of range or do not go together."""
    if arguments.run is None and not (arguments.real and arguments.fake):
        allowed = "given: a run directory, a checkpoint or a generator folder, or real=FOLDER and fake=FOLDER"
        raise SettingError("run", "", allowed)
    if arguments.seed is not None:
        check_count("seed", arguments.seed, at_least=0)
    check_count("seeds", arguments.seeds)
    if arguments.run is None:
        for name, default in (("seeds", 1), ("figures", False), ("data", None)):
            if getattr(arguments, name) != default:
                raise SettingError(
                    name, getattr(arguments, name), "left out: two folders have no generator to draw from"
                )


def measure_run(arguments: Arguments, overrides: list[str]) -> Evaluation:
    """Return the figures of a generator under its run's own metric and data, or those that are asked for."""
    from ganworks.cli.build import setting_path
    from ganworks.cli.resume import change
    from ganworks.metric import measure, measure_seeds

    source = Source.find(str(arguments.run), arguments.checkpoint)
    config = source.config(arguments.data, arguments.metric)
    change(config, overrides)
    sampler = source.load(arguments.device)
    datamodule, suite = prepare(config, arguments)
    with setting_path("metric"):
        suite.check_generator(sampler.generator)
    settings: dict[str, Any] = {
        "truncation": arguments.truncation,
        "num_evaluations": source.num_evaluations,
        "cache": suite.cache,
        "show_bar": True,
    }
    if arguments.seeds > 1:
        seeds = range(suite.seed, suite.seed + arguments.seeds)
        figures = measure_seeds(suite, sampler, datamodule, seeds, **settings)
    else:
        figures = measure(suite, sampler, datamodule, **settings)
    if arguments.figures:
        from ganworks.cli.figures import draw_figures, log_figures

        folder = (source.run_dir or Path()) / "figures"
        paths = draw_figures(folder, suite, sampler, datamodule, arguments.truncation)
        print(f"{len(paths)} pictures in {folder}")
        if source.run_dir is not None:
            log_figures(paths, config, source.run_dir, int(sampler.config.get("images_seen", 0)))
    return figures


def measure_folders(arguments: Arguments, overrides: list[str]) -> Evaluation:
    """Return the figures of the images in ``fake`` against those in ``real``, both read in the same way."""
    from PIL import Image

    from ganworks.cli.build import make
    from ganworks.cli.resume import change

    config = compose(["data=folder", f"metric={arguments.metric or 'fid'}"])
    change(config, [f"data.channels={arguments.channels}", "data.num_classes=0", "data.batch_size=1"])
    config.data.root = arguments.real
    with called(root="fake", **{"data.channels": "channels"}):
        first = make("data", config.data, root=arguments.fake).files.path(0)
    change(config, [f"data.resolution={arguments.resolution or min(Image.open(first).size)}", *overrides])
    fakes = make("data", config.data, root=arguments.fake)
    with called(root="fake"):
        fakes.check()
    with called(**{"data.root": "real"}):
        _, suite = prepare(config, arguments, num_samples=len(fakes.samples))
        suite.check_generator(None)
    figures = suite.evaluate(batch["real"].to(arguments.device) for batch in fakes.reference_batches())
    figures.contract["fake_split"] = fakes.fingerprint
    return figures


def prepare(config: DictConfig, arguments: Arguments, **changes: Any) -> tuple[Any, Any]:
    """Return the data and the metric of ``config``, checked, with the statistics of the real samples."""
    from ganworks.cli.build import make, setting_path

    datamodule = make("data", config.data)
    with setting_path("data"):
        datamodule.check()
    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    if not config.metric.get("measure"):
        raise SettingError("metric", "none", "one that measures: metric=fid, metric=digits or metric=mixture")
    suite = make("metric", config.metric, **changes)
    with setting_path("metric"):
        suite.check()
        suite.check_data(datamodule)
        suite.prepare(datamodule)
    return datamodule, suite


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
    for line in shown(figures.contract):
        console.print(line, highlight=False, soft_wrap=True)
    if other is not None:
        warn_of_differences(asdict(figures), other)
