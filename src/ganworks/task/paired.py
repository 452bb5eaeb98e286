"""Paired translation: a source to the sample that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_range
from ganworks.task.adversarial import AdversarialTask, Said
from ganworks.task.base import Batch, Terms
from ganworks.task.critic import Critic

if TYPE_CHECKING:
    from ganworks.metric.extractor import Lpips

WITHOUT = "task.perceptual=0 trains without this term"


class PairedTask(AdversarialTask):
    """A translator that fools critics of pairs and stays near the true sample (pix2pix).

    Isola et al. 2017, equations 1 to 4 (https://arxiv.org/abs/1611.07004): G* = arg min max L_cGAN(G, D) + l1 L_L1(G).
    The batch has ``source`` and ``real``; what the critics see of both is their view, such as `Beside`. A phase whose
    generator learns from `reconstruction_terms` does without the critics.

    Args:
        l1: factor of E |real - fake|, equation 3.
        feature_matching: factor of the L1 distances between what the critics' inner maps make of real and fake, Wang
            et al. 2018 (pix2pixHD), equation 2 (https://arxiv.org/abs/1711.11585), 10 there. The critics' networks
            return ``features``.
        perceptual: factor of LPIPS on VGG16, Zhang et al. 2018, equation 1 (https://arxiv.org/abs/1801.03924); images
            from 16 pixels up.
        perceptual_weights: file of VGG16; None is torch.hub's place for it.
        kwargs: see `AdversarialTask`.

    Raises:
        SettingError: a factor below 0; in `check`, feature matching without features.
        GanworksError: in `check`, before the training: the file of VGG16 is missing, or is another one.
    """

    truth: ClassVar[str | None] = "real"

    def __init__(
        self,
        l1: float = 100.0,
        feature_matching: float = 0.0,
        perceptual: float = 0.0,
        perceptual_weights: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.l1 = check_range("l1", l1, 0.0)
        self.feature_matching = check_range("feature_matching", feature_matching, 0.0)
        if feature_matching and any("feature_matching" in critic.penalties for critic in self.critics):
            allowed = "0 beside regularizer.feature_matching: their terms have one name"
            raise SettingError("feature_matching", feature_matching, allowed)
        self.perceptual = check_range("perceptual", perceptual, 0.0)
        self.distance: Lpips | None = None  # no module: its weights are neither trained nor in a checkpoint
        if perceptual:
            from ganworks.metric.extractor import Lpips

            self.distance = Lpips(perceptual_weights, setting="task.perceptual_weights", without=WITHOUT)

    def generator_terms(self, batch: Batch) -> Terms:
        return {**super().generator_terms(batch), **self.reconstruction_terms(batch)}

    def reconstruction_terms(self, batch: Batch) -> Terms:
        """Return the terms of the generator that compare its fakes with the true samples, without a critic."""
        fake, real = self.fakes(batch, with_graph=True), batch["real"]
        terms = {"l1": self.l1 * (fake - real).abs().mean()}  # Isola et al. 2017, equation 3
        if self.distance is not None:
            terms["perceptual"] = self.perceptual * self.distance.between(fake, real).mean()
        return terms

    def terms_of_critic(self, critic: Critic, fake: Said, real: Said, batch: Batch) -> Terms:
        terms = super().terms_of_critic(critic, fake, real, batch)
        if not self.feature_matching or "features" not in fake:
            return terms
        with torch.no_grad():  # with the draws of the fakes, so that both are augmented alike
            real = self.discriminate(critic, batch[critic.real], batch, critic.real_label, "generator/fake")
        distance = feature_distance(list(fake["features"]), list(real["features"]))
        return terms | {f"{critic.prefix}feature_matching": self.feature_matching * distance}

    def check(self, batch: Batch, shape: tuple[int, ...]) -> None:
        if self.distance is not None:
            try:
                self.distance.check_shape(shape)
            except SettingError as error:
                raise SettingError(
                    "perceptual", self.perceptual, f"0 for samples of {shape}: {error.allowed}"
                ) from error
            self.distance.check()
        super().check(batch, shape)
        if self.feature_matching and not any(self.has_features(critic, batch) for critic in self.critics):
            allowed = "0, or critics that return their features (model.discriminator: with_features)"
            raise SettingError("feature_matching", self.feature_matching, allowed)

    def has_features(self, critic: Critic, batch: Batch) -> bool:
        """Say whether a critic's network returns its inner maps of real samples."""
        with torch.no_grad():
            return "features" in self.discriminate(
                critic, batch[critic.real], batch, critic.real_label, "check"
            )


def feature_distance(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the sum over maps of the mean absolute difference: Wang et al. 2018 (pix2pixHD), equation 2.

    >>> feature_distance([torch.zeros(1, 2), torch.zeros(1, 3)], [torch.ones(1, 2), torch.full((1, 3), 2.0)])
    tensor(3.)
    """
    return torch.stack([(a - b).abs().mean() for a, b in zip(fake, real, strict=True)]).sum()
