"""The settings of a study, read from the group `tune` and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganworks.errors import SettingError, check_choice, check_count
from ganworks.run.values import checked_value
from ganworks.tuning.parse import parse_space
from ganworks.tuning.space import Space

TYPES = {
    **dict.fromkeys(("name", "objective", "direction", "sampler"), str),
    **dict.fromkeys(("storage", "pruner"), str | None),
    **dict.fromkeys(
        ("num_trials", "workers", "seed", "startup_trials", "reduction_factor", "num_rungs"), int
    ),
    **dict.fromkeys(("top_k", "num_seeds", "max_crashes", "max_retries", "heartbeat_seconds"), int),
    "evaluations": int | None,
    "objective_mean_of": int,
    "fixed": list[str] | None,
    **dict.fromkeys(("space", "enqueue", "stages"), dict[str, Any] | None),
    "collapse": dict[str, float] | None,
    **dict.fromkeys(("report", "dry_run"), bool),
}
SAMPLERS = ("tpe", "random")
STAGE = ("share", "space", "enqueue", "fixed")
PRUNERS = ("successive_halving", "hyperband", "median", "none")


@dataclass(frozen=True)
class Stage:
    """A part of the search with a space of its own, which starts from the best trial of the stage before."""

    name: str
    num_trials: int
    space: Space
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What a study is; `conf/tune.yaml` says what each setting means.

    Attributes:
        folder: of the study, absolute.
        overrides: of every trial: those of the space and those of the command line.
        flags: ``--config-dir`` and its value, handed on to `train.py`.
        objective_mean_of: evaluations at a trial's end whose mean is its figure.
        num_images: length of a trial, known once a point has been composed.
        command: the command line that started the search.
    """

    name: str
    folder: Path
    objective: str
    direction: str
    num_trials: int
    workers: int
    storage: str
    seed: int
    stages: tuple[Stage, ...]
    overrides: tuple[str, ...]
    flags: tuple[str, ...]
    collapse: Mapping[str, float]
    sampler: str
    startup_trials: int
    pruner: str
    reduction_factor: int
    num_rungs: int
    evaluations: int
    top_k: int
    num_seeds: int
    max_crashes: int
    max_retries: int
    heartbeat_seconds: int
    objective_mean_of: int = 1
    num_images: int = 0
    command: str = ""

    @property
    def every_images(self) -> int:
        """Images between two evaluations of a trial."""
        return math.ceil(self.num_images / self.evaluations)

    @property
    def column(self) -> str:
        """The column of metrics.csv that is searched for."""
        return f"metric/{self.objective}"


def read_settings(config: DictConfig, overrides: list[str], flags: list[str]) -> Settings:
    """Return the settings of ``config``; ``overrides`` are those of every trial from the command line.

    Raises:
        SettingError: the first setting that can't be right.
    """
    values: Any = OmegaConf.to_container(config, resolve=True)
    if not values.get("objective"):
        raise SettingError("objective", "", "given: a figure of the trials' metric, such as fd_digits")
    for name, kind in TYPES.items():
        values[name] = checked_value(name, values.get(name), kind)  # ~enqueue takes a setting away
    checked_value("paths.runs", values["paths"]["runs"], Path)
    counts = ("num_trials", "workers", "evaluations", "objective_mean_of", "heartbeat_seconds", "max_crashes")
    for name in (*counts, "num_rungs"):
        if values[name] is not None:
            check_count(name, values[name])
    for name in ("seed", "top_k", "num_seeds", "max_retries", "startup_trials"):
        check_count(name, values[name], at_least=0)
    check_count("reduction_factor", values["reduction_factor"], at_least=2)
    check_choice("direction", str(values["direction"]), ("minimize", "maximize"))
    check_choice("sampler", str(values["sampler"]), SAMPLERS)
    values["pruner"] = check_choice("pruner", str(values["pruner"] or "none"), PRUNERS)
    folder = Path(values["paths"]["runs"]).absolute() / "tune" / name_of(values["name"])
    kept = (
        "name",
        "objective",
        "direction",
        "num_trials",
        "workers",
        "seed",
        "sampler",
        "startup_trials",
        "pruner",
        "reduction_factor",
        "num_rungs",
        "top_k",
        "num_seeds",
        "max_crashes",
        "max_retries",
        "heartbeat_seconds",
        "objective_mean_of",
    )
    return Settings(
        **{name: values[name] for name in kept},
        folder=folder,
        storage=values["storage"] or f"sqlite:///{folder / 'study.db'}",
        stages=read_stages(values),
        overrides=(*map(str, values["fixed"] or ()), *overrides),
        flags=tuple(flags),
        collapse=dict(values["collapse"] or {}),
        evaluations=values["evaluations"] or values["reduction_factor"] ** (values["num_rungs"] - 1),
    )


def name_of(name: Any) -> str:
    """Return the name of a study, which names its folder, its experiment and its W&B group."""
    if not isinstance(name, str) or not name.replace("_", "").replace("-", "").replace(".", "").isalnum():
        raise SettingError("name", name, "a word of letters, digits, '_', '-' and '.'")
    return name


def read_stages(values: Mapping[str, Any]) -> tuple[Stage, ...]:
    """Return the stages of a search: one where it has only a `space`."""
    if bool(values["space"]) == bool(values["stages"]):
        allowed = "given: what is searched (or stages, a search in steps; not both)"
        raise SettingError("space", "", allowed)
    if values["space"]:
        space = parse_space("space", values["space"], values.get("enqueue"))
        return (Stage("search", values["num_trials"], space),)
    shares, stages = {}, []
    for name, node in values["stages"].items():
        if unknown := [word for word in node if word not in STAGE]:
            raise SettingError(f"stages.{name}", unknown[0], f"made of {', '.join(STAGE)}", STAGE)
        shares[name] = float(node.get("share", 1 / len(values["stages"])))
    for name, num_trials in split(values["num_trials"], shares).items():
        node = values["stages"][name]
        space = parse_space(f"stages.{name}.space", node.get("space"), node.get("enqueue"))
        stages.append(Stage(str(name), num_trials, space, tuple(map(str, node.get("fixed") or ()))))
    return tuple(stages)


def split(num_trials: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Return the number of trials of each stage: its share, at least one; the last takes what is left.

    >>> split(30, {"normalisation": 0.4, "penalty": 0.6})
    {'normalisation': 12, 'penalty': 18}
    """
    if num_trials < len(shares):
        raise SettingError("num_trials", num_trials, f"at least one for each of {len(shares)} stages")
    total, counts, left = sum(shares.values()), {}, num_trials
    for index, (name, share) in enumerate(shares.items()):
        rest = len(shares) - index - 1
        count = left if rest == 0 else min(left - rest, max(1, round(num_trials * share / total)))
        counts[name], left = count, left - count
    return counts
