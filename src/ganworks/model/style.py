"""Generators of two parts: from noise to a style w, and from styles to the sample."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ganworks.errors import check_count
from ganworks.model.base import Generator
from ganworks.model.layer.norm import gather, is_shared


class StyleGenerator(Generator):
    """A mapping network from latents to w, and a synthesis network that takes a w for each of its layers.

    Karras et al. 2019 (StyleGAN, https://arxiv.org/abs/1812.04948), section 2. The space W is that of one w for all
    layers, W+ that of a w for each. Noise beside the latent goes to the synthesis.

    Args:
        shape, latent_dim, num_classes: see `Generator`.
        num_ws: layers that take a w.
        w_dim: length of a w.
        w_decay: share that the running mean of w keeps in a step of the training, in [0, 1).

    Attributes:
        entries: methods beside `forward` that read weights: a sharded network gathers them first.
        w_mean: running mean of w, (w_dim,) or (num_classes, w_dim).
    """

    entries: ClassVar[tuple[str, ...]] = ("styles", "from_w")
    w_mean: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int,
        num_classes: int = 0,
        num_ws: int = 1,
        w_dim: int = 512,
        w_decay: float = 0.995,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        self.num_ws, self.w_dim = check_count("num_ws", num_ws), check_count("w_dim", w_dim)
        self.w_decay = w_decay
        self.register_buffer("w_mean", torch.zeros(self.w_dim))

    @abstractmethod
    def to_w(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Return a w for each layer, (B, num_ws, w_dim), of latents (B, latent_dim) and labels."""

    def styles(self, latent: Tensor, label: Tensor | None = None, **noise: Tensor) -> Tensor:
        """Return the styles (B, num_ws, w_dim) that a sample of this noise is made of, mixed ones where noise asks.

        What a penalty on the synthesis needs: it takes the noise of `draw_noise`.
        """
        return self.to_w(latent, label)

    @abstractmethod
    def from_w(self, ws: Tensor, **noise: Tensor) -> Tensor:
        """Return the samples (B, *shape) of styles (B, num_ws, w_dim).

        Args:
            noise: beside the latent by name; what is left out is none.
        """

    def truncated(
        self, ws: Tensor, psi: float, cutoff: int | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Move styles (B, num_ws, w_dim) toward their mean: mean + psi (w - mean), Karras et al. 2019, appendix B.

        Args:
            psi: 1 leaves them as they are, 0 gives the mean.
            cutoff: layers from the first on that are moved; None for all.
            label: of the samples, where there is a mean for each class.
        """
        mean = self.w_mean.to(ws.dtype)
        if mean.dim() == 2:
            assert label is not None, "a mean for each class needs the classes"
            mean = (mean[label] if not label.is_floating_point() else label.to(mean) @ mean)[:, None]
        moved = mean.lerp(ws, psi) if cutoff is None else mean.lerp(ws[:, :cutoff], psi)
        return moved if cutoff is None else torch.cat([moved, ws[:, cutoff:]], 1)

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Move the running mean toward the mean of a batch of w (B, w_dim), that of all ranks.

        Called in each forward pass that the generator learns from: once an update, however many the discriminator has
        for it, and of a batch in parts (`task.accumulate`) once a part, so that it then forgets the sooner. The
        official codes move it in every pass (StyleGAN2-ADA) or in those for the discriminator (StyleGAN3).
        """
        mean = w.detach().to(torch.promote_types(w.dtype, torch.float32)).mean(0)
        if is_shared():
            mean = gather(mean).mean(0)
        self.w_mean.copy_(mean.lerp(self.w_mean.to(mean), self.w_decay))
