"""Sharded training: weights, gradients, optimizer states and averaged weights are split over the devices."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from lightning_utilities.core.apply_func import apply_to_collection
from pytorch_lightning.strategies import ModelParallelStrategy
from pytorch_lightning.strategies.strategy import Strategy
from torch import Tensor, nn
from torch.optim import Optimizer

from ganworks.errors import check_count
from ganworks.model.base import networks_of
from ganworks.strategy.adversarial_ddp import running_statistics
from ganworks.strategy.batch_norm import SharedBatchStatistics
from ganworks.strategy.launcher import RunLauncher
from ganworks.strategy.reducer import Reducer
from ganworks.task.player import whole

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # their children are called one by one
IMPLEMENTATIONS = ("fused", "foreach")  # of an optimizer's step: settings of its parameter groups
Network = TypeVar("Network", bound=nn.Module)


class AdversarialFSDPStrategy(ModelParallelStrategy):
    """Split every network of a task over all devices with PyTorch's `fully_shard`, layer by layer.

    Between updates a device holds its share of the weights, of the optimizers' states and of the averaged weights,
    and after a backward its share of the gradients. A layer's weights are gathered when it is first called and freed
    when the backward has ended: penalties differentiate twice, and autograd does not tell when it needs weights
    again. Parameters of one number, such as the strength of StyleGAN2's noise, cannot be split: every device holds
    them, and their gradients are averaged when their optimizer steps, before they are clipped. Checkpoints hold whole
    tensors, those of one device.

    Args:
        min_parameters: size from which a layer is gathered on its own; smaller ones are gathered with their network.
        reshard_after_forward: free a layer's weights after each forward pass too, and gather them again in the next
            one and in the backward: less memory while the activations are at their most, and more time.
        kwargs: see `pytorch_lightning.strategies.ModelParallelStrategy`.

    Raises:
        SettingError: ``min_parameters`` is no count.
    """

    strategy_name = "adversarial_fsdp"
    lightning_restore_optimizer = True

    def __init__(
        self, min_parameters: int = 2**16, reshard_after_forward: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(save_distributed_checkpoint=False, **kwargs)
        self.reshard_after_forward = reshard_after_forward
        self.min_parameters = check_count("min_parameters", min_parameters)
        self._templates: dict[nn.Module, nn.Module] = {}  # of each network one like it, without weights
        self._reducers: dict[Optimizer, Reducer] = {}

    def setup_environment(self) -> None:
        self._data_parallel_size, self._tensor_parallel_size = self.num_nodes * self.num_processes, 1
        super().setup_environment()

    def shard(self, task: pl.LightningModule) -> None:
        """Split the networks of ``task``, each rank beginning with the weights and buffers of rank 0."""
        if self._layer_sync is not None:
            SharedBatchStatistics().apply(task)
        players = [child for child in task.children() if any(True for _ in child.parameters())]
        networks = [network for player in players for network in networks_of(player).values()]
        self._templates = {network: copy.deepcopy(network).to("meta") for network in networks}
        task.to(self.root_device).to(memory_format=torch.contiguous_format)  # what fully_shard asks for
        for tensor in tensors_of(task):
            dist.broadcast(tensor.detach(), src=0)
        for network in networks:
            self._shard_network(network)

    def _shard_network(self, network: nn.Module) -> None:
        # not in every build of torch
        from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

        settings: dict[str, Any] = {
            "mesh": self.device_mesh["data_parallel"],
            "reshard_after_forward": self.reshard_after_forward,
        }
        if numbers := numbers_among(network.parameters()):
            settings["ignored_params"] = set(numbers)
        for part in [*parts_of(network, self.min_parameters), network]:
            fully_shard(part, **settings)
        for method in getattr(network, "entries", ()):  # called in the place of the network, by a penalty
            register_fsdp_forward_method(network, method)
        assert isinstance(network, FSDPModule)
        network.set_reshard_after_backward(False)  # a penalty's first backward is followed by a second one

    def post_backward(self, closure_loss: Tensor) -> None:
        super().post_backward(closure_loss)
        self._free()

    def _free(self) -> None:
        """Free the gathered weights of all networks: parameters and their gradients are shards again."""
        from torch.distributed.fsdp import FSDPModule

        assert self.model is not None
        for module in self.model.modules():
            if isinstance(module, FSDPModule):
                module.reshard()

    def optimizer_step(
        self, optimizer: Optimizer, closure: Callable[[], Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Average what is not split over all ranks: gradients of single numbers, running statistics; then step."""
        self.reducer(optimizer).finish()
        return super().optimizer_step(optimizer, closure, *args, **kwargs)

    def reducer(self, optimizer: Optimizer) -> Reducer:
        """Return what averages the gradients of those parameters of ``optimizer`` that are not split."""
        if optimizer not in self._reducers:
            assert self.model is not None
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            self._reducers[optimizer] = Reducer(numbers_among(parameters), running_statistics(self.model))
        return self._reducers[optimizer]

    @torch.no_grad()
    def gathered(self, network: Network) -> Network:
        """Return a copy of a network of the task with its whole weights; for all ranks to call together."""
        self._free()
        if isinstance(network, nn.ModuleDict):
            return nn.ModuleDict({name: self.gathered(part) for name, part in network.items()})  # type: ignore[return-value]
        plain = copy.deepcopy(self._templates[network]).to_empty(device=self.root_device)
        for tensor, shard in zip(tensors_of(plain), tensors_of(network), strict=True):
            tensor.copy_(whole(shard))
        return plain.train(network.training)  # type: ignore[return-value]

    def lightning_module_state_dict(self) -> dict[str, Any]:
        assert self.lightning_module is not None
        return whole_state(self.lightning_module.state_dict())

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        return whole_state(optimizer.state_dict())

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        return Strategy.load_checkpoint(self, checkpoint_path, weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        assert self.lightning_module is not None
        shards = self.lightning_module.state_dict()
        state = {name: like(value, shards.get(name)) for name, value in checkpoint["state_dict"].items()}
        self.lightning_module.load_state_dict(state, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        for optimizer, saved in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            state = {
                index: {name: like(value, parameters[index]) for name, value in values.items()}
                for index, values in saved["state"].items()
            }
            # Those of one device may be ones that shards have not: SGD's fused one.
            own = [
                {name: group[name] for name in IMPLEMENTATIONS if name in group}
                for group in optimizer.param_groups
            ]
            optimizer.load_state_dict({**saved, "state": state})
            for group, implementation in zip(optimizer.param_groups, own, strict=True):
                group.update(implementation)

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = RunLauncher(self.cluster_environment, self.num_processes, self.num_nodes)


def parts_of(network: nn.Module, min_parameters: int) -> list[nn.Module]:
    """Return the layers of ``network`` with ``min_parameters`` or more; those of its containers count as its own."""
    parts: list[nn.Module] = []
    for child in network.children():
        if isinstance(child, CONTAINERS):
            parts += parts_of(child, min_parameters)
        elif sum(parameter.numel() for parameter in child.parameters()) >= min_parameters:
            parts.append(child)
    return parts


def numbers_among(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Return the parameters of one number: they have no dimension to split, and every rank holds them."""
    return [parameter for parameter in parameters if parameter.dim() == 0]


def tensors_of(module: nn.Module) -> Iterator[Tensor]:
    """Yield parameters and buffers."""
    return itertools.chain(module.parameters(), module.buffers())


def whole_state(state: Any) -> Any:
    """Return ``state`` with whole tensors on the CPU in the place of shards; for all ranks to call together."""
    from torch.distributed.tensor import DTensor

    return apply_to_collection(state, DTensor, lambda shard: whole(shard.detach()).cpu())


def like(value: Any, shard: Any) -> Any:
    """Return this rank's part of the tensor ``value`` where ``shard`` is a part of one of its shape."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(shard, DTensor) or not isinstance(value, Tensor) or value.shape != shard.shape:
        return value
    value = value.to(shard.device)
    return distribute_tensor(value, shard.device_mesh, shard.placements)
