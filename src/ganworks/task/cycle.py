"""CycleGAN: two translators that undo each other, and the pool of earlier translations that its critics learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.errors import SettingError, check_range
from ganworks.model.base import draw_noise, networks_of, noise_of
from ganworks.noise import keyed_rng
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic
from ganworks.task.pool import ImagePool
from ganworks.task.unpaired import FORTH, UnpairedTask, filled

# What each critic reads of a batch.
FIELDS = {
    "real": FORTH,
    "source": {"real": "source", "fake": "fake_source", "real_label": "source_label", "fake_label": "label"},
}


class CycleTask(UnpairedTask):
    """Two translators, ``forth`` from source to real and ``back``, that undo each other.

    Zhu et al. 2017 (CycleGAN), equations 1 to 3 (https://arxiv.org/abs/1703.10593), identity term as in its section
    5.2, pool as in its section 4. The paper's discriminator minimises half of its loss, which Adam does not see.

    Args:
        generator: ``forth`` and ``back``, translators; samples are made forth. Noise that they declare, such as
            dropout, is drawn anew for each pass of the cycle and of the identity.
        discriminator: ``real``, the critic of translations forth, and ``source``, that of translations back. A
            `Critic` reads the fields of its way wherever it names no other.
        cycle: weight of the cycle's mean absolute error, lambda in equation 3.
        identity: weight of the error of what is translated where it already is, as a factor of ``cycle``.
        pool: translations that each critic's pool holds; 0 shows it the present ones.
        kwargs: see `UnpairedTask`; ``near_source`` acts both ways.

    Raises:
        SettingError: networks of other names, critics of other fields, or a weight below 0.
    """

    def __init__(
        self,
        generator: Mapping[str, nn.Module],
        discriminator: Mapping[str, nn.Module | Critic],
        cycle: float = 10.0,
        identity: float = 0.5,
        pool: int = 50,
        **kwargs: Any,
    ) -> None:
        check_names("generator", generator, ("forth", "back"))
        check_names("discriminator", discriminator, ("real", "source"))
        check_noise(generator)
        super().__init__(generator=generator, discriminator=both_ways(discriminator), **kwargs)
        self.cycle, self.identity = check_range("cycle", cycle, 0.0), check_range("identity", identity, 0.0)
        shapes: dict[str, Any] = {"fake": generator["forth"].shape, "fake_source": generator["back"].shape}
        self.pools = nn.ModuleDict(
            {critic.name: ImagePool(pool, shapes[critic.fake]) for critic in self.critics if pool}
        )

    @staticmethod
    def produce(generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``fake``, the sources' translation forth, and in training ``fake_source``, that of the reals back."""
        forth, back = networks_of(generator)["forth"], networks_of(generator)["back"]
        made = {"fake": called(forth, inputs["source"], inputs)}
        if "real" in inputs:
            made["fake_source"] = called(back, inputs["real"], inputs)
        return made

    def generator_terms(self, batch: Batch) -> Terms:
        terms = super().generator_terms(batch)
        # Equation 2: F(G(x)) is x, and G(F(y)) is y.
        cycled = self.again("forth", batch["fake_source"], "cycle")
        cycled_source = self.again("back", batch["fake"], "cycle")
        cycle = error(cycled_source, batch["source"]) + error(cycled, batch["real"])
        terms["cycle"] = self.cycle * cycle
        if self.identity:
            same = self.again("forth", batch["real"], "identity")
            same_source = self.again("back", batch["source"], "identity")
            identity = error(same, batch["real"]) + error(same_source, batch["source"])
            terms["identity"] = self.cycle * self.identity * identity
        if self.near_source:
            back_distance = self.distance(batch["fake_source"], batch["real"])
            terms["near_source"] = terms["near_source"] + self.near_source * back_distance
        return terms

    def again(self, name: str, images: Tensor, stream: str) -> Tensor:
        """Return what a network makes of images (B, C, H, W) in a pass of its own, with draws of its own."""
        network = networks_of(self.generator)[name]
        noise = draw_noise(network, len(images), lambda each: self.rng(f"{stream}/{name}/{each}"))
        return called(network, images, {each: drawn.to(self.dtype) for each, drawn in noise.items()})

    def shown(self, critic: Critic, batch: Batch) -> Batch:
        """Return the batch with translations, and their labels, out of the critic's pool."""
        if critic.name not in self.pools:
            return batch
        names = [name for name in (critic.fake, critic.fake_label) if name in batch]
        # Not `self.rng`: the pool is the same on all ranks, and so are its draws.
        rng = keyed_rng(self.seed, f"pool/{critic.name}", self.num_steps, self._part)
        return self.pools[critic.name](batch, names, rng)


def both_ways(discriminator: Mapping[str, nn.Module | Critic]) -> dict[str, Critic]:
    """Return the critics of both ways; the one of the way back tells sources from translations of reals."""
    critics = {name: filled(discriminator[name], fields) for name, fields in FIELDS.items()}
    for name, critic in critics.items():
        for setting in ("real", "fake"):
            found, own = getattr(critic, setting), FIELDS[name][setting]
            if found != own:
                raise SettingError(f"discriminator.{name}.{setting}", found, f"{own}, or left out")
    return critics


def check_noise(generator: Mapping[str, nn.Module]) -> None:
    """Raise `SettingError` where both networks take noise of one name that is not of one kind: it is drawn once."""
    forth, back = (noise_of(generator[name]) for name in ("forth", "back"))
    for name in forth.keys() & back.keys():
        if forth[name] != back[name]:
            allowed = f"networks whose noise {name!r} has one shape: {forth[name].shape}, {back[name].shape}"
            raise SettingError("generator", "forth and back", allowed)


def called(network: nn.Module, images: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
    """Return what a translator makes of images (B, C, H, W) with its own noise among ``noise``."""
    made: Tensor = network(images, **{name: noise[name] for name in noise_of(network)})
    return made


def error(images: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute error of images (B, C, H, W)."""
    return (images - targets).abs().mean()


def check_names(setting: str, networks: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raise `SettingError` unless a player's networks have these names."""
    found = list(networks) if isinstance(networks, Mapping) else type(networks).__name__
    if not isinstance(networks, Mapping) or set(networks) != set(names):
        raise SettingError(setting, found, f"networks named {' and '.join(names)} (model=cycle)")
