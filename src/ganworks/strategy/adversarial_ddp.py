"""Data-parallel training of several networks with an optimizer each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor
from torch.optim import Optimizer

from ganworks.strategy.launcher import RunLauncher


class AdversarialDDPStrategy(DDPStrategy):
    """All-reduce exactly the gradients of the optimizer that steps, at the moment it steps.

    Stock DDP wraps the module and reduces in the backward. With two networks in one module it either fails on
    parameters that a backward does not reach, or, told to look for them, reduces both networks in every backward:
    twice the bytes. This strategy wraps nothing, so that names in the state stay clean and compiled networks and
    penalties work as on one device. It broadcasts the weights once, and `optimizer_step` averages the gradients
    of that optimizer's parameters in one flat tensor a type, before they are unscaled and clipped: an infinity
    on one rank reaches the gradient scaler of all. Any number of backwards may precede a step.

    Args:
        kwargs: see `pytorch_lightning.strategies.DDPStrategy`.
    """

    strategy_name = "adversarial_ddp"

    def configure_ddp(self) -> None:
        """Give every rank the weights and buffers of rank 0; nothing is wrapped."""
        assert self.lightning_module is not None
        for tensor in itertools.chain(self.lightning_module.parameters(), self.lightning_module.buffers()):
            dist.broadcast(tensor.detach(), src=0)

    def optimizer_step(
        self, optimizer: Optimizer, closure: Callable[[], Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Average the gradients of ``optimizer`` over all ranks, then step."""
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        average([parameter.grad for parameter in parameters if parameter.grad is not None])
        return super().optimizer_step(optimizer, closure, *args, **kwargs)

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = RunLauncher(self.cluster_environment, self.num_processes, self.num_nodes)


def average(tensors: list[Tensor]) -> None:
    """Replace ``tensors`` by their means over all ranks, with one all-reduce a type."""
    by_type: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        by_type.setdefault(tensor.dtype, []).append(tensor)
    for group in by_type.values():
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        parts = flat.split([tensor.numel() for tensor in group])
        torch._foreach_copy_(group, [part.view_as(tensor) for part, tensor in zip(parts, group, strict=True)])
