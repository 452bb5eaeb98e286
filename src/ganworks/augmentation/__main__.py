"""`python -m ganworks.augmentation data=... per_class=N`: fakes for a small labelled set, and whether they help.

A conditional GAN learns from the labelled images alone, once for each seed, which draws them too. Classifiers learn
with and without its fakes and are tested on held-out reals. Reals and fakes of the first seed end in a folder by class.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import GanworksError, SettingError, check_choice, check_count, check_range, nearest
from ganworks.interrupt import ended_by_signals
from ganworks.words import relative_path

if TYPE_CHECKING:
    from ganworks.augmentation.measure import Outcome, Trial
    from ganworks.augmentation.table import Accuracies
    from ganworks.data import FewLabels

log = logging.getLogger(__name__)


@dataclass
class Arguments:
    """Augment a small labelled set by a conditional GAN, and measure whether it helps.

    python -m ganworks.augmentation data=folder data.root=FOLDER per_class=20; other settings are those of train.py.
    """

    run: str | None = field(
        default=None,
        metadata={"help": "a conditional run whose fakes are measured; null trains a GAN a seed"},
    )
    per_class: int | None = field(
        default=None,
        metadata={"help": "labelled images a class; null takes what the data say, or all others"},
    )
    held_out: float | None = field(
        default=None,
        metadata={
            "help": "share of each class to test on, where per_class does not leave some; not beside run="
        },
    )
    test: str | None = field(default=None, metadata={"help": "a folder of images by class to test on"})
    seeds: int = field(default=6, metadata={"help": "repetitions, each with labelled images of its own"})
    fakes: int = field(default=200, metadata={"help": "fakes to draw of each class that gets some"})
    filter: str = field(
        default="classifier", metadata={"help": "which fakes stay: classifier, discriminator or none"}
    )
    ratio: float = field(default=0.25, metadata={"help": "share of a batch that is fake"})
    num_updates: int = field(default=300, metadata={"help": "of each classifier"})
    out: str = field(default="augmented", metadata={"help": "a new folder; its figures lie beside it"})
    trust: str | None = field(default=None, metadata={"help": "packages that a run= may use: mine,theirs"})


def main() -> None:
    """Run the command."""
    with ended_by_signals(), user_errors():
        names = {item.name for item in fields(Arguments)}
        is_own = lambda text: text.partition("=")[0] in names or text.startswith(("-", "help"))  # noqa: E731
        arguments, _ = parse(Arguments, [text for text in sys.argv[1:] if is_own(text)])
        overrides = [text for text in sys.argv[1:] if not is_own(text)]
        check(arguments, overrides)
        augment(arguments, overrides)


def check(arguments: Arguments, overrides: list[str]) -> None:
    """Raise `SettingError` for what cannot be, before any work."""
    from ganworks.augmentation.fakes import FILTERS
    from ganworks.augmentation.write import check_out
    from ganworks.run.check import GENERAL
    from ganworks.run.compose import GROUPS

    check_choice("filter", arguments.filter, FILTERS)
    check_range("ratio", arguments.ratio, 0.01, 0.9)
    for name, least in (("seeds", 2), ("fakes", 1), ("num_updates", 1)):
        check_count(name, getattr(arguments, name), at_least=least)
    if arguments.per_class is not None:
        check_count("per_class", arguments.per_class)
    if arguments.run is not None and overrides:
        name, _, value = overrides[0].partition("=")
        raise SettingError(name, value, "left out beside run=, which has its own settings")
    for name in (text.partition("=")[0] for text in overrides):
        # A group or a setting of the recipe is composed, and judged, later: here only what was meant for this command.
        if name not in (*GROUPS, *GENERAL) and (meant := nearest(name, [f.name for f in fields(Arguments)])):
            raise GanworksError(f"there is no setting {name!r}. Did you mean {meant!r}?")
    if any(text.startswith("seed=") for text in overrides):
        raise SettingError("seed", "", "left out: seeds= says how many there are, from 0 up")
    check_out(Path(arguments.out))


def augment(arguments: Arguments, overrides: list[str]) -> None:
    """Train, draw, filter, measure, write and say what came out."""
    from ganworks.augmentation.lines import LINES
    from ganworks.augmentation.measure import measure
    from ganworks.augmentation.table import Accuracies
    from ganworks.run.log import log_to_terminal

    log_to_terminal()
    values: dict[str, dict[str, list[float]]] = {line: {} for line in LINES}
    first: tuple[FewLabels, Trial, Outcome] | None = None
    for number, begin in enumerate(trials(arguments, overrides)):
        log.info("seed %d of %d", number, arguments.seeds)
        data, trial = begin()
        outcome = measure(trial, arguments.ratio, arguments.num_updates, arguments.filter)
        for line, by_group in outcome.accuracies.items():
            for group, value in by_group.items():
                values[line].setdefault(group, []).append(value)
        first = first or (data, trial, outcome)
    assert first is not None
    write(arguments, overrides, Accuracies(values, is_one_gan=arguments.run is not None), *first)


def trials(arguments: Arguments, overrides: list[str]) -> Iterator[Callable[[], tuple[FewLabels, Trial]]]:
    """Return what begins the trial of each seed; bad data and settings end here, before the first GAN."""
    from ganworks.augmentation.source import (
        Wanted,
        check_scored,
        checked,
        configured,
        data_of,
        existing,
        trained,
    )
    from ganworks.augmentation.write import check_outside

    wanted = Wanted(arguments.per_class, arguments.held_out, arguments.test, arguments.fakes)
    if arguments.run is not None:
        run = Path(arguments.run)
        data = data_of(run, wanted, arguments.trust)
        check_scored(arguments.filter, None, run)
        check_outside(Path(arguments.out), data)
        return existing(data, run, wanted, arguments.seeds, arguments.trust)
    config = configured(overrides, wanted, seed=0)
    check_scored(arguments.filter, config, None)
    check_outside(Path(arguments.out), checked(config))
    folder = Path(config.paths.runs) / str(config.name) / time.strftime("%Y-%m-%d_%H-%M-%S")
    return trained(overrides, wanted, arguments.seeds, folder)


def write(
    arguments: Arguments,
    overrides: list[str],
    accuracies: Accuracies,
    data: FewLabels,
    trial: Trial,
    outcome: Outcome,
) -> None:
    """Write the folder, the figures and the picture; print the table and the verdict."""
    from rich.console import Console

    from ganworks.augmentation.picture import picture
    from ganworks.augmentation.source import num_labelled
    from ganworks.augmentation.write import beside, write_folder, write_json
    from ganworks.picture.samples import save_image

    out = Path(arguments.out)
    num = write_folder(out, trial.real, outcome.fake, trial.names, getattr(data.kind, "dtype", "uint8"))
    figures: dict[str, Any] = {"lines": accuracies.plain(), "verdict": accuracies.verdict()}
    figures["labelled"] = num_labelled(data)
    figures |= {"num_tested": len(trial.test.labels), "small": [trial.names[label] for label in trial.small]}
    figures["settings"] = {**asdict(arguments), "overrides": overrides}
    write_json(beside(out, ".json"), figures)
    save_image(picture(accuracies, trial.real, outcome.fake, trial.names), beside(out, ".png"))
    title = f"Accuracy on {len(trial.test.labels)} held-out real images, {arguments.seeds} seeds"
    Console(width=max(100, Console().width)).print(accuracies.table(title))
    for line in accuracies.verdict():
        print(line)
    print(f"{num} images in {relative_path(out)}, figures in {relative_path(beside(out, '.json'))} and .png")


if __name__ == "__main__":
    main()
