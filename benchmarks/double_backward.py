"""What the second derivative of grouped convolutions costs: PyTorch's own against one convolution for all groups.

    python benchmarks/double_backward.py [--width 96] [--resolution 32] [--batch 16] [--device cpu]

Both sides take the step of an R1 penalty, gradients of the weights included, on the discriminator of `model=r3gan`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ganworks.model import R3GANDiscriminator
from ganworks.model.layer.convolution import DOUBLE_BACKWARD


class ConvolutionCalls(TorchDispatchMode):
    """Counts the convolutions dispatched inside, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.num = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.num += "convolution" in str(function)
        return function(*args, **(kwargs or {}))


def penalty_step(
    double_backward: str,
    width: int = 96,
    resolution: int = 32,
    batch: int = 16,
    group_size: int = 16,
    device: str = "cpu",
) -> Callable[[], None]:
    """Return a function that takes the step of an R1 penalty."""
    torch.manual_seed(0)
    network = R3GANDiscriminator(
        (3, resolution, resolution), width=width, group_size=group_size, double_backward=double_backward
    ).to(device)
    x = torch.randn(batch, 3, resolution, resolution, device=device, requires_grad=True)

    def step() -> None:
        (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        gradient.square().sum().backward()
        if device != "cpu":
            torch.cuda.synchronize()

    return step


def measure(num: int = 5, **settings: Any) -> dict[str, dict[str, float]]:
    """Return convolutions and median seconds of a step by ``double_backward``, the sides in turns."""
    steps = {name: penalty_step(name, **settings) for name in DOUBLE_BACKWARD}
    calls, seconds = {}, {name: list[float]() for name in steps}
    for name, step in steps.items():
        with ConvolutionCalls() as mode:
            step()
        calls[name] = mode.num
    for _ in range(num):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return {name: {"calls": calls[name], "seconds": statistics.median(seconds[name])} for name in steps}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("width", 96), ("resolution", 32), ("batch", 16), ("group_size", 16), ("num", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    for name, found in measure(**vars(parser.parse_args())).items():
        print(f"{name:8} {found['calls']:5.0f} convolutions  {1e3 * found['seconds']:.0f} ms")
