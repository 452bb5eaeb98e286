"""`task.teacher=`: the trained weights that a distillation begins with."""

from __future__ import annotations

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganworks.errors import GanworksError, SettingError
from ganworks.run.init_from import Source, locate, read
from ganworks.sample.loading import last_checkpoint, reason
from ganworks.task import DistilTask, ManualTask

SETTING = "task.teacher"
OWNERS = (
    "ema_generator",
    "generator",
)  # of a run, the first that there is: the average is what it samples with
INSIDE = ("network.", "module.")  # where a `FlowGenerator`, or a wrapper, has its network
STATES = ("state_dict", "model_state_dict", "ema", "model")  # where a file of torch.save may have the tensors


def teach(task: ManualTask, config: DictConfig) -> dict[str, str]:
    """Give the task of a new run its teacher's weights; return a line of the plan, or none.

    Makes the path absolute for config.yaml.

    Raises:
        GanworksError: there is no teacher, or it is another network.
    """
    if not isinstance(task, DistilTask):
        return {}
    forms = (
        "a trained teacher: a run directory, a folder of runs, a generator folder, .ckpt, .safetensors or .pt"
    )
    if config.task.teacher in (None, ""):
        raise SettingError(SETTING, "null", forms)
    path = Path(str(config.task.teacher)).expanduser()
    source = read_teacher(newest(path))
    task.take_teacher(network_of(source), str(source.path))
    OmegaConf.update(config, SETTING, str(path.resolve()))
    return {"teacher": f"{source} -> {', '.join(task.taught)}"}


def newest(path: Path) -> Path:
    """Return the newest run in a folder of runs; any other path as it is."""
    if not path.is_dir() or (path / "config.yaml").is_file() or (path / "checkpoints").is_dir():
        return path
    runs = [each.parent for each in path.glob("*/config.yaml") if last_checkpoint(each.parent) is not None]
    return max(runs, key=lambda run: run.name, default=path)


def read_teacher(path: Path) -> Source:
    """Return the weights at ``path``; a file of torch.save holds a state dict, of which no code is run."""
    file = locate(path, SETTING)
    if file.suffix.lower() not in (".pt", ".pth"):
        return read(file.resolve(), SETTING)
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises about anything
        raise GanworksError(f"{file} is no complete file of weights ({reason(error)}).") from error
    state = content if isinstance(content, dict) else {}
    state = next((state[name] for name in STATES if isinstance(state.get(name), dict)), state)
    if not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise GanworksError(f"{file} holds no state dict: names and tensors are wanted, by themselves.")
    return Source(file.resolve(), state)


def network_of(source: Source) -> dict[str, Tensor]:
    """Return the tensors of the teacher's network: those of a run's averaged generator, without its prefix."""
    parts = source.parts(OWNERS)
    weights = next(parts[name] for name in OWNERS if name in parts)
    for prefix in INSIDE:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights
