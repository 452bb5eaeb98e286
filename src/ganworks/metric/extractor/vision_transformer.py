"""The vision transformer that DINOv2's weights are for, under the names that their files give the tensors.

Dosovitskiy et al. 2021 (https://arxiv.org/abs/2010.11929), with the layer scale of Touvron et al. 2021
(https://arxiv.org/abs/2103.17239).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEAD_DIM = 64


class VisionTransformer(nn.Module):
    """Images (B, 3, H, W) with sides of a multiple of ``patch`` to the class token's embedding (B, dim).

    Args:
        dim: width of the tokens, 64 for each head.
        depth: number of blocks.
        patch: side of a patch in pixels.
        num_positions: learnt positions, a square number; interpolated to images of another size.
    """

    def __init__(self, dim: int, depth: int, patch: int, num_positions: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + num_positions, dim))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, dim, patch, stride=patch)})
        self.blocks = nn.ModuleList([Block(dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    @classmethod
    def of(cls, weights: dict[str, Tensor]) -> VisionTransformer:
        """Return the network that a state dict holds; its sizes are read from the tensors."""
        weights = {name: tensor for name, tensor in weights.items() if name != "mask_token"}  # for training
        dim, _, patch, _ = weights["patch_embed.proj.weight"].shape
        depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
        with torch.device("meta"):  # no time for initial weights that nobody uses
            network = cls(dim, depth, patch, weights["pos_embed"].shape[1] - 1)
        network.load_state_dict(weights, assign=True)
        return network

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalized embedding (B, dim) of the class token."""
        return self.norm(self.encode(images)[:, 0])

    def encode(self, images: Tensor) -> Tensor:
        """Return the tokens after the last block, that of the class first, (B, 1 + N, dim), not yet normalized."""
        patches = self.patch_embed["proj"](images)
        tokens = patches.flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), tokens], dim=1)
        x = x + self.positions(patches.shape[2], patches.shape[3])
        for block in self.blocks:
            x = block(x)
        return x

    def positions(self, height: int, width: int) -> Tensor:
        """Return the positions (1, 1 + height * width, dim) of a grid of patches.

        The learnt grid is sampled bicubically at steps of side / (height + 0.1): the tenth that DINOv2 adds
        shifts every sample a little, and the features with it.
        """
        side = round((self.pos_embed.shape[1] - 1) ** 0.5)
        if (height, width) == (side, side):
            return self.pos_embed
        grid = self.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        scale = ((height + 0.1) / side, (width + 0.1) / side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class Block(nn.Module):
    """Attention and perceptron, each normalized before, scaled by channel and added: tokens (B, N, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})
        self.ls1, self.ls2 = LayerScale(dim), LayerScale(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        hidden = F.gelu(self.mlp["fc1"](self.norm2(x)))
        return x + self.ls2(self.mlp["fc2"](hidden))


class Attention(nn.Module):
    """Self-attention with heads of 64: tokens (B, N, dim)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, -1, HEAD_DIM)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class LayerScale(nn.Module):
    """One learnt factor for each channel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma
