"""State of small modules, the same on all ranks."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn


@torch.no_grad()
def average_state(module: nn.Module) -> None:
    """Replace the floating buffers of ``module`` by their mean over all ranks; alone they stay as they are.

    A state that follows the batches by running averages then is that of the global batch.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return
    for buffer in module.buffers():
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= dist.get_world_size()
