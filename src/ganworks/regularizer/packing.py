"""PacGAN: the discriminator judges several samples together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganworks.errors import SettingError, check_count
from ganworks.model.base import num_classes_of
from ganworks.regularizer.base import AnyCritic, Regularizer
from ganworks.task.view import Chain, Packed


class Packing(Regularizer):
    """D(x_1, ..., x_m): one logit for m samples, one behind the other in the channels, or in the length of vectors.

    Lin et al. 2018 (PacGAN, https://arxiv.org/abs/1712.04086), section 3: a generator that lacks modes makes packs that
    are alike inside, which a discriminator of packs sees at once. m neighbours of a batch make a pack; each sample is
    in one. Gradient penalties take the norm of the whole pack, augmentations change each sample by itself.

    Args:
        num: m, samples of a pack, from 1 up.

    Raises:
        SettingError: ``num`` is no count; in `equip`, a conditional discriminator; with the first batch, a network
            that was not built for m times the channels.
    """

    def __init__(self, num: int = 2) -> None:
        super().__init__()
        self.num = check_count("num", num)

    def equip(self, critic: AnyCritic) -> AnyCritic:
        if num_classes_of(critic.network) and self.num > 1:
            allowed = (
                "1 with a conditional discriminator, or model.conditional=false: a pack has no one label"
            )
            raise SettingError("num", self.num, allowed)
        each: Any = critic
        setting = "model.discriminator" + (f".{each.name}" if each.name else "") + ".shape"
        packed = Packed(self.num, getattr(each.network, "shape", None), setting)
        equipped: AnyCritic = replace(
            each, view=packed if each.view is None else Chain(view=each.view, packed=packed)
        )
        return equipped

    def extra_repr(self) -> str:
        return f"num={self.num}"
