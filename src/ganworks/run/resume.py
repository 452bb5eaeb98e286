"""`resume=RUN_DIR`: the run's own configuration, its last checkpoint, and on."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganworks.errors import GanworksError, SettingError, nearest
from ganworks.run.explain import place
from ganworks.run.fit import Outcome, fit
from ganworks.run.resolvers import register
from ganworks.sample.loading import PREVIOUS, damage_of, last_checkpoint, read_checkpoint, siblings
from ganworks.trust import trusted_packages, vetted

log = logging.getLogger(__name__)
PARTS = ("seed", "num_images", "trainer", "metric", "model", "optimizer", "task", "callback", "data", "loss")


def resume(path: str, overrides: list[str], launched_at: float) -> Outcome:
    """Continue the run directory or checkpoint at ``path``; ``overrides`` may change values, not groups.

    Among the overrides ``trust=PACKAGE`` names packages that the run's own configuration may use; see `ganworks.trust`.
    """
    trust = [override.removeprefix("trust=") for override in overrides if override.startswith("trust=")]
    run_dir, checkpoint = locate(Path(path))
    config = read_config(run_dir, trusted_packages(",".join(trust)))
    changed = change(config, [override for override in overrides if not override.startswith("trust=")])
    if Path(path).is_dir() and was_killed_at_its_end(run_dir, checkpoint, config.num_images):
        log.warning("the run was killed behind its last checkpoint: its last stretch is trained again")
        checkpoint = checkpoint.with_name(PREVIOUS)
    return fit(config, run_dir, launched_at, checkpoint, changed)


def was_killed_at_its_end(run_dir: Path, checkpoint: Path, num_images: float) -> bool:
    """Return whether a run is trained to its end, but was killed before it could say so, and can take a step back."""
    try:
        status = json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))["status"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    previous = checkpoint.with_name(PREVIOUS)
    if status != "running" or checkpoint == previous or damage_of(previous) is not None:
        return False
    return bool(read_checkpoint(checkpoint).get("time", {}).get("images_seen", 0) >= num_images)


def locate(path: Path) -> tuple[Path, Path]:
    """Return the run directory and the checkpoint that ``path`` stands for."""
    if not path.exists():
        raise SettingError("resume", path, "an existing run directory or checkpoint", siblings(path))
    if path.is_file():
        return path.parent.parent, path
    if not (path / "config.yaml").is_file():
        raise SettingError(
            "resume", path, "a run directory, with config.yaml and checkpoints/last.ckpt in it"
        )
    checkpoint = last_checkpoint(path)
    if checkpoint is None:
        raise SettingError(
            "resume",
            path,
            "a run with checkpoints/last.ckpt: this one ended before its first checkpoint, start it anew",
        )
    return path, checkpoint


def read_config(run_dir: Path, trusted: frozenset[str] | None) -> DictConfig:
    """Return the configuration of ``run_dir``, which admits no new names.

    Args:
        trusted: packages that it may name; None where this command wrote it, and it may name all.
    """
    register()
    try:
        if not (run_dir / "config.yaml").is_file():
            raise FileNotFoundError
        config = OmegaConf.load(run_dir / "config.yaml")
    except OSError as error:
        raise SettingError("resume", run_dir, "a run directory with config.yaml in it") from error
    except Exception as error:
        raise GanworksError(f"{run_dir / 'config.yaml'} is damaged: {str(error).splitlines()[0]}") from error
    if not isinstance(config, DictConfig):
        raise GanworksError(f"{run_dir / 'config.yaml'} is damaged: it holds no settings")
    if missing := [name for name in PARTS if name not in config]:
        raise GanworksError(f"{run_dir / 'config.yaml'} is damaged: it has no {', '.join(missing)}")
    if trusted is not None:
        with damaged_where_it_fails(run_dir / "config.yaml"):
            config = vetted(config, run_dir / "config.yaml", trusted)
    OmegaConf.set_struct(config, True)
    return config


@contextmanager
def damaged_where_it_fails(file: Path) -> Iterator[None]:
    """Raise `GanworksError` that calls ``file`` damaged where its references cannot be resolved."""
    try:
        yield
    except GanworksError:
        raise
    except Exception as error:
        raise GanworksError(f"{file} is damaged: {str(error).splitlines()[0]}") from error


def change(config: DictConfig, overrides: list[str]) -> list[str]:
    """Apply ``key=value`` overrides to the settings of a run; return in words what each changes."""
    changed = []
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_sweep_override():
            raise GanworksError(f"{override.input_line}: a resumed run takes one value of a setting.")
        key, value = override.key_or_group, override.value()
        if key == "init_from":
            raise SettingError(
                key, value, "left out beside resume=, which goes on with the run's own weights"
            )
        parent, name, names = place(key, config)
        if name not in names:
            hint = f" Did you mean {nearest(name, names)!r}?" if nearest(name, names) else ""
            raise GanworksError(
                f"there is no setting {key!r} in the run; {parent or 'it'} has {', '.join(names)}.{hint}"
            )
        if isinstance(OmegaConf.select(config, key), DictConfig):
            raise SettingError(
                key, value, "left as it is: a resumed run keeps its groups, single values may change"
            )
        before = OmegaConf.select(config, key)
        try:
            OmegaConf.update(config, key, value)
        except OmegaConfBaseException as error:
            raise SettingError(key, value, str(error).splitlines()[0]) from error
        changed.append(f"{key}: {before} -> {value}")
    return changed
