"""One rank of two for tests/strategy: `python one_rank.py OUT` trains every case, with torchrun's environment."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from games import BATCH, DISTRIBUTED, fit, make_task
from ganworks.strategy import AdversarialDDPStrategy, adversarial_ddp

FAULTS = {
    "dropped rank": lambda average: lambda tensors: None,
    "wrong scale": lambda average: lambda tensors: (average(tensors), torch._foreach_mul_(tensors, 2.0)),
}


def train(case: str) -> dict[str, Any]:
    """Train ``case`` on this rank and return its state and what it all-reduced."""
    elements: list[int] = []
    all_reduce = dist.all_reduce

    def counted(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        elements.append(tensor.numel() if tensor.is_floating_point() else 0)
        return all_reduce(tensor, *args, **kwargs)

    task = make_task(**DISTRIBUTED[case]())
    adversarial_ddp.dist.all_reduce = counted
    try:
        fit(task, BATCH // 2, devices=2, strategy=AdversarialDDPStrategy())
    finally:
        adversarial_ddp.dist.all_reduce = all_reduce
    return {"state": task.state_dict(), "elements": sum(elements), "steps": task.num_steps}


def main(out: str) -> None:
    torch.set_num_threads(1)
    logging.disable()
    found = {case: train(case) for case in DISTRIBUTED}
    average = adversarial_ddp.average
    for name, fault in FAULTS.items():
        adversarial_ddp.average = fault(average)
        found[name] = train("bce")
    if dist.get_rank() == 0:
        torch.save(found, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
