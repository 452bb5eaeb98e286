"""A convolutional critic of texts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator
from ganworks.model.layer.head import ProjectionHead
from ganworks.model.layer.tokens import read_places
from ganworks.model.recurrent import check_end


class TextBlock(nn.Module):
    """x + .3 conv(relu(conv(relu(x)))) over the places of a text, as in Gulrajani et al. 2017, section 5.4.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.3 * self.layers(x)


class TextCritic(Discriminator):
    """Residual convolutions over one-hot or relaxed tokens (B, L, V), and a dense layer over all places.

    After the character-level critic of WGAN-GP (Gulrajani et al. 2017, section 5.4, https://arxiv.org/abs/1704.00028).
    Behind the first token ``end`` a text is zeros to it: neither logits nor penalties read its padding.

    Args:
        shape: (length, size of the vocabulary).
        num_classes: 0 for unconditional.
        width: channels of the convolutions.
        num_blocks: residual blocks.
        dense_width: units of the dense layer.
        end: id of the token that ends a text; None reads all places.
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 64,
        num_blocks: int = 2,
        dense_width: int = 128,
        end: int | None = None,
    ) -> None:
        if len(shape) != 2:
            raise SettingError("shape", tuple(shape), "(length, size of the vocabulary), as of texts")
        super().__init__(shape, num_classes)
        length, size = self.shape
        self.end, width = check_end(end, size), check_count("width", width)
        self.tokens = nn.Linear(size, width, bias=False)
        blocks = [TextBlock(width) for _ in range(check_count("num_blocks", num_blocks))]
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(length * width, check_count("dense_width", dense_width))
        self.activation = nn.LeakyReLU(0.2)
        self.head = ProjectionHead(dense_width, num_classes)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        embedded = self.tokens(x)
        if self.end is not None:
            embedded = embedded * read_places(x, self.end)[..., None]
        features = self.activation(self.blocks(embedded.transpose(1, 2)))
        return self.head(self.activation(self.dense(features.flatten(1))), label)
