"""CycleGAN: two translators that undo each other, and the pool of earlier translations that its critics learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganworks.errors import SettingError, check_range
from ganworks.noise import keyed_rng
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic
from ganworks.task.pool import ImagePool
from ganworks.task.unpaired import UnpairedTask


class CycleTask(UnpairedTask):
    """Two translators, ``forth`` from source to real and ``back``, that undo each other.

    Zhu et al. 2017 (CycleGAN), equations 1 to 3 (https://arxiv.org/abs/1703.10593), identity term as in its section
    5.2, pool as in its section 4. The paper's discriminator minimises half of its loss, which Adam does not see.

    Args:
        generator: ``forth`` and ``back``, translators; samples are made forth.
        discriminator: ``real``, the critic of translations forth, and ``source``, that of translations back.
        cycle: weight of the cycle's mean absolute error, lambda in equation 3.
        identity: weight of the error of what is translated where it already is, as a factor of ``cycle``.
        pool: translations that each critic's pool holds; 0 shows it the present ones.
        kwargs: see `UnpairedTask`; ``near_source`` acts both ways.

    Raises:
        SettingError: networks of other names, or a weight below 0.
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
        super().__init__(generator=generator, discriminator=both_ways(discriminator), **kwargs)
        self.cycle, self.identity = check_range("cycle", cycle, 0.0), check_range("identity", identity, 0.0)
        shapes: dict[str, Any] = {"fake": generator["forth"].shape, "fake_source": generator["back"].shape}
        self.pools = nn.ModuleDict(
            {critic.name: ImagePool(pool, shapes[critic.fake]) for critic in self.critics if pool}
        )

    @staticmethod
    def produce(generator: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``fake``, the sources' translation forth, and in training ``fake_source``, that of the reals back."""
        made = {"fake": generator.forth(inputs["source"])}  # type: ignore[operator]
        if "real" in inputs:
            made["fake_source"] = generator.back(inputs["real"])  # type: ignore[operator]
        return made

    def generator_terms(self, batch: Batch) -> Terms:
        terms = super().generator_terms(batch)
        forth, back = self.generator.forth, self.generator.back
        # Equation 2: F(G(x)) is x, and G(F(y)) is y.
        cycled, cycled_source = forth(batch["fake_source"]), back(batch["fake"])  # type: ignore[operator]
        cycle = error(cycled_source, batch["source"]) + error(cycled, batch["real"])
        terms["cycle"] = self.cycle * cycle
        if self.identity:
            same, same_source = forth(batch["real"]), back(batch["source"])  # type: ignore[operator]
            identity = error(same, batch["real"]) + error(same_source, batch["source"])
            terms["identity"] = self.cycle * self.identity * identity
        if self.near_source:
            back_distance = self.distance(batch["fake_source"], batch["real"])
            terms["near_source"] = terms["near_source"] + self.near_source * back_distance
        return terms

    def shown(self, critic: Critic, batch: Batch) -> Batch:
        """Return the batch with translations, and their labels, out of the critic's pool."""
        if critic.name not in self.pools:
            return batch
        names = [name for name in (critic.fake, critic.fake_label) if name in batch]
        # Not `self.rng`: the pool is the same on all ranks, and so are its draws.
        rng = keyed_rng(self.seed, f"pool/{critic.name}", self.num_steps, self._part)
        return self.pools[critic.name](batch, names, rng)


def both_ways(discriminator: Mapping[str, nn.Module | Critic]) -> dict[str, nn.Module | Critic]:
    """Return the critics of both ways; the one of the way back tells sources from translations of reals."""
    network = discriminator["source"]
    if isinstance(network, Critic):
        return dict(discriminator)
    fields = {"real": "source", "fake": "fake_source", "real_label": "source_label", "fake_label": "label"}
    return {**discriminator, "source": Critic(network, **fields)}  # type: ignore[arg-type]


def error(images: Tensor, targets: Tensor) -> Tensor:
    """Return the mean absolute error of images (B, C, H, W)."""
    return (images - targets).abs().mean()


def check_names(setting: str, networks: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Raise `SettingError` unless a player's networks have these names."""
    found = list(networks) if isinstance(networks, Mapping) else type(networks).__name__
    if not isinstance(networks, Mapping) or set(networks) != set(names):
        raise SettingError(setting, found, f"networks named {' and '.join(names)} (model=cycle)")
