"""Plain transformers as a generator and a discriminator of images or latents, after GAT."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm, silu

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator, require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.head import Logit, class_term
from ganworks.model.layer.norm import gather, is_shared
from ganworks.model.layer.positions import sincos_positions
from ganworks.model.layer.token_attention import EPS, SwiGLU, TokenAttention
from ganworks.model.style import StyleGenerator

NUM_HEADS = 4  # places in the generator's depth that draw
GATE_GAIN = 0.1  # of the layers that make scales and gates, and first value of the discriminator's
MAPPING_LR = 0.01


class TransformerGenerator(StyleGenerator):
    """Tokens that begin as nothing but their places; all that differs from sample to sample enters through w.

    GAT, Hyun et al. 2025 (https://arxiv.org/abs/2509.24935). Four heads along the depth draw, and what they draw is
    summed up: level k is the sum of the first k heads, the last level the sample. No tanh. Published sizes,
    depth/width/heads: S 12/384/6, B 12/768/12, L 24/1024/16, XL 28/1152/16, patches of 2, 4 or 8.

    Args:
        shape: (C, H, W), sides that ``patch_size`` divides.
        latent_dim: length of a latent, and of the embedding of a class.
        num_classes: 0 for unconditional.
        depth: blocks, a multiple of 4.
        width: features of a token, a multiple of 4 times ``num_heads``.
        num_heads: of the attention.
        patch_size: side of the square that a token draws.
        w_decay: see `StyleGenerator`; the running mean of w is one for each class.

    Raises:
        SettingError: ``shape``, ``patch_size``, ``depth``, ``width`` or a count that cannot be.
    """

    positions: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 64,
        num_classes: int = 0,
        depth: int = 12,
        width: int = 384,
        num_heads: int = 6,
        patch_size: int = 2,
        w_decay: float = 0.995,
    ) -> None:
        if check_count("depth", depth) % NUM_HEADS:
            raise SettingError("depth", depth, f"a multiple of {NUM_HEADS}, the number of levels")
        super().__init__(shape, latent_dim, num_classes, num_ws=depth, w_dim=width, w_decay=w_decay)
        self.rows, self.columns = check_grid(self.shape, width, num_heads, patch_size)
        self.patch_size = patch_size
        if num_classes:
            self.register_buffer("w_mean", torch.zeros(num_classes, width))
        self.embedding = ConditionEmbedding(num_classes, latent_dim) if num_classes else None
        self.mapping = Mapping(latent_dim * (2 if num_classes else 1), width)
        self.register_buffer("positions", sincos_positions(self.rows, self.columns, width), persistent=False)
        self.blocks = nn.ModuleList(
            ModulatedBlock(width, num_heads, self.rows, self.columns) for _ in range(depth)
        )
        self.heads = nn.ModuleList(Head(width, self.shape[0] * patch_size**2) for _ in range(NUM_HEADS))
        init_transformer(self)

    def to_w(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        parts = [normalised(latent)]
        if self.embedding is not None:
            parts.append(normalised(self.embedding(require_label(label))))
        w = self.mapping(torch.cat(parts, 1))
        return w[:, None].expand(-1, self.num_ws, -1)

    def from_w(self, ws: Tensor, **noise: Tensor) -> Tensor:
        return self.levels_of(ws)[:, -self.shape[0] :]

    def levels_of(self, ws: Tensor) -> Tensor:
        """Return the four levels of styles (B, num_ws, w_dim), one above the other in the channels: (B, 4 C, H, W)."""
        x = self.positions.to(ws.dtype).expand(ws.shape[0], -1, -1)
        drawn: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            w = silu(ws[:, number])
            x = block(x, w)
            if (number + 1) % (len(self.blocks) // NUM_HEADS) == 0:
                level = self.image(self.heads[len(drawn)](x, w))
                drawn.append(drawn[-1] + level if drawn else level)
        return torch.cat(drawn, 1)

    def forward(self, latent: Tensor, label: Tensor | None = None, levels: bool = False) -> Tensor:
        """Return the samples (B, C, H, W), or with ``levels`` all four levels (B, 4 C, H, W), the samples last."""
        ws = self.to_w(latent, label)
        # The pass that the generator learns from, as in StyleGAN2: the discriminator's fakes have no gradient.
        if self.training and torch.is_grad_enabled():
            self.follow(ws[:, 0], label)
        drawn = self.levels_of(ws)
        return drawn if levels else drawn[:, -self.shape[0] :]

    def image(self, patches: Tensor) -> Tensor:
        """Return (B, C, H, W) of patches (B, N, C p^2) in the order of the rows."""
        p, channels = self.patch_size, self.shape[0]
        return (
            patches.unflatten(1, (self.rows, self.columns))
            .unflatten(-1, (channels, p, p))
            .permute(0, 3, 1, 4, 2, 5)
            .reshape(patches.shape[0], *self.shape)
        )

    @torch.no_grad()
    def follow(self, w: Tensor, label: Tensor | None = None) -> None:
        """Move the running mean of each class toward its mean in a batch of w (B, w_dim), that of all ranks.

        A class that no rank drew stays where it is.
        """
        if not self.num_classes or label is None or label.is_floating_point():
            # Several classes at once, or numbers, have no mean of their own: all classes follow the batch.
            super().follow(w)
            return
        with torch.autocast(w.device.type, enabled=False):  # bf16 would round the sums
            members = torch.nn.functional.one_hot(label, self.num_classes).to(self.w_mean)
            sums = torch.cat([members.mT @ w.detach().to(self.w_mean), members.sum(0)[:, None]], 1)
        if (
            is_shared()
        ):  # ranks hold other classes, and as many as they happen to: sums and counts add up, not means
            sums = gather(sums).sum(0)
        num = sums[:, -1:]
        mean = sums[:, :-1] / num.clamp_min(1)
        self.w_mean.copy_(torch.where(num > 0, mean.lerp(self.w_mean, self.w_decay), self.w_mean))


class TransformerDiscriminator(Discriminator):
    """A transformer over the patches of an image and one more token, [cls], that is read.

    GAT, Hyun et al. 2025 (https://arxiv.org/abs/2509.24935): the logit is the product of what [cls] became and of an
    embedding of the class, and nothing else; an unconditional one has a single class. Several levels of a sample come
    one above the other in the channels. With ``per_level`` each of them is judged by itself, as in CAT
    (https://arxiv.org/abs/2605.26449): no token sees one of another level. Levels then are rows of the batch, which
    is attention under a block-diagonal mask at a fraction of its cost, and are told apart by a learned vector.

    Args:
        shape: (C, H, W) of a sample, sides that ``patch_size`` divides.
        num_classes: 0 for unconditional.
        depth, width, num_heads, patch_size: see `TransformerGenerator`; any depth.
        num_levels: levels of a sample that it sees; 1 is the sample alone.
        per_level: a logit for each level, (B, num_levels), in place of one for all, (B,).
        head_width: length of the product's two sides.
        target_dim: length of the features that an alignment compares the tokens with; 0 for no such head.

    Raises:
        SettingError: ``shape``, ``patch_size``, ``width`` or a count that cannot be.
    """

    positions: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        depth: int = 12,
        width: int = 384,
        num_heads: int = 6,
        patch_size: int = 2,
        num_levels: int = 1,
        per_level: bool = False,
        head_width: int = 2048,
        target_dim: int = 0,
    ) -> None:
        super().__init__(shape, num_classes)
        rows, columns = check_grid(self.shape, width, num_heads, patch_size)
        self.num_levels, self.per_level = check_count("num_levels", num_levels), per_level
        channels = self.shape[0] * (1 if per_level else self.num_levels)
        self.embed = nn.Conv2d(channels, width, patch_size, patch_size)
        self.register_buffer("positions", sincos_positions(rows, columns, width), persistent=False)
        self.cls = nn.Parameter(0.02 * torch.randn(width))
        self.level = nn.Parameter(0.02 * torch.randn(self.num_levels, width)) if per_level else None
        self.blocks = nn.ModuleList(
            ScaledBlock(width, num_heads, rows, columns) for _ in range(check_count("depth", depth))
        )
        self.norm, self.head = nn.RMSNorm(width, EPS), nn.Linear(width, head_width)
        self.classes = ConditionEmbedding(max(num_classes, 1), head_width)
        self.mapping, self.logit = Mapping(head_width, head_width), Logit()
        self.align = aligning(width, head_width, target_dim) if target_dim else None
        init_transformer(self)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor | dict[str, Tensor]:
        """Return logits (B,) or (B, num_levels) of samples (B, num_levels C, H, W); with an alignment a dict.

        The dict holds ``logits`` and ``tokens`` (B, 1 + N, target_dim), [cls] first; of levels that are judged one by
        one those of the last.
        """
        num = len(x)
        x = self.tokens(x)
        for block in self.blocks:
            x = block(x)
        features = self.head(self.norm(x[:, 0])).unflatten(0, (num, -1))
        logits = self.logit(class_term(features, self.class_side(num, label)))
        logits = logits if self.per_level else logits[:, 0]
        if self.align is None:
            return logits
        return {"logits": logits, "tokens": self.align(x.unflatten(0, (num, -1))[:, -1])}

    def tokens(self, x: Tensor) -> Tensor:
        """Return the tokens with their places, [cls] first: (B, 1 + N, width), or (B num_levels, 1 + N, width)."""
        num = len(x)
        if self.per_level:
            x = x.unflatten(1, (self.num_levels, -1)).flatten(0, 1)
        patches = self.embed(x).flatten(2).mT
        patches = patches + self.positions.to(patches.dtype)
        x = torch.cat([self.cls.to(patches.dtype).expand(len(x), 1, -1), patches], 1)
        return x if self.level is None else x + self.level.repeat(num, 1)[:, None].to(x.dtype)

    def class_side(self, num: int, label: Tensor | None) -> Tensor:
        """Return the class's side of the product, (B, 1, head_width)."""
        if self.num_classes:
            return self.mapping(self.classes(require_label(label)))[:, None]
        return self.mapping(self.classes.weight)[None].expand(num, -1, -1)


class ModulatedBlock(nn.Module):
    """Attention and SwiGLU between a scale and a gate of w each: x + a * f(RMS(x) (1 + s)).

    After the adaptive norm of Peebles and Xie 2023 (DiT, https://arxiv.org/abs/2212.09748), section 3.2, without
    shifts; the gates start small in place of zero. SiLU of w comes as ``w``.
    """

    def __init__(self, width: int, num_heads: int, rows: int, columns: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, 4 * width)
        self.attention = TokenAttention(width, num_heads, rows, columns)
        self.feed_forward = SwiGLU(width)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        s1, a1, s2, a2 = self.modulation(w)[:, None].chunk(4, -1)
        x = x + a1 * self.attention(normalised(x) * (1 + s1))
        return x + a2 * self.feed_forward(normalised(x) * (1 + s2))


class ScaledBlock(nn.Module):
    """Attention and SwiGLU with a learned gate for each feature, Touvron et al. 2021 (https://arxiv.org/abs/2103.17239)."""

    def __init__(self, width: int, num_heads: int, rows: int, columns: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(width, EPS), nn.RMSNorm(width, EPS)
        self.attention = TokenAttention(width, num_heads, rows, columns, num_extra=1)
        self.feed_forward = SwiGLU(width)
        self.scale1 = nn.Parameter(torch.full((width,), GATE_GAIN))
        self.scale2 = nn.Parameter(torch.full((width,), GATE_GAIN))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale1 * self.attention(self.norm1(x))
        return x + self.scale2 * self.feed_forward(self.norm2(x))


class Head(nn.Module):
    """What one level adds: Linear(RMS(x) (1 + s(w))), tokens (B, N, width) to patches (B, N, num_out)."""

    def __init__(self, width: int, num_out: int) -> None:
        super().__init__()
        self.modulation, self.out = nn.Linear(width, width), nn.Linear(width, num_out)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return self.out(normalised(x) * (1 + self.modulation(w)[:, None]))


class Mapping(nn.Module):
    """Two layers with SiLU in between, whose weights are stored 100 times as large as they are used.

    Adam then moves them a hundredth as fast, as the mapping network of Karras et al. 2019 (StyleGAN), appendix C.
    """

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(num_in, num_out), nn.Linear(num_out, num_out)])

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, nn.Linear)
            x = linear(silu(x) if number else x, layer.weight * MAPPING_LR, layer.bias * MAPPING_LR)
        return x


def aligning(width: int, hidden: int, num_out: int) -> nn.Sequential:
    """Return the layers that tokens pass before they are compared with other features."""
    return nn.Sequential(
        nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, num_out)
    )


