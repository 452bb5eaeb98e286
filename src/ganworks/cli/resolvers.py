"""The words that conf/ computes with: ${where:...}, ${share:...}, ${critic_norm:...}, ${choice:...}."""

from __future__ import annotations

from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf


def where(condition: bool, yes: Any, no: Any) -> Any:
    """Return ``yes`` where ``condition`` holds, else ``no``."""
    return yes if condition else no


def share(count: float, part: float) -> int:
    """Return the share ``part`` of ``count``, at least 1."""
    return max(1, int(count * part))


def critic_norm(regularizers: DictConfig | None) -> str:
    """Return the discriminator's norm for these penalties: batch, or none where one needs gradients by sample."""
    from hydra.utils import get_class

    nodes = [node for node in (regularizers or {}).values() if node is not None]
    return (
        "none"
        if any(getattr(get_class(node["_target_"]), "per_sample", False) for node in nodes)
        else "batch"
    )


def choice(group: str) -> str:
    """Return the option chosen for ``group``; its own name outside of a command."""
    return HydraConfig.get().runtime.choices.get(group, group) if HydraConfig.initialized() else group


def register() -> None:
    """Make the resolvers known to OmegaConf; may be called again."""
    for resolver in (where, share, critic_norm, choice):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
