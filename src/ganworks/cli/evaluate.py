"""`python evaluate.py run=RUN_DIR`, or `real=FOLDER fake=FOLDER`: figures with the contract they hold under."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli import resolvers
from ganworks.cli.arguments import parse
from ganworks.cli.errors import called, user_errors
from ganworks.errors import SettingError, check_count

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ganworks.metric import Evaluation


@dataclass
class Arguments:
    """Measure a run, or a folder of images. metric.name=value and data.name=value change settings of the groups."""

    run: str | None = field(
        default=None, metadata={"help": "a run directory; its averaged generator is measured"}
    )
    checkpoint: str | None = field(
        default=None, metadata={"help": "another checkpoint of the run, such as best.ckpt"}
    )
    real: str | None = field(default=None, metadata={"help": "a folder of real images"})
    fake: str | None = field(default=None, metadata={"help": "a folder of generated images"})
    metric: str | None = field(
        default=None, metadata={"help": "another metric than the run's: an option of the group"}
    )
    seed: int | None = field(
        default=None, metadata={"help": "key of the latents; the metric's own if left out"}
    )
    truncation: float | None = field(default=None, metadata={"help": "bound of the latents"})
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
    with user_errors():
        arguments, overrides = parse(Arguments, sys.argv[1:])
        if arguments.run is None and not (arguments.real and arguments.fake):
            raise SettingError("run", "", "given: a run directory, or real=FOLDER and fake=FOLDER")
        if arguments.seed is not None:
            check_count("seed", arguments.seed, at_least=0)
        if arguments.out:
            Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
        figures = (
            measure_run(arguments, overrides) if arguments.run else measure_folders(arguments, overrides)
        )
        show(figures)
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(asdict(figures), indent=2) + "\n")


def measure_run(arguments: Arguments, overrides: list[str]) -> Evaluation:
    """Return the figures of a run's generator under the run's own metric and data, or those that are asked for."""
    from ganworks import load_generator
    from ganworks.cli.build import setting_path
    from ganworks.cli.resume import change, read_config
    from ganworks.metric import measure

    run_dir = Path(str(arguments.run))
    if not run_dir.is_dir():
        siblings = map(str, run_dir.parent.iterdir()) if run_dir.parent.is_dir() else ()
        raise SettingError("run", run_dir, "an existing run directory", siblings)
    with called(resume="run"):
        config = read_config(run_dir)
    if arguments.metric:
        config.metric = compose([f"metric={arguments.metric}"]).metric
    change(config, overrides)
    source = run_dir / "checkpoints" / arguments.checkpoint if arguments.checkpoint else run_dir
    with called(path="checkpoint" if arguments.checkpoint else "run"):
        sampler = load_generator(source, arguments.device)
    datamodule, suite = prepare(config, arguments)
    with setting_path("metric"):
        suite.check_generator(sampler.generator)
    return measure(suite, sampler, datamodule, arguments.truncation)


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


def compose(overrides: list[str]) -> DictConfig:
    """Return the configuration of `train.py` with ``overrides``."""
    import hydra
    from omegaconf import OmegaConf

    with hydra.initialize_config_module("ganworks.conf", version_base="1.3"):
        config = hydra.compose("train", overrides)
    OmegaConf.set_struct(config, True)
    return config


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


def show(figures: Evaluation) -> None:
    """Print the figures, beside those of held-out real data, and the contract they hold under."""
    from rich.console import Console
    from rich.table import Table

    from ganworks.metric.contract import shown

    table = Table()
    for column in ("figure", "value", "held-out real data"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in figures.values.items():
        floor = figures.floor.get(name)
        table.add_row(name, f"{value:.5g}", "·" if floor is None else f"{floor:.5g}")
    console = Console()
    console.print(table)
    for line in shown(figures.contract):
        console.print(line, highlight=False, soft_wrap=True)
