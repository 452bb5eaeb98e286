"""ganworks: train, measure and reproduce GANs."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from ganworks.lazy import on_first_use

if TYPE_CHECKING:
    from ganworks.sample.loading import load_generator
    from ganworks.sample.sampler import Sampler
else:
    __getattr__, __dir__ = on_first_use(__name__)

__version__ = version("ganworks")
__all__ = ["Sampler", "load_generator"]
