"""How a run spreads over devices."""

from collections.abc import Callable
from functools import partial
from typing import Any

from pytorch_lightning.strategies import StrategyRegistry

from ganworks.strategy.adversarial_ddp import AdversarialDDPStrategy
from ganworks.strategy.adversarial_fsdp import AdversarialFSDPStrategy
from ganworks.strategy.environment import OURS

CLASSES: tuple[Callable[..., Any], ...] = (
    partial(AdversarialDDPStrategy, mode="step"),
    partial(AdversarialDDPStrategy, mode="backward"),
    AdversarialFSDPStrategy,
)
for name, strategy in zip(OURS, CLASSES, strict=True):
    StrategyRegistry.register(name, strategy, description="for several networks", override=True)

__all__ = ["AdversarialDDPStrategy", "AdversarialFSDPStrategy"]
