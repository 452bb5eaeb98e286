"""A discriminator of small heads on the features of a frozen teacher."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator
from ganworks.model.layer.capture import captured, check_layers, spread_blocks


class TeacherHeads(Discriminator):
    """Logits (B, K) of heads on the inner features of a frozen teacher, which is told the time of its noised input.

    Sauer et al. 2024 (LADD, https://arxiv.org/abs/2403.12015), section 3: no discriminator from scratch, and no network
    of another origin. Gradients flow through the teacher to the samples; its weights are never trained, and lie in
    checkpoints. Samples come noised, with their times, from the view `Noised`; without it they are clean, at t = 0.

    Args:
        shape: of a sample.
        teacher: a network (x (B, *shape), t (B,)) -> (B, *shape), such as `VelocityMLP`.
        layers: names of its modules whose outputs are judged: (B, F), tokens (B, N, F) or maps (B, F, H, W), each place
            by itself. None takes four of its ``blocks`` that span its depth.
        width: units of a head's hidden layer.
        depth: a head's hidden layers.

    Raises:
        SettingError: a count below 1, or layers that the teacher does not have.
    """

    from_weights = ("teacher",)  # the part that begins with a teacher's weights

    def __init__(
        self,
        shape: Sequence[int],
        teacher: nn.Module,
        layers: Sequence[str] | None = None,
        width: int = 128,
        depth: int = 2,
    ) -> None:
        super().__init__(shape)
        self.teacher = teacher.requires_grad_(False).eval()
        self.layers = check_layers(teacher, layers or spread_blocks(teacher))
        if not self.layers:
            raise SettingError("layers", None, "names of modules of the teacher: it has none called blocks")
        sizes = [check_count("width", width)] * check_count("depth", depth)
        with torch.no_grad():
            features = self.features(torch.zeros(2, *self.shape), torch.zeros(2))
        self.heads = nn.ModuleList(FeatureHead(each.shape[-1], sizes) for each in features)

    def train(self, mode: bool = True) -> TeacherHeads:
        """Set the mode of the heads; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def features(self, x: Tensor, t: Tensor) -> list[Tensor]:
        """Return the teacher's features of x (B, *shape) at times t (B,), (B, F) or (B, N, F) for each layer."""
        with captured(self.teacher, self.layers) as seen:
            self.teacher(x, t)
        return [channels_last(seen[name]) for name in self.layers]

    def forward(self, x: Tensor, label: Tensor | None = None, t: Tensor | None = None) -> Tensor:
        features = self.features(x, x.new_zeros(len(x)) if t is None else t)
        return torch.cat([head(each) for head, each in zip(self.heads, features, strict=True)], 1)


class FeatureHead(nn.Module):
    """Leaky ReLU layers on features, and a logit for each place: (B, F) -> (B, 1), (B, N, F) -> (B, N).

    Args:
        num_features: F.
        sizes: units of the hidden layers.
    """

    def __init__(self, num_features: int, sizes: Sequence[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.LayerNorm(num_features)]
        for size in sizes:
            layers += [nn.Linear(num_features, size), nn.LeakyReLU(0.2)]
            num_features = size
        self.layers = nn.Sequential(*layers, nn.Linear(num_features, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features).flatten(1)


def channels_last(features: Tensor) -> Tensor:
    """Return features (B, F) or (B, N, F): those of maps (B, F, H, W) as tokens."""
    return features if features.dim() < 4 else features.flatten(2).transpose(1, 2)
