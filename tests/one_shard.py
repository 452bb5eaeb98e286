"""One rank of two for tests/strategy: `python one_shard.py OUT` trains sharded, with torchrun's environment."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from games import BATCH, DISTRIBUTED, TRAINER, fit, make_task
from ganworks.regularizer import WeightClip
from ganworks.strategy import AdversarialFSDPStrategy
from one_rank import on_both, same

SMALL = 100  # parameters: every layer of the small networks is gathered on its own
CASES = {
    **{case: each for case, each in DISTRIBUTED.items() if not re.search("no rank|styles", case)},
    "weight clipping": lambda: {"regularizers": {"weight_clip": WeightClip(bound=0.05)}},
}
FREED = ("hinge with spectral norm", "wgan_gp with five critic steps", "R1 and R2 in two parts")


class DroppedRank(AdversarialFSDPStrategy):
    """The second rank contributes nothing."""

    def backward(self, closure_loss: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return super().backward(closure_loss * (dist.get_rank() == 0), *args, **kwargs)


class WrongScale(AdversarialFSDPStrategy):
    """Gradients are summed instead of averaged."""

    def _shard_network(self, network: nn.Module) -> None:
        super()._shard_network(network)
        for module in network.modules():
            if hasattr(module, "set_gradient_divide_factor"):
                module.set_gradient_divide_factor(1.0)


class FreedTooSoon(AdversarialFSDPStrategy):
    """Weights are freed after each backward, also after the first of a penalty."""

    def _shard_network(self, network: nn.Module) -> None:
        super()._shard_network(network)
        network.set_reshard_after_backward(True)


def train(
    case: str, kind: type[AdversarialFSDPStrategy] = AdversarialFSDPStrategy, **settings: Any
) -> dict[str, Any]:
    """Train ``case`` on this rank; return its whole state, and what this rank holds of it."""
    task, strategy = make_task(**CASES[case]()), kind(min_parameters=SMALL, **settings)
    fit(task, BATCH // 2, devices=2, strategy=strategy, **TRAINER.get(case, {}))
    held = sum(parameter.to_local().numel() for parameter in task.parameters())
    states = on_both(strategy.lightning_module_state_dict())
    averaged = task.sampler().generator.state_dict()
    return {"state": states[0], "is_alike": same(*states), "held": on_both(held), "averaged": averaged}


def error_of(case: str, kind: type[AdversarialFSDPStrategy]) -> str:
    """Return how training with ``kind`` ends."""
    try:
        train(case, kind)
    except RuntimeError as error:
        return str(error)
    return ""


def momenta() -> dict[str, Any]:
    """Train with Adam, load its state into another run; return both states and the kind of optimizer."""
    adam = {"optimizers": dict.fromkeys(("generator", "discriminator"), torch.optim.Adam)}
    task, strategy = make_task(**adam), AdversarialFSDPStrategy(min_parameters=SMALL)
    fit(task, BATCH // 2, devices=2, strategy=strategy)
    saved = [strategy.optimizer_state(optimizer) for optimizer in strategy.optimizers]
    is_fused = [optimizer.defaults["fused"] for optimizer in strategy.optimizers]
    again, other = make_task(num_steps=1, **adam), AdversarialFSDPStrategy(min_parameters=SMALL)
    fit(again, BATCH // 2, devices=2, strategy=other)
    other.load_optimizer_state_dict({"optimizer_states": saved})
    loaded = [other.optimizer_state(optimizer) for optimizer in other.optimizers]
    return {"saved": saved, "loaded": loaded, "is_fused": is_fused}


def main(out: str) -> None:
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {case: train(case) for case in CASES}
    found |= {f"dropped rank: {case}": train(case, DroppedRank) for case in CASES if "parts" not in case}
    found |= {f"freed: {case}": train(case, reshard_after_forward=True) for case in FREED}
    found["wrong scale"] = train("bce", WrongScale)
    found["momenta"] = momenta()
    found["error"] = error_of("R1 and R2", FreedTooSoon)
    if dist.get_rank() == 0:
        torch.save(found, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
