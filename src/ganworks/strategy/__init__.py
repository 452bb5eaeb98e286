"""How a run spreads over devices."""

from pytorch_lightning.strategies import StrategyRegistry

from ganworks.strategy.adversarial_ddp import AdversarialDDPStrategy
from ganworks.strategy.adversarial_fsdp import AdversarialFSDPStrategy
from ganworks.strategy.environment import OURS

for name, mode in OURS.items():
    StrategyRegistry.register(
        name,
        AdversarialDDPStrategy,
        description=f"averages the gradients of the optimizer that steps; mode {mode}",
        override=True,
        mode=mode,
    )

__all__ = ["AdversarialDDPStrategy"]
