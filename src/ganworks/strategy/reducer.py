"""Averages of gradients over all ranks, in flat tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Bucket:
    """Gradients of some parameters, and perhaps other tensors, that one all-reduce averages.

    Behind them in the flat tensor stands one number a parameter, the share of ranks that have a gradient for it:
    a parameter that this rank did not use takes the others' gradient, and one that no rank used has none.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], others: Sequence[Tensor] = ()) -> None:
        self.parameters, self.others = list(parameters), list(others)
        tensors: list[Tensor] = [*self.parameters, *self.others]
        sizes = [*(tensor.numel() for tensor in tensors), len(self.parameters)]
        self.flat = torch.zeros(sum(sizes), dtype=tensors[0].dtype, device=tensors[0].device)
        *parts, self.shares = self.flat.split(sizes)
        views = [like(part, tensor) for part, tensor in zip(parts, tensors, strict=True)]
        self.gradients, self.averages = views[: len(self.parameters)], views[len(self.parameters) :]
        self.work: dist.Work | None = None

    @torch.no_grad()
    def launch(self) -> None:
        """Begin to average what the parameters' gradients and the other tensors are now."""
        is_there = [parameter.grad is not None for parameter in self.parameters]
        if all(is_there):
            self.shares.fill_(1)
        else:
            self.flat.zero_()
            self.shares.copy_(torch.tensor(is_there))
        kept = [view for view, found in zip(self.gradients, is_there, strict=True) if found]
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        copy([*kept, *self.averages], [*gradients, *self.others])
        self.flat /= dist.get_world_size()
        self.work = dist.all_reduce(self.flat, async_op=True)

    @torch.no_grad()
    def finish(self) -> None:
        """Wait for the averages and put them in place; the gradients are then views of the flat tensor."""
        self.wait()
        for view, share, parameter in zip(self.gradients, self.shares, self.parameters, strict=True):
            if parameter.grad is not None or share > 0:  # read in the rare case alone: the host waits for it
                parameter.grad = view
        copy(self.others, self.averages)

    def wait(self) -> None:
        """Wait until the flat tensor may be written to."""
        if self.work is not None:
            self.work.wait()
            self.work = None


class Reducer:
    """Averages the gradients of one optimizer: at its step or, in buckets, while the backward still runs.

    A backward that was not armed sends nothing. In an armed one a bucket leaves as soon as its gradients are there
    and the buckets before it have left, so that every rank sends in the same order; `finish` sends the rest. The
    first armed backward of rank 0 finds the order in which the buckets are filled from then on.

    Args:
        parameters: those of the optimizer.
        others: tensors that are averaged in place whenever the optimizer steps: running statistics.
        bucket_bytes: size of a bucket; None makes one bucket a type, all of them sent at the step.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        others: Sequence[Tensor] = (),
        bucket_bytes: float | None = None,
    ) -> None:
        self.others, self.bucket_bytes = list(others), bucket_bytes
        self.fill(list(parameters))
        self._is_armed, self._num_sent = False, 0
        self._arrivals: list[int] | None = [] if bucket_bytes else None  # None once the order is known
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(partial(self._arrive, index))
            for index, parameter in enumerate(self.parameters if bucket_bytes else [])
        ]

    def fill(self, parameters: list[nn.Parameter]) -> None:
        """Put the parameters into buckets, in their order."""
        self.parameters = parameters
        self.buckets = make_buckets(parameters, self.others, self.bucket_bytes or math.inf)
        self._bucket_of = {id(p): number for number, b in enumerate(self.buckets) for p in b.parameters}

    def arm(self) -> None:
        """Let the next backward send its buckets: to be called before the last one that precedes the step."""
        for (
            bucket
        ) in self.buckets:  # sent by an earlier armed backward: they are sent again with the new gradients
            bucket.wait()
        self._is_armed, self._num_sent = self.bucket_bytes is not None, 0
        self._missing = [len(bucket.parameters) for bucket in self.buckets]

    def finish(self) -> None:
        """Send what was not sent, and put all averages in place."""
        for bucket in self.buckets[self._num_sent :]:
            bucket.launch()
        for bucket in self.buckets:
            bucket.finish()
        if self._is_armed and self._arrivals is not None:
            self._follow(self._arrivals)
        self._is_armed, self._num_sent = False, 0

    def remove(self) -> None:
        """Take the hooks off the parameters."""
        for hook in self._hooks:
            hook.remove()

    def _arrive(self, index: int, parameter: Tensor) -> None:
        if not self._is_armed:
            return
        if self._arrivals is not None:
            self._arrivals.append(index)
        self._missing[self._bucket_of[id(parameter)]] -= 1
        while self._num_sent < len(self.buckets) and self._is_complete(self._num_sent):
            self.buckets[self._num_sent].launch()
            self._num_sent += 1

    def _is_complete(self, number: int) -> bool:
        # The other tensors of a bucket are complete at the step alone.
        return self._missing[number] == 0 and not self.buckets[number].others

    def _follow(self, arrivals: list[int]) -> None:
        """Fill the buckets anew in the order in which the backward of rank 0 reached the parameters."""
        order = [[*dict.fromkeys([*arrivals, *range(len(self.parameters))])]]
        dist.broadcast_object_list(order, src=0)
        self.fill([self.parameters[index] for index in order[0]])
        self._arrivals = None


def make_buckets(
    parameters: Sequence[nn.Parameter], others: Sequence[Tensor], bucket_bytes: float
) -> list[Bucket]:
    """Return buckets of one type each, the parameters in their order, the other tensors in the last ones."""
    groups: list[list[nn.Parameter]] = []
    for parameter in parameters:
        if (
            not groups
            or kind(groups[-1][0]) != kind(parameter)
            or num_bytes([*groups[-1], parameter]) > bucket_bytes
        ):
            groups.append([])
        groups[-1].append(parameter)
    rest: dict[object, list[Tensor]] = {}
    for tensor in others:
        rest.setdefault(kind(tensor), []).append(tensor)
    buckets = [Bucket(group) for group in groups[:-1]]
    buckets += [Bucket(group, rest.pop(kind(group[0]), [])) for group in groups[-1:]]
    return buckets + [Bucket([], tensors) for tensors in rest.values()]


def kind(tensor: Tensor) -> tuple[torch.dtype, torch.device]:
    """Return what the tensors of a bucket have in common."""
    return tensor.dtype, tensor.device


def num_bytes(tensors: Sequence[Tensor]) -> int:
    """Return the size of ``tensors`` in memory."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    """Copy ``sources`` into ``targets``, which may be none."""
    if targets:
        torch._foreach_copy_(targets, sources)


def like(flat: Tensor, tensor: Tensor) -> Tensor:
    """Return a view of ``flat`` with the shape and memory format of ``tensor``: fused optimizers want both alike."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if tensor.dim() in formats and tensor.is_contiguous(memory_format=formats[tensor.dim()]):
        return flat.as_strided(tensor.shape, tensor.stride(), flat.storage_offset())
    return flat.view_as(tensor)