def normalised(x: Tensor) -> Tensor:
    """Return x divided by the root mean square of its features."""
    return rms_norm(x, x.shape[-1:], eps=EPS)


def check_grid(shape: Sequence[int], width: int, num_heads: int, patch_size: int) -> tuple[int, int]:
    """Return the rows and columns of patches of an image.

    Raises:
        SettingError: no image, patches that do not fit, or a width that the heads and two axes do not divide.
    """
    if len(shape) != 3:
        raise SettingError("shape", tuple(shape), "(channels, height, width)")
    if any(side % check_count("patch_size", patch_size) for side in shape[1:]):
        sides = " and ".join(map(str, dict.fromkeys(shape[1:])))
        raise SettingError("patch_size", patch_size, f"a divisor of the sides of an image, {sides}")
    if check_count("width", width) % (4 * check_count("num_heads", num_heads)):
        raise SettingError(
            "width", width, f"a multiple of {4 * num_heads}, four times model.num_heads={num_heads}"
        )
    return shape[1] // patch_size, shape[2] // patch_size


def init_transformer(network: nn.Module) -> None:
    """Draw the weights: Xavier uniform with biases of 0; a tenth of it for modulations, 100 times in mappings."""
    gains: dict[nn.Module, float] = {}
    for module in network.modules():
        if isinstance(module, ModulatedBlock | Head):
            gains[module.modulation] = GATE_GAIN
        elif isinstance(module, Mapping):
            gains |= dict.fromkeys(module.layers, 1 / MAPPING_LR)
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            # A convolution over patches is a dense layer of each of them.
            nn.init.xavier_uniform_(layer.weight.flatten(1), gains.get(layer, 1.0))
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, ConditionEmbedding):
            nn.init.normal_(layer.weight, std=0.02)
