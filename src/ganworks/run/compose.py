"""The one place that composes a configuration from the files of conf/ and `name=value` overrides."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict

from ganworks.errors import SettingError
from ganworks.run.explain import explained, options_of
from ganworks.run.resolvers import register

# Groups whose choice leaves the tuned recipe out: conf/bare.yaml
PARTS = ("experiment", "data", "model", "loss", "regularizer", "augment", "optimizer", "task")
GROUPS = (*PARTS[1:], "metric", "callback", "logger", "trainer")  # every run has an option of each
NO_EXPERIMENT = "experiment=null"  # not for Hydra, which takes no null for a group
LOCAL = "GANWORKS_LOCAL"  # the environment variable that chooses a file of conf/local/; empty for none
CONF = "ganworks.conf"  # the module with the files of conf/
VERSION = "1.3"  # of Hydra, whose rules of composing hold


def compose(
    overrides: Sequence[str] = (), name: str = "train", folders: Sequence[str] = (), with_hydra: bool = False
) -> DictConfig:
    """Return the configuration that ``overrides`` make of conf/<name>.yaml; it admits no new names.

    Args:
        overrides: as on a command line: ``loss=hinge``, ``task.n_critic=2``.
        name: the file to start from: ``train``, the plain defaults of a run; what `primary_config` returns, to get
            what `python train.py` would; ``tune``, the defaults of a search.
        folders: with options of the user's own, as ``--config-dir`` names one.
        with_hydra: keep the node ``hydra``, which knows what was chosen of each group.

    Raises:
        GanworksError: an option or a setting that is not there; it names the nearest.
    """
    overrides = with_folders(overrides if name == "tune" else with_local(overrides), folders)
    with explained(overrides, lambda: settings_around(overrides, name)):
        config = composed(overrides, name)
        with open_dict(config):
            config.name = config.name  # it names the options that were chosen, which hydra alone knows
            if "label" in config:
                config.label = config.label
            if not with_hydra:
                del config.hydra
    return config


def primary_config(arguments: Sequence[str]) -> str:
    """Return which file of conf/ a command line of `train.py` starts from: ``bare``, or ``train`` if it chooses a part.

    >>> primary_config(["seed=1", "model.width=8"]), primary_config(["loss=hinge"])
    ('bare', 'train')
    """
    chosen = {group_of(argument) for argument in arguments if argument != "data=digits"}
    return "train" if chosen & set(PARTS) else "bare"


def settings_around(overrides: Sequence[str], name: str = "train") -> DictConfig:
    """Return the settings that there are with the options that ``overrides`` choose.

    Where these options can't be had, or a sweep has several of them, the settings of conf/<name>.yaml.
    """
    chosen = [o for o in overrides if options_of(group_of(o)) or o.startswith("hydra.searchpath=")]
    try:
        return composed(chosen, name)
    except (HydraException, ValueError):
        return composed([], name)


def group_of(override: str) -> str:
    """Return the group, or the dotted setting, that an override is about."""
    return override.lstrip("+~").partition("=")[0]


def with_folders(overrides: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Return the overrides in a form that Hydra composes."""
    taken = [override for override in overrides if override != NO_EXPERIMENT]
    places = [quoted(f"file://{Path(folder).as_posix()}") for folder in folders]
    return [*taken, *(f"hydra.searchpath=[{place}]" for place in places)]


def with_local(overrides: Sequence[str]) -> list[str]:
    """Return the overrides with the settings of this machine that GANWORKS_LOCAL chooses, where they choose none.

    >>> with_local(["seed=1", "local=null"])
    ['seed=1', 'local=none']
    """
    taken = ["local=none" if override in ("local=null", "~local") else override for override in overrides]
    chosen = os.environ.get(LOCAL)
    if chosen is None or "local" in map(group_of, taken):
        return taken
    return [*taken, f"local={chosen if chosen not in ('', 'null') else 'none'}"]


def check_local(hydra_config: Any) -> None:
    """Raise `SettingError` where the choice of ``local`` is no file of conf/local/, or of a user's own folder local/.

    The option is optional, because ``default`` need not be there: Hydra itself takes any name for it.
    """
    choice = hydra_config.runtime.choices.get("local")
    folders = [Path(s.path) / "local" for s in hydra_config.runtime.config_sources if s.schema == "file"]
    names = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    options = sorted(names.union(options_of("local")))
    if choice not in (None, "default", *options):
        raise SettingError("local", choice, f"one of {', '.join(options)}", options)


def quoted(text: str) -> str:
    """Return a text as the value of an override, whatever letters it has.

    >>> print(quoted("it's [here]"))
    'it\\'s [here]'
    """
    # A backslash stands for itself unless a quote follows it.
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), text)
    return f"'{escaped}'"


def composed(overrides: Sequence[str], name: str) -> DictConfig:
    """Return what Hydra composes, with the node ``hydra``."""
    register()
    with hydra.initialize_config_module(CONF, version_base=VERSION):
        config = hydra.compose(name, list(overrides), return_hydra_config=True)
        check_local(config.hydra)
        return config
