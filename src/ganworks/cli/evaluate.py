"""`python evaluate.py run=RUN_DIR`, or `real=FOLDER fake=FOLDER`: figures with the contract they hold under."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli import resolvers
from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.cli.log import log_to_terminal
from ganworks.cli.source import Source, compose, read_saved
from ganworks.errors import SettingError, check_count

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ganworks.cli.outside import Sides
    from ganworks.metric import Evaluation, SampleSet, Suite


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
    save_real: str | None = field(
        default=None, metadata={"help": "a .npz file for mean and covariance of the real features"}
    )
    save_fake: str | None = field(default=None, metadata={"help": "the same of the fake ones"})
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
        for path in (arguments.out, arguments.save_real, arguments.save_fake):
            if path:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
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
    others: list[tuple[str, object]]
    if arguments.run is None:
        others = [
            ("seeds", 1),
            ("figures", False),
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
        if arguments.real.endswith(".npz"):
            refuse(arguments, [("figures", False)], f"left out: {arguments.real} has no images to show")
    if arguments.seeds > 1 and arguments.save_fake:
        raise SettingError("seeds", arguments.seeds, "1 with save_fake=, which is of a single draw")
    for name in ("save_real", "save_fake"):
        if not (getattr(arguments, name) or ".npz").endswith(".npz"):
            raise SettingError(name, getattr(arguments, name), "a file that ends in .npz")


def refuse(arguments: Arguments, others: Iterable[tuple[str, object]], allowed: str) -> None:
    """Raise `SettingError` for the first argument that is not left at its default."""
    for name, default in others:
        if getattr(arguments, name) != default:
            raise SettingError(name, getattr(arguments, name), allowed)


def measure_run(arguments: Arguments, overrides: list[str]) -> Evaluation:
    """Return the figures of a generator under its run's own metric and data, or those that are asked for."""
    from ganworks.cli import outside
    from ganworks.cli.resume import change
    from ganworks.metric import measure_seeds
    from ganworks.metric.generate import draw, judge

    source = Source.find(str(arguments.run), arguments.checkpoint)
    config = source.config(arguments.data or ("folder" if arguments.real else None), arguments.metric)
    change(config, overrides)
    sampler = source.load(arguments.device)
    real: Any = outside.find_beside(sampler, arguments.real) if arguments.real else make_data(config)
    sides = outside.Sides(real, sampler, (arguments.real, None))
    suite = prepare(config, arguments, sides)
    settings: dict[str, Any] = {"truncation": arguments.truncation, "cache": suite.cache, "show_bar": True}
    if arguments.seeds > 1:
        seeds = range(suite.seed, suite.seed + arguments.seeds)
        found = measure_seeds(suite, sampler, real, seeds, num_evaluations=source.num_evaluations, **settings)
        return outside.described(found, sides)
    fake = draw(suite, sampler, real, **settings)
    assert fake is not None
    figures = outside.described(judge(suite, fake, suite.seed, True, source.num_evaluations), sides)
    save(arguments, suite, fake, figures)
    if arguments.figures:
        from ganworks.cli.figures import draw_figures, log_figures

        folder = (source.run_dir or Path()) / "figures"
        paths = draw_figures(folder, suite, sampler, real, arguments.truncation)
        print(f"{len(paths)} pictures in {folder}")
        if source.run_dir is not None:
            log_figures(paths, config, source.run_dir, int(sampler.config.get("images_seen", 0)))
    return figures


def measure_folders(arguments: Arguments, overrides: list[str]) -> Evaluation:
    """Return the figures of what is in ``fake`` against ``real``, folders of images or files of statistics."""
    from ganworks.cli import outside
    from ganworks.cli.resume import change

    for name, _, value in (override.partition("=") for override in overrides):
        if not name.startswith(("metric.", "paths.")):
            raise SettingError(name, value, "left out: of two folders only metric.x=value is a setting")
    config = compose(["data=folder", f"metric={arguments.metric or 'fid'}"])
    change(config, overrides)
    how = arguments.channels or 3, arguments.resolution
    fake = outside.find("fake", str(arguments.fake), *how)
    real = outside.find("real", str(arguments.real), *how)
    sides = outside.Sides(real, fake, (arguments.real, arguments.fake))
    suite = prepare(config, arguments, sides, num_samples=outside.num_fakes(fake, config, overrides))
    found = outside.collect_fakes(suite, fake)
    figures = outside.described(suite.compare(found), sides)
    save(arguments, suite, found, figures)
    return figures


def make_data(config: DictConfig) -> Any:
    """Return the data of ``config``, checked."""
    from ganworks.cli.build import make, setting_path

    datamodule = make("data", config.data)
    with setting_path("data"):
        datamodule.check()
    return datamodule


def prepare(config: DictConfig, arguments: Arguments, sides: Sides, **changes: Any) -> Suite:
    """Return the metric of ``config``, checked, with the features of the reals."""
    from ganworks.cli import outside

    if arguments.seed is not None:
        changes["seed"] = arguments.seed
    suite = outside.make_suite(config, sides, **changes)
    for name in ("save_real", "save_fake"):
        if getattr(arguments, name):
            outside.statistics_extractor(suite, name)
    outside.prepare(suite, sides)
    return suite


def save(arguments: Arguments, suite: Suite, fake: SampleSet, figures: Evaluation) -> None:
    """Write the statistics of both sides where that was asked for."""
    from ganworks.cli.outside import save_statistics

    splits = figures.contract["split"], figures.notes.get("fake_split", f"samples of {arguments.run}")
    for name, found, split in zip(("save_real", "save_fake"), (suite.real, fake), splits, strict=True):
        if path := getattr(arguments, name):
            save_statistics(suite, found, name, path, split)


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
