"""How a run spreads over devices."""

from pytorch_lightning.strategies import StrategyRegistry

from ganworks.strategy.adversarial_ddp import AdversarialDDPStrategy

StrategyRegistry.register(
    AdversarialDDPStrategy.strategy_name,
    AdversarialDDPStrategy,
    description="all-reduces the gradients of the optimizer that steps",
)

__all__ = ["AdversarialDDPStrategy"]
