"""`resume=RUN_DIR`: the run's own configuration, its last checkpoint, and on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganworks.cli.errors import place
from ganworks.errors import GanworksError, SettingError, nearest
from ganworks.optimizer import build
from ganworks.run.fit import Outcome, fit
from ganworks.run.resolvers import register
from ganworks.sample.sampler import check_weights, read_checkpoint, siblings
from ganworks.task import ManualTask

PARTS = ("seed", "num_images", "trainer", "metric", "model", "optimizer", "task", "callback", "data", "loss")


def resume(path: str, overrides: list[str], launched_at: float) -> Outcome:
    """Continue the run directory or checkpoint at ``path``; ``overrides`` may change values, not groups."""
    run_dir, checkpoint = locate(Path(path))
    config = read_config(run_dir)
    change(config, overrides)
    return fit(config, run_dir, launched_at, checkpoint)


def locate(path: Path) -> tuple[Path, Path]:
    """Return the run directory and the checkpoint that ``path`` stands for."""
    if not path.exists():
        raise SettingError("resume", path, "an existing run directory or checkpoint", siblings(path))
    if path.is_file():
        return path.parent.parent, path
    checkpoint = path / "checkpoints" / "last.ckpt"
    if not (path / "config.yaml").exists():
        raise SettingError(
            "resume", path, "a run directory, with config.yaml and checkpoints/last.ckpt in it"
        )
    if not checkpoint.exists():
        raise SettingError(
            "resume",
            path,
            "a run with checkpoints/last.ckpt: this one ended before its first checkpoint, start it anew",
        )
    return path, checkpoint


def read_config(run_dir: Path) -> DictConfig:
    """Return the configuration of ``run_dir``, which admits no new names."""
    register()
    try:
        config = OmegaConf.load(run_dir / "config.yaml")
    except OSError as error:
        raise SettingError("resume", run_dir, "a run directory with config.yaml in it") from error
    except Exception as error:
        raise GanworksError(f"{run_dir / 'config.yaml'} is damaged: {str(error).splitlines()[0]}") from error
    if not isinstance(config, DictConfig):
        raise GanworksError(f"{run_dir / 'config.yaml'} is damaged: it holds no settings")
    if missing := [name for name in PARTS if name not in config]:
        raise GanworksError(f"{run_dir / 'config.yaml'} is damaged: it has no {', '.join(missing)}")
    OmegaConf.set_struct(config, True)
    return config


def change(config: DictConfig, overrides: list[str]) -> None:
    """Apply ``key=value`` overrides to the settings of a run."""
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
        try:
            OmegaConf.update(config, key, value)
        except OmegaConfBaseException as error:
            raise SettingError(key, value, str(error).splitlines()[0]) from error


def check_checkpoint(path: Path, task: ManualTask) -> int:
    """Return the images that the run has seen.

    Raises:
        GanworksError: the checkpoint is damaged, or its networks differ from the task's.
    """
    checkpoint = read_checkpoint(path)
    if "state_dict" not in checkpoint or "time" not in checkpoint:
        raise GanworksError(f"{path} was not written by ganworks.")
    check_weights(task.state_dict(), checkpoint["state_dict"], str(path))
    check_trained(task, checkpoint["optimizer_states"])
    images_seen: int = checkpoint["time"]["images_seen"]
    if images_seen >= task.num_images:
        raise SettingError(
            "num_images", task.num_images, f"more than the {images_seen:,} images that the run has seen"
        )
    return images_seen


def check_trained(task: ManualTask, states: list[dict[str, Any]]) -> None:
    """Raise `SettingError` where other parameters are frozen than those of the checkpoint's optimizers."""
    for (role, player), state in zip(task.players.items(), states, strict=True):
        groups = build(task.optimizer_factories[role], player).param_groups
        now, before = (
            sum(len(group["params"]) for group in each) for each in (groups, state["param_groups"])
        )
        if now != before:
            allowed = (
                f"as it was: {before} tensors of the {role} were trained, not {now}. A new run that starts from this"
                " one's weights (init_from=) may freeze others"
            )
            raise SettingError(f"task.freeze.{role}", task.freeze_patterns.get(role), allowed)
