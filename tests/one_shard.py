"""One rank of two for tests/strategy: `python one_shard.py OUT` trains sharded, with torchrun's environment."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer

from distributed_games import APART, DISTRIBUTED, MOMENTUM, NUMBERS, play
from games import BATCH
from ganworks.strategy import AdversarialFSDPStrategy
from ganworks.strategy.reducer import Reducer
from ganworks.task.player import local
from one_rank import on_both, same

SMALL = 100  # parameters: every layer of the small networks is gathered on its own
CASES = [case for case in DISTRIBUTED if "no rank" not in case]
PIECES = ("lazy R1 in steps of its own", NUMBERS, APART)
FREED = (
    "hinge with spectral norm",
    "wgan_gp with five critic steps",
    "R1 and R2 in two parts",
    NUMBERS,
    APART,
)


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


class NumbersApart(AdversarialFSDPStrategy):
    """The gradients of parameters of one number stay those of each rank."""

    def reducer(self, optimizer: Optimizer) -> Reducer:
        return Reducer([])


class FreedTooSoon(AdversarialFSDPStrategy):
    """Weights are freed after each backward, also after the first of a penalty."""

    def _shard_network(self, network: nn.Module) -> None:
        super()._shard_network(network)
        network.set_reshard_after_backward(True)


def train(
    case: str, kind: type[AdversarialFSDPStrategy] = AdversarialFSDPStrategy, **settings: Any
) -> dict[str, Any]:
    """Train ``case`` on this rank; return its whole state, and what this rank holds of it."""
    strategy = kind(**{"min_parameters": SMALL, **settings})
    task = play(case, BATCH // 2, devices=2, strategy=strategy)
    held = sum(local(parameter.detach()).numel() for parameter in task.parameters())
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


def momenta(case: str) -> dict[str, Any]:
    """Train with Adam, load its state into another run; return both states and the kind of optimizer."""
    adam = {"optimizers": dict.fromkeys(("generator", "discriminator"), torch.optim.Adam)}
    strategy, other = (AdversarialFSDPStrategy(min_parameters=SMALL) for _ in range(2))
    play(case, BATCH // 2, adam, devices=2, strategy=strategy)
    saved = [strategy.optimizer_state(optimizer) for optimizer in strategy.optimizers]
    is_fused = [optimizer.defaults["fused"] for optimizer in strategy.optimizers]
    play(case, BATCH // 2, {**adam, "num_steps": 1}, devices=2, strategy=other)
    other.load_optimizer_state_dict({"optimizer_states": saved})
    loaded = [other.optimizer_state(optimizer) for optimizer in other.optimizers]
    return {"saved": saved, "loaded": loaded, "is_fused": is_fused}


def resumed(folder: Path) -> dict[str, Tensor]:
    """Go on in shards from the checkpoint of one process; leave one of shards for it to go on from."""
    half = play(
        NUMBERS, BATCH // 2, {**MOMENTUM, "num_steps": 3}, devices=2, strategy=AdversarialFSDPStrategy()
    )
    half.trainer.save_checkpoint(folder / "shards.ckpt")
    strategy = AdversarialFSDPStrategy()
    play(NUMBERS, BATCH // 2, MOMENTUM, devices=2, strategy=strategy, resume=folder / "alone.ckpt")
    return strategy.lightning_module_state_dict()


def main(out: str) -> None:
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {case: train(case) for case in CASES}
    found |= {f"dropped rank: {case}": train(case, DroppedRank) for case in CASES if "parts" not in case}
    found |= {f"freed: {case}": train(case, reshard_after_forward=True) for case in FREED}
    found["wrong scale"] = train("bce", WrongScale)
    found |= {f"in one piece: {case}": train(case, min_parameters=10**9) for case in PIECES}
    found["numbers apart"] = train(NUMBERS, NumbersApart)
    found["resumed"] = resumed(Path(out).parent)
    found |= {f"momenta: {case}": momenta(case) for case in ("bce", NUMBERS)}
    found["error"] = error_of("R1 and R2", FreedTooSoon)
    if dist.get_rank() == 0:
        torch.save(found, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
