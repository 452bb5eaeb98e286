"""State and statistics that are the same on all ranks: those of the global batch."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ganworks.model.layer.norm import gather, is_shared


@torch.no_grad()
def average_state(module: nn.Module) -> None:
    """Replace the floating buffers of ``module`` by their mean over all ranks; alone they stay as they are.

    A state that follows the batches by running averages then is that of the global batch.
    """
    if not is_shared():
        return
    for buffer in module.buffers():
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= dist.get_world_size()


@torch.no_grad()
def global_mean(x: Tensor) -> Tensor:
    """Return the mean of ``x`` over all ranks, without its graph; alone it is ``x``."""
    return gather(x.detach()).mean(0) if is_shared() else x.detach()


@torch.no_grad()
def global_std(x: Tensor) -> Tensor:
    """Return the standard deviation, a scalar, of all numbers of ``x`` on all ranks, which hold equally many."""
    variance, mean = torch.var_mean(x.to(torch.promote_types(x.dtype, torch.float32)), correction=0)
    if is_shared():
        variances, means = gather(torch.stack([variance, mean])).unbind(1)
        variance = variances.mean() + means.var(correction=0)  # within the ranks, and between them
    return variance.sqrt().to(x.dtype)
