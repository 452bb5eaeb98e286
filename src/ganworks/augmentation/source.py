"""Where the labelled images and the fakes come from: data and a GAN of each seed's own, or a run that exists."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import Tensor

from ganworks.augmentation.fakes import Score, draw_fakes
from ganworks.augmentation.lines import Labelled
from ganworks.augmentation.measure import Trial
from ganworks.data import FewLabels, GanDataModule
from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.run.build import build_task
from ganworks.run.compose import compose
from ganworks.run.instantiate import make
from ganworks.run.resume import read_config
from ganworks.run.start import start
from ganworks.sample.loading import last_checkpoint, load_generator, read_checkpoint
from ganworks.trust import trusted_packages

FEW = f"{FewLabels.__module__}.{FewLabels.__qualname__}"
WRAPPED = ("batch_size", "shape", "num_classes", "horizontal_flip", "vertical_flip", "min_batches")
IMAGES = "images with one class each: a folder of folders, or a data set with labels"


@dataclass(frozen=True)
class Wanted:
    """What the labelled images are to be.

    Args:
        per_class: of each class; None takes what the data say.
        held_out: share of each class that is kept apart; None takes what the data say.
        test: folder of held-out images by class, or None.
        num_fakes: of each class that gets some.
    """

    per_class: int | None
    held_out: float | None
    test: str | None
    num_fakes: int


def configured(overrides: Sequence[str], wanted: Wanted, seed: int) -> DictConfig:
    """Return the configuration of the GAN of one seed: `few_labels` with ``overrides``, on few labels of the data."""
    named = {override.partition("=")[0] for override in overrides}
    defaults = [
        f"{name}={value}"
        for name, value in (("experiment", "few_labels"), ("metric", "none"), ("callback", "basic"))
        if name not in named
    ]
    config = compose([*defaults, *overrides, f"seed={seed}"])
    if config.trainer.devices != 1:
        raise SettingError("trainer.devices", config.trainer.devices, "1: this command trains on one device")
    with open_dict(config):
        if config.data.get("_target_") not in (FEW, "ganworks.data.FewLabels"):
            config.data = wrapped(config.data)
        for name, value in (("per_class", wanted.per_class), ("held_out", wanted.held_out)):
            if value is not None:
                config.data[name] = value
        if wanted.test is not None:
            config.data.test = test_node(config, wanted.test)
    return config


def wrapped(node: DictConfig) -> DictConfig:
    """Return the settings of `FewLabels` around those of a data set, whose references are resolved first."""
    source = cast(dict[str, Any], OmegaConf.to_container(node, resolve=True))
    few: dict[str, Any] = {name: source[name] for name in WRAPPED if name in source}
    return OmegaConf.create(
        {"_target_": "ganworks.data.FewLabels", "source": source, **few, "seed": "${seed}"}
    )


def test_node(config: DictConfig, root: str) -> DictConfig:
    """Return the settings of the folder ``root`` with images as those that are trained on."""
    source = cast(dict[str, Any], OmegaConf.to_container(config.data.source, resolve=True))
    node = cast(dict[str, Any], OmegaConf.to_container(compose(["data=folder"]).data, resolve=True))
    alike: dict[str, Any] = {
        name: source[name]
        for name in ("resolution", "channels", "value_range", "fit", "background", "dtype", "pages")
        if name in source
    }
    node |= {**alike, "shape": None, "root": root, "split": "all"}
    return OmegaConf.create(node)


def trained(
    overrides: Sequence[str], wanted: Wanted, num_seeds: int, folder: Path
) -> Iterator[Callable[[], tuple[FewLabels, Trial]]]:
    """Yield for each seed what trains its GAN in ``folder`` and returns its data and its trial.

    Raises:
        GanworksError: a GAN that did not finish.
    """
    for seed in range(num_seeds):
        yield partial(_trained, overrides, wanted, seed, folder)


def _trained(overrides: Sequence[str], wanted: Wanted, seed: int, folder: Path) -> tuple[FewLabels, Trial]:
    config = configured(overrides, wanted, seed)
    run_dir = folder / f"seed_{seed}"
    outcome = start(config, run_dir, time.time())
    if outcome.status != "finished":
        raise GanworksError(f"the GAN of seed {seed} did not finish: {outcome.status}. See {run_dir}.")
    data = checked(config)
    return data, trial(data, run_dir, wanted, seed)


def checked(config: DictConfig) -> FewLabels:
    """Return the data of a configuration, prepared; raise where they are no images with one class each."""
    with setting_path(renamed={"data.test": "test"}):
        data = make("data", config.data)
        with setting_path("data"):
            data.check()
            if not data.kind.is_image or data.label_kind != "class":
                raise SettingError("data", type(data).__name__, IMAGES)
            assert isinstance(data, FewLabels)
            len(data.reference)
    return data


def trial(data: FewLabels, run: Path, wanted: Wanted, seed: int, trust: Any = None) -> Trial:
    """Return the trial of one seed: labelled and held-out images of ``data``, fakes of ``run``."""
    sampler = load_generator(run, trust=trust)
    fake = draw_fakes(sampler, data.small, wanted.num_fakes, seed)
    names = [str(name) for name in data.classes or range(data.num_classes)]
    real, test = Labelled(*data.labelled), Labelled(*data.tested)
    return Trial(real, test, fake, data.small, names, seed, score_of(run, trust))


def existing(
    data: FewLabels, run: Path, wanted: Wanted, num_seeds: int, trust: str | None
) -> Iterator[Callable[[], tuple[FewLabels, Trial]]]:
    """Yield for each seed what returns the data of a conditional run and its trial: the GAN is the same in all."""
    for seed in range(num_seeds):
        yield partial(_drawn, data, run, wanted, seed, trust)


def _drawn(
    data: FewLabels, run: Path, wanted: Wanted, seed: int, trust: str | None
) -> tuple[FewLabels, Trial]:
    return data, trial(data, run, wanted, seed, trust)


def data_of(run: Path, wanted: Wanted, trust: str | None) -> FewLabels:
    """Return the labelled and the held-out images of a run.

    Raises:
        SettingError: it is no conditional run on images, or holds no images out to measure on.
    """
    with setting_path(renamed={"resume": "run"}):
        config = read_config(run, trusted_packages(trust))
    if not config.model.get("conditional"):
        raise SettingError("run", run, "a conditional run (model.conditional=true): its fakes need a class")
    for name, value in (("per_class", wanted.per_class), ("held_out", wanted.held_out)):
        if value is not None:
            raise SettingError(
                name, value, "left out beside run=: it has its labelled and its held-out images"
            )
    with open_dict(config):
        if config.data._target_ not in (FEW, "ganworks.data.FewLabels"):
            config.data = wrapped(config.data)
            config.data.held_out = 0.0  # the GAN has seen them all
        if wanted.test is not None:
            config.data.test = test_node(config, wanted.test)
    try:
        data = checked(config)
        check_seen(data, run)
        return data
    except SettingError as error:
        if error.setting != "data.per_class":
            raise
        allowed = (
            "a run whose data hold images out (data=digits_few), or given with test=FOLDER, images by class"
        )
        raise SettingError("run", run, allowed) from error


def check_seen(data: FewLabels, run: Path) -> None:
    """Let ``data`` draw the labelled images that a run has seen; raise where its files are others by now."""
    path = last_checkpoint(run) if run.is_dir() else None
    checkpoint = {} if path is None else read_checkpoint(path)
    each: GanDataModule
    for each in (data, data.source):
        if (state := checkpoint.get(type(each).__qualname__)) is not None:
            try:
                each.check_same(state)
            except SettingError as error:
                how = error.allowed.partition(": ")[2] or error.allowed
                raise GanworksError(f"the data are others than {run} was trained on: {how}.") from error
            return


def score_of(run: Path, trust: Any = None) -> Score | None:
    """Return the discriminator's logits of images and their classes; None of what is no run directory."""
    path = last_checkpoint(run) if run.is_dir() else None
    if path is None or not (run / "config.yaml").is_file():
        return None
    task: Any = build_task(read_config(run, trusted_packages(trust)))
    task.load_state_dict(read_checkpoint(path)["state_dict"])
    task.eval()

    @torch.no_grad()
    def score(images: Tensor, labels: Tensor) -> Tensor:
        batch = {"real": images, "label": labels}
        logits: Tensor = task.look(task.critics[0], batch, images, labels)
        return logits.flatten(1).mean(1) if logits.dim() > 1 else logits

    return score


def check_scored(keep: str, config: DictConfig | None, run: Path | None) -> None:
    """Raise `SettingError` where the fakes are to be filtered by a discriminator, and none will be there."""
    if keep != "discriminator":
        return
    if run is not None and (
        not run.is_dir() or last_checkpoint(run) is None or not (run / "config.yaml").is_file()
    ):
        raise SettingError(
            "filter", keep, f"classifier or none: {run} has no checkpoint with a discriminator"
        )
    if config is not None and not (config.get("callback") or {}).get("checkpoint"):
        raise SettingError(
            "filter", keep, "classifier or none: the GANs keep no checkpoint (callback.checkpoint)"
        )


def num_labelled(data: GanDataModule) -> dict[str, int]:
    """Return how many labelled images each class has."""
    assert isinstance(data, FewLabels)
    names = data.classes or range(data.num_classes)
    return {str(name): len(rows) for name, rows in zip(names, data.rows, strict=True)}
