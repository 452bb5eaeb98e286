"""ganworks: train, measure and reproduce GANs."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganworks.sample.sampler import Sampler, load_generator

__version__ = version("ganworks")
__all__ = ["Sampler", "load_generator"]


def __getattr__(name: str) -> Any:
    # Imported on first use: the commands start quicker and `ganworks.errors` needs no torch.
    if name in __all__:
        from ganworks.sample import sampler

        return getattr(sampler, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
