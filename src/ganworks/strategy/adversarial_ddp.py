"""Data-parallel training of several networks with an optimizer each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch.distributed as dist
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from ganworks.errors import check_choice, check_range
from ganworks.strategy.batch_norm import SharedBatchStatistics
from ganworks.strategy.launcher import RunLauncher
from ganworks.strategy.reducer import Reducer

MEGABYTE = 2**20


class AdversarialDDPStrategy(DDPStrategy):
    """All-reduce exactly the gradients of the optimizer that steps, once a step.

    Stock DDP wraps the module and reduces in the backward. With two networks in one module it either fails on
    parameters that a backward does not reach, or, told to look for them, reduces both networks in every backward:
    twice the bytes. This strategy wraps nothing, so that names in the state stay clean and compiled networks and
    penalties work as on one device. It broadcasts weights and buffers once; `optimizer_step` sees to it that the
    gradients of that optimizer's parameters are averaged before they are unscaled and clipped: an infinity on one
    rank reaches the gradient scaler of all. Any number of backwards may precede a step, and ranks may use
    different parameters. After each step weights and running statistics of norms are the same on all ranks.

    Args:
        mode: "step" averages one flat tensor a type inside `optimizer_step`. "backward" averages buckets while the
            backward that was announced with `arm` still runs; without an announcement it is like "step".
        bucket_mb: size of a bucket in MB, for the mode "backward".
        kwargs: see `pytorch_lightning.strategies.DDPStrategy`.

    Raises:
        SettingError: ``mode`` or ``bucket_mb`` is not what it can be.
    """

    strategy_name = "adversarial_ddp"
    modes = ("step", "backward")

    def __init__(self, mode: str = "step", bucket_mb: float = 25.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = check_choice("mode", mode, self.modes)
        self.bucket_mb = check_range("bucket_mb", bucket_mb, 1e-6)
        self._reducers: dict[Optimizer, Reducer] = {}

    def setup(self, trainer: pl.Trainer) -> None:
        if self._layer_sync is not None:  # Lightning's own would lose the labels of conditional norms
            self._layer_sync = SharedBatchStatistics()
        super().setup(trainer)

    def configure_ddp(self) -> None:
        """Give every rank the weights and buffers of rank 0; nothing is wrapped."""
        module = self._module
        for tensor in itertools.chain(module.parameters(), module.buffers()):
            dist.broadcast(tensor.detach(), src=0)

    def arm(self, optimizer: Optimizer) -> None:
        """Announce the last backward before the step of ``optimizer``: its gradients may leave as they come."""
        self.reducer(optimizer).arm()

    def optimizer_step(
        self, optimizer: Optimizer, closure: Callable[[], Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Average the gradients of ``optimizer`` over all ranks, then step."""
        self.reducer(optimizer).finish()
        return super().optimizer_step(optimizer, closure, *args, **kwargs)

    def reducer(self, optimizer: Optimizer) -> Reducer:
        """Return what averages the gradients of ``optimizer``."""
        if optimizer not in self._reducers:
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            bucket_bytes = self.bucket_mb * MEGABYTE if self.mode == "backward" else None
            self._reducers[optimizer] = Reducer(parameters, running_statistics(self._module), bucket_bytes)
        return self._reducers[optimizer]

    def teardown(self) -> None:
        for reducer in self._reducers.values():
            reducer.remove()
        self._reducers.clear()
        super().teardown()

    @property
    def _module(self) -> pl.LightningModule:
        assert self.lightning_module is not None
        return self.lightning_module

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = RunLauncher(self.cluster_environment, self.num_processes, self.num_nodes)


def running_statistics(module: nn.Module) -> list[Tensor]:
    """Return running means and variances of the norms in ``module`` that are being trained.

    Each rank moves them by the statistics of its own samples. Averaged, they move by those of the global batch, but
    for the variance between the ranks' means.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, _NormBase) and layer.training]
    statistics = [tensor for layer in norms for tensor in (layer.running_mean, layer.running_var)]
    # .data: a generator's graph is kept over the discriminator's step, and its norms use these numbers no more.
    return [tensor.data for tensor in statistics if tensor is not None]
