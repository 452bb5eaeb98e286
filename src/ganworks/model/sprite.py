"""A layered clip: one still picture, the sprite, that moves over darkness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Generator
from ganworks.model.dcgan import DCGANGenerator
from ganworks.model.layer.shape import check_clip_shape
from ganworks.model.noise import Noise


class SpriteGenerator(Generator):
    """A DCGAN draws a sprite once, another network its path, and it is laid onto dark frames one by one.

    A layered representation of moving images (Wang and Adelson 1994, https://doi.org/10.1109/83.334981) with MoCoGAN's
    two codes: the content is the sprite, the motion its path. With m_t the place of the sprite f and b the background,
    which is dark (-1), a frame is m_t f + (1 - m_t) b, the compositing of Vondrick et al. 2016, equation 1
    (https://arxiv.org/abs/1609.02612), so that a shape cannot change in flight.

    The sprite is laid at whole pixels; the gradient of its place is the mean of the two one-sided derivatives of the
    bilinear placement (a straight-through estimate, Bengio et al. 2013, https://arxiv.org/abs/1308.3432).

    Args:
        shape: (C, T, R, R), T from 2 up, R a power of two from 8 up.
        sprite_size: side of the sprite, a power of two from 8 to R.
        latent_dim: length of the content code, the noise ``latent``.
        motion_dim: length of the motion code of each direction, the noise ``motion``.
        num_classes: 0 for unconditional; the class says what the sprite is, not how it moves.
        width, dense_width: see `DCGANGenerator`, which draws the sprite.
        motion_width: units of the three hidden layers that draw the path, down and across alike and each from noise
            of its own: what moves down has nothing to do with what moves across.

    Raises:
        SettingError: ``shape``, ``resolution``, ``frames``, ``sprite_size`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        sprite_size: int = 8,
        latent_dim: int = 64,
        motion_dim: int = 8,
        num_classes: int = 0,
        width: int = 32,
        dense_width: int | None = None,
        motion_width: int = 256,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        channels, self.num_frames, resolution = check_clip_shape(self.shape)
        if check_count("sprite_size", sprite_size) > resolution:
            raise SettingError(
                "sprite_size", sprite_size, f"at most the resolution of the clips, {resolution}"
            )
        self.motion_dim = check_count("motion_dim", motion_dim)
        self.free = resolution - sprite_size  # the first row or column of the sprite is from 0 to this
        self.sprite = DCGANGenerator(
            (channels, sprite_size, sprite_size), latent_dim, num_classes, width, dense_width
        )
        self.path = nn.Sequential(
            nn.Linear(motion_dim, motion_width),
            nn.ReLU(),
            nn.Linear(motion_width, motion_width),
            nn.ReLU(),
            nn.Linear(motion_width, motion_width),
            nn.ReLU(),
            nn.Linear(motion_width, self.num_frames),
        )

    @property
    def noise(self) -> Mapping[str, Noise]:
        """``latent`` (latent_dim,) of the sprite, ``motion`` (2, motion_dim) of its path down and across."""
        return {**super().noise, "motion": Noise((2, self.motion_dim))}

    def places(self, motion: Tensor) -> Tensor:
        """Return the first row and column of the sprite in each frame, -.5 to `free` + .5, (B, T, 2)."""
        path = self.path(motion).transpose(1, 2)
        # Half a pixel beyond both ends, so that the first and the last place are as wide as the others.
        return (self.free + 1) * path.sigmoid() - 0.5

    def forward(self, latent: Tensor, motion: Tensor, label: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Return clips (B, C, T, R, R) in [-1, 1]."""
        sprite = self.sprite(latent, label)
        rows, columns = (self.placement(place) for place in self.places(motion).unbind(2))
        # m_t f + (1 - m_t) b with b = -1 is m_t (f + 1) - 1; m_t lays rows and columns where their places say.
        return torch.einsum("btyi,bcij,btxj->bctyx", rows, sprite + 1, columns) - 1

    def placement(self, place: Tensor) -> Tensor:
        """Return which row of the frame each row of the sprite is laid on, (B, T, R, S), for its first one (B, T)."""
        size, side = self.shape[-1] - self.free, self.shape[-1]
        at = torch.arange(side, device=place.device)[:, None] - torch.arange(size, device=place.device)
        distance = at - place.detach().round().clamp(0, self.free)[..., None, None]
        exact = (distance == 0).to(place.dtype)
        # The derivative of max(0, 1 - |distance|) by the place: one pixel behind 0 or 1, one before 0 or -1.
        slope = ((distance == 1).to(place.dtype) - (distance == -1).to(place.dtype)) / 2
        return exact + slope * (place - place.detach())[..., None, None]
