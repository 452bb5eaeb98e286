"""The next steps of an optimizer as functions of gradients, through which gradients pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ganworks.errors import SettingError

State = dict[str, Any]
Rule = Callable[[Tensor, Tensor, State, Mapping[str, Any]], tuple[Tensor, State]]
TINY = 1e-36  # added to no value that matters: a root has no slope at 0


class StepsAhead:
    """What an optimizer would do from here on; it stays as it is, and so do its parameters.

    Args:
        optimizer: `torch.optim.SGD`, `Adam` or `AdamW`, with the state that it has now.
        parameters: those that it moves, by name.

    Raises:
        SettingError: another optimizer, or an option that has no rule here.
    """

    def __init__(self, optimizer: Optimizer, parameters: Mapping[str, nn.Parameter]) -> None:
        self.rule = rule_of(optimizer)
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        self.groups = {name: groups[id(p)] for name, p in parameters.items() if id(p) in groups}
        # Each step makes tensors of its own, so that those of the optimizer are read alone.
        self.states: dict[str, State] = {
            name: dict(optimizer.state.get(parameters[name], {})) for name in self.groups
        }

    def step(self, values: Mapping[str, Tensor], gradients: Mapping[str, Tensor | None]) -> dict[str, Tensor]:
        """Return the values, by name, after one step along ``gradients``; None leaves a value."""
        moved = dict(values)
        for name, gradient in gradients.items():
            if gradient is not None:
                moved[name], self.states[name] = self.rule(
                    values[name], gradient, self.states[name], self.groups[name]
                )
        return moved


def rule_of(optimizer: Optimizer) -> Rule:
    """Return the rule of an optimizer's class."""
    plain = not any(group.get("amsgrad") or group.get("maximize") for group in optimizer.param_groups)
    rules: dict[type[Optimizer], Rule] = {SGD: sgd, Adam: adam, AdamW: adam}
    if type(optimizer) not in rules or not plain:
        allowed = (
            "torch.optim.SGD, Adam or AdamW, without amsgrad and maximize, where its updates are unrolled"
        )
        raise SettingError("optimizer.discriminator", type(optimizer).__name__, allowed)
    return rules[type(optimizer)]


def sgd(value: Tensor, gradient: Tensor, state: State, group: Mapping[str, Any]) -> tuple[Tensor, State]:
    """Return the value and the state after a step of `torch.optim.SGD`: p - lr g, g with momentum and decay."""
    gradient = gradient + group["weight_decay"] * value if group["weight_decay"] else gradient
    momentum = group["momentum"]
    if not momentum:
        return value - group["lr"] * gradient, state
    before = state.get("momentum_buffer")
    mean = gradient if before is None else momentum * before + (1 - group["dampening"]) * gradient
    along = gradient + momentum * mean if group["nesterov"] else mean
    return value - group["lr"] * along, {"momentum_buffer": mean}


def adam(value: Tensor, gradient: Tensor, state: State, group: Mapping[str, Any]) -> tuple[Tensor, State]:
    """Return the value and the state after a step of `torch.optim.Adam` or `AdamW`.

    Kingma and Ba 2015, algorithm 1 (https://arxiv.org/abs/1412.6980); Loshchilov and Hutter 2019, algorithm 2.
    """
    lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
    if decay and group.get("decoupled_weight_decay", False):
        value = value * (1 - lr * decay)
    elif decay:
        gradient = gradient + decay * value
    zero = torch.zeros_like(value)
    num = number(state.get("step", 0)) + 1
    mean = beta1 * state.get("exp_avg", zero) + (1 - beta1) * gradient
    square = beta2 * state.get("exp_avg_sq", zero) + (1 - beta2) * gradient.square()
    root = (square.clamp_min(TINY) / (1 - beta2**num)).sqrt()
    value = value - lr * (mean / (1 - beta1**num)) / (root + group["eps"])
    return value, {"step": num, "exp_avg": mean, "exp_avg_sq": square}


def number(step: Any) -> Any:
    """Return a count of steps as a number where that waits for no device."""
    return step.item() if isinstance(step, Tensor) and step.device.type == "cpu" else step
