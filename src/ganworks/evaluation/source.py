"""What `evaluate.py` is pointed at: a run, one of its checkpoints, or a generator folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganworks.errors import GanworksError, SettingError, setting_path
from ganworks.run.compose import compose
from ganworks.run.resume import read_config
from ganworks.sample.hub import local_place
from ganworks.sample.loading import read_text
from ganworks.trust import trusted_packages

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ganworks.sample.sampler import Sampler


@dataclass(frozen=True)
class Source:
    """A generator, and the run that it is of.

    Args:
        weights: a run directory, a checkpoint or a generator folder.
        run_dir: of the run; None of a generator without one.
        trusted: packages that its files may name; see `ganworks.trust`.
    """

    weights: Path
    run_dir: Path | None
    trusted: frozenset[str] = frozenset()

    @classmethod
    def find(cls, run: str, checkpoint: str | None, trust: str | None = None) -> Source:
        """Return what the arguments ``run``, ``checkpoint`` and ``trust`` stand for.

        Raises:
            SettingError: nothing is there, or ``checkpoint`` is given beside something else than a run.
        """
        path = local_place(run)
        if not path.exists():
            siblings = map(str, path.parent.iterdir()) if path.parent.is_dir() else ()
            allowed = "an existing run directory, checkpoint or generator folder"
            raise SettingError("run", path, allowed, siblings)
        parents = (path.absolute().parents[1],) if path.is_file() else (path, path.absolute().parent)
        run_dir = next((folder for folder in parents if (folder / "config.yaml").is_file()), None)
        if path.is_dir() and run_dir != path and not (path / "model.safetensors").is_file():
            allowed = "a run directory, with config.yaml in it, a checkpoint or a generator folder"
            raise SettingError("run", path, allowed)
        if checkpoint and run_dir != path:
            raise SettingError("checkpoint", checkpoint, f"left out: run={run} is no run directory")
        weights = path / "checkpoints" / checkpoint if checkpoint else path
        return cls(weights, run_dir, trusted_packages(trust))

    def config(self, data: str | None, metric: str | None) -> DictConfig:
        """Return the run's settings with another data set or metric where they are named.

        Raises:
            SettingError: there is no run, and they are not named.
        """
        named = {"data": data, "metric": metric}
        if self.run_dir is None:
            for name in named:
                if not named[name]:
                    raise SettingError(
                        name, "", f"given, the name of an option: {self.weights} lies in no run that has one"
                    )
            return compose([f"{name}={option}" for name, option in named.items()])
        with setting_path(renamed={"resume": "run"}):
            config = read_config(self.run_dir, self.trusted)
        for name, option in named.items():
            if option:
                config[name] = compose([f"{name}={option}"])[name]
        return config

    def load(self, device: str) -> Sampler:
        """Return the averaged generator."""
        from ganworks.sample.loading import load_generator

        with setting_path(renamed={"path": "run" if self.weights.is_dir() else "checkpoint"}):
            return load_generator(self.weights, device, self.trusted)

    @property
    def num_evaluations(self) -> int:
        """How many evaluations the generator was picked from: those of the run, if it is the best checkpoint."""
        if self.run_dir is None or self.weights.name != "best.ckpt":
            return 1
        try:
            summary = json.loads(read_text(self.run_dir / "summary.json"))
            return int(summary["best"]["num_evaluations"])
        except (OSError, ValueError, KeyError, TypeError):
            return 1


def read_saved(path: Path) -> Mapping[str, Any]:
    """Return the figures and the contract of ``path``: a run directory, or a file that ``out=`` wrote.

    Raises:
        SettingError: nothing is there.
        GanworksError: the file holds no figures with a contract.
    """
    file = path / "summary.json" if path.is_dir() else path
    if not file.is_file():
        siblings = map(str, path.parent.iterdir()) if path.parent.is_dir() else ()
        allowed = "a run directory with summary.json in it, or a file that out= wrote"
        raise SettingError("against", path, allowed, siblings)
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        values = saved["values"] if "values" in saved else saved["metrics"]
        return {"values": dict(values), "contract": dict(saved["contract"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GanworksError(f"{file} holds no figures with a contract.") from error
