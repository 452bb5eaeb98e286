"""Translation between two sets of images of which no two belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from ganworks.errors import SettingError, check_count, check_range
from ganworks.task.adversarial import AdversarialTask
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic, as_critic

# What a critic of translations reads of a batch.
FORTH = {"real": "real", "fake": "fake", "real_label": "label", "fake_label": "source_label"}


class UnpairedTask(AdversarialTask):
    """One translator from ``source`` to where ``real`` is; a critic that takes labels is told those of each side.

    The label of a translation is that of its source, ``source_label``; of a real image ``label``. So labels of both
    sides, without pairs, say which source belongs where. For translators without labels see `CycleTask`, `CutTask`.

    Args:
        generator: a translator; see `AdversarialTask`.
        discriminator: one or several critics of the translation; see `AdversarialTask`. A `Critic` of ``fake``
            that names no ``fake_label`` is told ``source_label`` too.
        near_source: weight of the mean |blur(translation) - blur(source)|, 0 without; the pixels are those of
            [-1, 1].
        blur: side in pixels of the mean that both are taken through, odd; 1 compares the pixels themselves.
        kwargs: see `AdversarialTask`.

    Raises:
        SettingError: a weight below 0, or an even ``blur``.
    """

    def __init__(
        self,
        generator: nn.Module | Mapping[str, nn.Module],
        discriminator: nn.Module | Critic | Mapping[str, nn.Module | Critic],
        near_source: float = 0.0,
        blur: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator=generator, discriminator=labelled(discriminator), **kwargs)
        self.near_source = check_range("near_source", near_source, 0.0)
        self.blur = check_count("blur", blur)
        if self.blur % 2 == 0:
            raise SettingError("blur", blur, "odd, such as 1 or 3")

    def generator_terms(self, batch: Batch) -> Terms:
        terms = super().generator_terms(batch)
        if self.near_source:
            terms["near_source"] = self.near_source * self.distance(batch["fake"], batch["source"])
        return terms

    def distance(self, fake: Tensor, source: Tensor) -> Tensor:
        """Return the mean absolute difference of images (B, C, H, W) behind the blur."""
        return (blurred(fake, self.blur) - blurred(source, self.blur)).abs().mean()


def labelled(
    discriminator: nn.Module | Critic | Mapping[str, nn.Module | Critic],
) -> Critic | dict[str, Critic]:
    """Return critics that are told the source's label with a translation, see `told`."""
    if isinstance(discriminator, nn.Module | Critic):
        return told(discriminator)
    return {name: told(part) for name, part in discriminator.items()}


def told(part: nn.Module | Critic) -> Critic:
    """Return a network as a critic whose fakes have the label of their source; so has a critic that names no other."""
    critic = as_critic(part)
    return filled(critic, FORTH) if critic.fake == FORTH["fake"] else critic


def filled(part: nn.Module | Critic, fields: Mapping[str, str]) -> Critic:
    """Return a critic that reads these fields of a batch wherever it has a default one."""
    critic = as_critic(part)
    left_out = [setting for setting in fields if getattr(critic, setting) == getattr(Critic, setting)]
    return replace(critic, **{setting: fields[setting] for setting in left_out})  # type: ignore[arg-type]


def blurred(images: Tensor, side: int) -> Tensor:
    """Return images (B, C, H, W) behind the mean of ``side`` x ``side`` pixels around each, of those that are there."""
    if side == 1:
        return images
    return avg_pool2d(images, side, stride=1, padding=side // 2, count_include_pad=False)
