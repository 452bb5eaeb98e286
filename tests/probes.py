"""Parts that a stranger might bring, each of which breaks an assumption of plain image generation.

They use what docs/extending.md documents and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganworks.data import GanDataModule, TensorSamples
from ganworks.model import Discriminator, Generator
from ganworks.model.noise import Noise
from ganworks.regularizer import Regularizer
from ganworks.sample import Tokens, Video
from ganworks.task import AdversarialTask


class ClassHead(Discriminator):
    """A discriminator that returns a dict: logits, and what it takes for the class of a sample (AC-GAN)."""

    def __init__(self, shape: Sequence[int], num_heads: int = 10, width: int = 16) -> None:
        super().__init__(shape)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.LeakyReLU(0.2))
        self.logit, self.classes = nn.Linear(width, 1), nn.Linear(width, num_heads)

    def forward(self, x: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
        features = self.layers(x)
        return {"logits": self.logit(features).squeeze(1), "class_logits": self.classes(features)}


class AuxiliaryTask(AdversarialTask):
    """The discriminator also names the class of real samples, and the generator that of its own."""

    def class_term(self, batch: dict[str, Tensor], name: str) -> Tensor:
        critic = self.critics[0]
        said = self.discriminate(critic, batch[name], batch, "label", f"class/{name}")
        return nn.functional.cross_entropy(said["class_logits"], batch["label"])

    def discriminator_terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**super().discriminator_terms(batch), "class": self.class_term(batch, "real")}

    def generator_terms(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {**super().generator_terms(batch), "class": self.class_term(batch, "fake")}


class Mapper(Generator):
    """The first of two networks: a latent to a style."""

    def __init__(self, latent_dim: int = 8, width: int = 12) -> None:
        super().__init__((width,), latent_dim)
        self.layer = nn.Linear(latent_dim, width)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layer(latent).relu()


class Painter(Generator):
    """The second: a style and noise of its own to an image."""

    def __init__(self, shape: Sequence[int], width: int = 12) -> None:
        super().__init__(shape, latent_dim=None)
        self.layer = nn.Linear(width, 64)
        self.strength = nn.Parameter(torch.zeros(1))

    @property
    def noise(self) -> Mapping[str, Noise]:
        return {"grain": Noise(self.shape, "uniform")}

    def forward(self, style: Tensor, grain: Tensor) -> Tensor:
        return (self.layer(style).view(-1, *self.shape) + self.strength * grain).tanh()


class TwoNetworksTask(AdversarialTask):
    """A generator of two networks, one after the other."""

    @staticmethod
    def produce(generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        style = generator["mapping"](inputs["latent"])
        return {"fake": generator["synthesis"](style, inputs["grain"]), "style": style}


class MovingBars(GanDataModule):
    """Clips (1, 4, 8, 8) of a bar that moves to the right."""

    name = "bars"

    def __init__(
        self, batch_size: int = 16, seed: int = 0, horizontal_flip: bool = False, **shape: object
    ) -> None:
        super().__init__((1, 4, 8, 8), 0, batch_size, seed, horizontal_flip, kind=Video())

    def load(self) -> TensorSamples:
        start = torch.arange(64) % 5
        place = start[:, None] + torch.arange(4)
        columns = torch.arange(8) == place[..., None]
        return TensorSamples(2.0 * columns[:, None, :, None, :].expand(-1, 1, -1, 8, -1).float() - 1)


class ClipGenerator(Generator):
    def __init__(self, shape: Sequence[int], latent_dim: int = 8) -> None:
        super().__init__(shape, latent_dim)
        self.layer = nn.Linear(latent_dim, 256)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layer(latent).view(-1, *self.shape).tanh()


class Judge(nn.Module):
    """A plain network from anything to one logit a sample."""

    def __init__(self, num_inputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(num_inputs, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Flatten(0)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Drift(Regularizer):
    """A penalty with state on the generator: its samples keep to a running mean of their own."""

    player = "generator"

    def __init__(self, weight: float = 1.0, every: int = 1) -> None:
        super().__init__(weight, every)
        self.register_buffer("mean", torch.zeros(()))

    def penalty(self, network: nn.Module, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        level = batch["fake"].mean()
        with torch.no_grad():
            self.mean.lerp_(level.detach().to(self.mean), 0.1)
        return (level - self.mean).square()


class Patches(Discriminator):
    """A logit for each patch, (B, 1, 2, 2)."""

    def __init__(self, shape: Sequence[int], width: int = 8) -> None:
        super().__init__(shape)
        self.layers = nn.Sequential(
            nn.Conv2d(self.shape[0], width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 4, stride=2, padding=1),
        )

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return self.layers(x)


class Letters(GanDataModule):
    """Words of three letters out of four, as one-hot (3, 4)."""

    name = "letters"

    def __init__(self, batch_size: int = 16, seed: int = 0, **shape: object) -> None:
        super().__init__((3, 4), 0, batch_size, seed, kind=Tokens("abc ", end=3))

    def load(self) -> TensorSamples:
        ids = torch.cartesian_prod(*[torch.arange(4)] * 3)
        return TensorSamples(nn.functional.one_hot(ids, 4).float())


class Writer(Generator):
    """Letters by a Gumbel softmax, whose noise is declared like any other."""

    def __init__(self, shape: Sequence[int], latent_dim: int = 8) -> None:
        super().__init__(shape, latent_dim)
        self.layer = nn.Linear(latent_dim, 12)

    @property
    def noise(self) -> Mapping[str, Noise]:
        return {**super().noise, "gumbel": Noise(self.shape, "gumbel")}

    def forward(self, latent: Tensor, gumbel: Tensor) -> Tensor:
        return (self.layer(latent).view(-1, *self.shape) + gumbel).softmax(-1)


class Restyle(Generator):
    """A translator: no noise, a source."""

    conditions = ("source",)

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__(shape, latent_dim=None)
        self.layer = nn.Conv2d(self.shape[0], self.shape[0], 3, padding=1)

    def forward(self, source: Tensor) -> Tensor:
        return self.layer(source).tanh()


class Pairs(GanDataModule):
    """Images (1, 8, 8) beside their sources, which are upside down."""

    name = "pairs"

    def __init__(
        self, batch_size: int = 16, seed: int = 0, horizontal_flip: bool = False, **shape: object
    ) -> None:
        super().__init__((1, 8, 8), 0, batch_size, seed, horizontal_flip)

    def load(self) -> TensorSamples:
        images = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
        return TensorSamples(images, source=-images.flip(-2))
