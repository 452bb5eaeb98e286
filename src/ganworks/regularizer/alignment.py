"""Alignment of the discriminator's tokens with those of a frozen network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from ganworks.errors import SettingError
from ganworks.regularizer.base import Regularizer, WeightSchedule

if TYPE_CHECKING:
    from ganworks.metric.extractor import DinoV2


class Alignment(Regularizer):
    """[1 - cos([cls], f_cls(x))] + mean over tokens [1 - cos(token, f_token(x))], on reals alone.

    GAT, Hyun et al. 2025 (https://arxiv.org/abs/2509.24935), after REPA, Yu et al. 2025, equation 8
    (https://arxiv.org/abs/2410.06940). The discriminator returns ``tokens``: `TransformerDiscriminator` with
    ``target_dim``. f sees the images with the augmentation's draws that the discriminator sees them with.

    Args:
        features: f, from samples (B, *shape) to tokens (B, 1 + N, target_dim), [cls] first, such as `DinoTokens`. It is
            neither trained nor kept in a checkpoint.
        weight, every: see `Regularizer`.
        field: of the batch, what f sees: the samples, or pictures that lie beside latents.

    Raises:
        SettingError: on the first batch: no such field, no tokens, or another number of them.
    """

    differentiates_twice: ClassVar[bool] = False

    def __init__(
        self,
        features: Callable[[Tensor], Tensor],
        weight: float | WeightSchedule = 1.0,
        every: int = 1,
        field: str = "real",
    ) -> None:
        super().__init__(weight, every)
        self.field = field
        if isinstance(features, nn.Module):
            features.eval().requires_grad_(False)
        self._features = (features,)  # in a tuple, so that it is no part of this module's state

    def penalty(
        self, network: Callable[..., Any], batch: Mapping[str, Tensor], rng: torch.Generator
    ) -> Tensor:
        if self.field not in batch:
            raise SettingError("field", self.field, f"one of {', '.join(batch)}", batch)
        tokens = network.said(batch["real"]).get("tokens")  # type: ignore[attr-defined]
        if tokens is None:
            raise SettingError("model.discriminator.target_dim", 0, "the features' length under an alignment")
        target = self.target(network.augmented(batch[self.field]))  # type: ignore[attr-defined]
        if tokens.shape != target.shape:
            expected = f"{tuple(tokens.shape[1:])}, the discriminator's tokens and target_dim"
            raise SettingError("features", tuple(target.shape[1:]), expected)
        distance = 1 - cosine_similarity(tokens.float(), target.float(), dim=-1)
        return distance[:, 0].mean() + distance[:, 1:].mean()

    @torch.no_grad()
    def target(self, x: Tensor) -> Tensor:
        """Return what the frozen network makes of samples (B, *shape), on their device."""
        (features,) = self._features
        if isinstance(features, nn.Module):
            features.to(x.device)
        return features(x.detach()).to(x.device)


class DinoTokens:
    """All tokens of DINOv2 for images (B, 1 or 3, H, W) in [-1, 1], [cls] first: (B, 257, dim) at 224 pixels.

    The weights are read when they are first needed, from where the metrics look for them.

    Args:
        extractor: DINOv2 with its settings; None is ViT-B/14 of 768 features.

    Raises:
        GanworksError: the weights are missing or have another hash.
    """

    def __init__(self, extractor: DinoV2 | None = None) -> None:
        from ganworks.metric.extractor import DinoV2

        self.extractor = extractor or DinoV2("dinov2-vit-b-14")
        self.extractor.check()

    def __call__(self, images: Tensor) -> Tensor:
        self.extractor.load()
        return self.extractor.tokens(images)
