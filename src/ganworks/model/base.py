"""What every generator and every discriminator offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.codes import Codable
from ganworks.model.noise import Noise, Rng


class Generator(nn.Module, metaclass=Codable):
    """A network from noise and conditions to samples (B, *shape).

    All its randomness is the noise that it declares, so that a sample is a function of its key. Noise and conditions
    come as keyword arguments of `forward` under their names: by default ``latent`` (B, latent_dim) and, if it is
    conditional, ``label``: classes (B,), or float (B, num_classes) for several classes or a vector of numbers.

    Args:
        shape: shape of a sample, (C, H, W) for images in [-1, 1] or (D,) for vectors.
        latent_dim: length of a latent, from 1 up; None for a network that takes none.
        num_classes: number of classes, or length of the condition; 0 makes it unconditional.
        codes: settings of `ganworks.model.Codes`: the end of the latent holds codes with laws of their own. Every
            generator with a latent takes them, whatever its own arguments.
    """

    def __init__(self, shape: Sequence[int], latent_dim: int | None, num_classes: int = 0) -> None:
        super().__init__()
        self.shape = tuple(check_count("shape", size) for size in shape)
        self.latent_dim = 0 if latent_dim is None else check_count("latent_dim", latent_dim)
        self.num_classes = check_count("num_classes", num_classes, at_least=0)

    @property
    def noise(self) -> Mapping[str, Noise]:
        """The noise of a sample by name; empty for a network that only translates."""
        return {"latent": Noise((self.latent_dim,))} if self.latent_dim else {}

    @property
    def conditions(self) -> tuple[str, ...]:
        """The fields of a batch that `forward` takes beside the noise, such as "label" or "source"."""
        return ("label",) if self.num_classes else ()

    @abstractmethod
    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the samples (B, *shape) that belong to the latents (B, latent_dim) and labels."""

    def draw_noise(self, num: int, rng: Rng, truncation: float | None = None) -> dict[str, Tensor]:
        """Return noise for ``num`` samples by name, (num, *shape) each, drawn from the stream of its name."""
        return {name: noise.draw(num, rng(name), truncation) for name, noise in self.noise.items()}


class Discriminator(nn.Module, ABC):
    """A network from samples (B, *shape), and labels if it is conditional, to logits.

    It returns logits (B, ...), one for each sample or for each of its patches, or a dict with ``logits`` and what else
    it knows, such as ``features``.

    Args:
        shape: shape of a sample, (C, H, W) for images in [-1, 1] or (D,) for vectors.
        num_classes: number of classes, or length of the condition; 0 makes it unconditional, and labels are ignored.
    """

    def __init__(self, shape: Sequence[int], num_classes: int = 0) -> None:
        super().__init__()
        self.shape = tuple(check_count("shape", size) for size in shape)
        self.num_classes = check_count("num_classes", num_classes, at_least=0)

    @abstractmethod
    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """Return the logits (B, ...) of the samples (B, *shape) with their labels, or a dict that holds them."""


def networks_of(player: nn.Module) -> dict[str, nn.Module]:
    """Return a player's networks by name: those of a mapping, or the one that it is, under ""."""
    return dict(player.items()) if isinstance(player, nn.ModuleDict) else {"": player}


def noise_of(player: nn.Module) -> dict[str, Noise]:
    """Return the noise that a generator's networks take together, by name."""
    return {
        k: v for network in networks_of(player).values() for k, v in getattr(network, "noise", {}).items()
    }


def conditions_of(player: nn.Module) -> tuple[str, ...]:
    """Return the fields of a batch that a generator's networks take beside the noise."""
    names: dict[str, None] = {}
    for network in networks_of(player).values():
        default = ("label",) if getattr(network, "num_classes", 0) else ()
        names |= dict.fromkeys(getattr(network, "conditions", default))
    return tuple(names)


def draw_noise(player: nn.Module, num: int, rng: Rng, truncation: float | None = None) -> dict[str, Tensor]:
    """Return noise for ``num`` samples of a generator by name, each drawn from the stream of its name."""
    drawn: dict[str, Tensor] = {}
    for network in networks_of(player).values():
        if isinstance(network, Generator):
            drawn |= network.draw_noise(num, rng, truncation)
        else:  # any network that declares noise
            drawn |= {
                name: noise.draw(num, rng(name), truncation) for name, noise in noise_of(network).items()
            }
    return drawn


def num_classes_of(player: nn.Module) -> int:
    """Return the length of the condition ``label`` that a player's networks take; 0 where none takes it."""
    return max((getattr(network, "num_classes", 0) for network in networks_of(player).values()), default=0)


def produce(generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return ``fake`` (B, *shape) of one network from its noise and conditions among ``inputs``."""
    names = (*noise_of(generator), *conditions_of(generator))
    return {"fake": generator(**{name: inputs[name] for name in names})}


def require_label(label: Tensor | None) -> Tensor:
    """Return the labels of a conditional network; raise ValueError where they are missing."""
    if label is None:
        raise ValueError(
            "a conditional network needs the labels: pass `label`, int64 (B,) or float (B, num_classes)"
        )
    return label
