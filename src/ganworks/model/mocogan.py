"""MoCoGAN: a clip is one content code and a path of motion codes, drawn frame by frame by one 2-D network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.base import Generator
from ganworks.model.dcgan import DCGANGenerator
from ganworks.model.layer.shape import check_clip_shape
from ganworks.model.noise import Noise


class MoCoGANGenerator(Generator):
    """A content code that stays, a motion code from a GRU over noise of every frame, and a DCGAN that draws each frame.

    Tulyakov et al. 2018, section 3, figure 2 (https://arxiv.org/abs/1707.04993): z_t = [z_content, z_motion(t)] with
    z_motion(t) = GRU(e_t, z_motion(t - 1)). The class, where there is one, reaches the frames by conditional batch norm
    instead of the paper's one-hot code.

    Args:
        shape: (C, T, R, R), T from 2 up, R a power of two from 8 up.
        latent_dim: length of the content code, the noise ``latent``.
        motion_dim: length of the motion code and of the noise ``motion`` of each frame.
        num_classes: 0 for unconditional.
        width, dense_width: see `DCGANGenerator`, which draws the frames.

    Raises:
        SettingError: ``shape``, ``resolution``, ``frames`` or a count that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 50,
        motion_dim: int = 10,
        num_classes: int = 0,
        width: int = 64,
        dense_width: int | None = None,
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        channels, self.num_frames, resolution = check_clip_shape(self.shape)
        self.motion_dim = check_count("motion_dim", motion_dim)
        self.motion = nn.GRUCell(motion_dim, motion_dim)
        self.frame = DCGANGenerator(
            (channels, resolution, resolution), latent_dim + motion_dim, num_classes, width, dense_width
        )

    @property
    def noise(self) -> Mapping[str, Noise]:
        """``latent`` (latent_dim,) of the content; ``motion`` (T + 1, motion_dim): the GRU's first state, then e_t."""
        return {**super().noise, "motion": Noise((self.num_frames + 1, self.motion_dim))}

    def motion_codes(self, motion: Tensor) -> Tensor:
        """Return z_motion (B, T, motion_dim) of the noise (B, T + 1, motion_dim)."""
        code, codes = motion[:, 0], []
        for noise in motion[:, 1:].unbind(1):
            code = self.motion(noise, code)
            codes.append(code)
        return torch.stack(codes, dim=1)

    def forward(self, latent: Tensor, motion: Tensor, label: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Return clips (B, C, T, R, R) in [-1, 1]."""
        content = latent[:, None].expand(-1, self.num_frames, -1)
        codes = torch.cat([content, self.motion_codes(motion)], dim=2).flatten(0, 1)
        labels = None if label is None else label.repeat_interleave(self.num_frames, 0)
        return self.frame(codes, labels).unflatten(0, (latent.shape[0], -1)).movedim(1, 2)
