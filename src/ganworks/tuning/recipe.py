"""Write the best point of a study as an experiment that `train.py` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from ganworks.run.compose import GROUPS, compose
from ganworks.staged import write_text
from ganworks.tuning.search import common_overrides
from ganworks.tuning.settings import Settings

OWN = {"name", "logger", "paths", "hydra", "tags", "dry_run", "resume"}  # of a study, not of a recipe
OPTIONS = tuple(group for group in GROUPS if group not in OWN)


def write_recipe(settings: Settings, overrides: list[str], figures: str) -> list[Path]:
    """Write `<study>_best.yaml` to the study's folder and, in a repository, to `conf/experiment`.

    Args:
        overrides: of the best trial.
        figures: a line on what it reached.
    """
    content = recipe(settings, overrides, figures)
    folders = [settings.folder / "conf" / "experiment"]
    if (here := Path("conf") / "experiment").is_dir():
        folders.append(here)
    paths = [folder / f"{settings.name}_best.yaml" for folder in folders]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, content)
    return paths


def recipe(settings: Settings, overrides: list[str], figures: str) -> str:
    """Return the experiment as YAML: the groups in its defaults list, the values below."""
    overrides = [o for o in (*common_overrides(settings), *overrides) if o.partition(".")[0] not in OWN]
    parsed = OverridesParser.create().parse_overrides(overrides)
    base = [o.value() for o in parsed if o.key_or_group == "experiment" and o.value() not in (None, "null")]
    folders = settings.flags[1:]
    config = compose(overrides, folders=folders, with_hydra=True)
    plain = compose([f"experiment={name}" for name in base], folders=folders, with_hydra=True)
    values: dict[str, Any] = {}
    for override in parsed:
        key = override.key_or_group
        if key.partition(".")[0] in OWN or key in (*OPTIONS, "experiment", "debug", "metric.every_images"):
            continue
        nest(values, *whole(config, key))
    body: dict[str, Any] = {
        "defaults": [*base, *choices(config, plain), "_self_"],
        "name": f"{settings.name}_best",
        **values,
    }
    head = f"# @package _global_\n# python train.py experiment={settings.name}_best\n# {figures}\n"
    return head + yaml.safe_dump(body, sort_keys=False, default_flow_style=None)


def choices(config: DictConfig, plain: DictConfig) -> list[dict[str, str]]:
    """Return the entries of a defaults list for the groups that ``config`` chose otherwise than ``plain``."""
    chosen, before = config.hydra.runtime.choices, plain.hydra.runtime.choices
    return [{f"override /{g}": chosen[g]} for g in OPTIONS if chosen[g] != before[g]]


def whole(config: DictConfig, key: str) -> tuple[str, Any]:
    """Return ``key`` and its value; the whole list where the key is the place in one."""
    parent, _, last = key.rpartition(".")
    key = parent if last.isdigit() else key
    value = OmegaConf.select(config, key)
    return key, OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def nest(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put ``value`` at the dotted ``key`` of a tree of mappings."""
    *parents, last = key.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[last] = value
