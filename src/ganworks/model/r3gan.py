"""The networks of R3GAN: grouped residual blocks without normalisation."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from ganworks.errors import SettingError, check_count
from ganworks.model.base import Discriminator, Generator, require_label
from ganworks.model.layer.activation import SLOPE
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.layer.convolution import Convolution
from ganworks.model.layer.head import Logit, class_term
from ganworks.model.layer.names import places, renamed
from ganworks.model.layer.precision import Precision
from ganworks.model.layer.resample import BINOMIAL, downsample, fir_filter, upsample
from ganworks.model.layer.shape import BASE, base_of, check_image_shape

EXPANSION = 2  # channels inside a block, of those of the residual stream
FULL_UNTIL = 32  # side up to which a network has its full width: halved from 64x64, 768 to 384
BRANCH_GAIN = (2 / 1.04) ** 0.5  # of a leaky ReLU with slope .2, He et al. 2015, section 2.2


class R3GANGenerator(Generator):
    """A learned 4x4 basis weighted by the latent, bottleneck blocks, FIR upsampling between the stages.

    Huang et al. 2024 (R3GAN, https://arxiv.org/abs/2501.05441), section 3 and its configurations: no normalisation,
    no mapping network, no tanh, so that samples may leave [-1, 1]. A conditional one gets a learned vector of its class
    beside the latent.

    Args:
        shape: (C, R, R), R a power of two from 8 up.
        latent_dim: length of a latent.
        num_classes: 0 for unconditional.
        width: channels of the stages up to 32x32; they halve with each doubling of the side beyond.
        widths: channels of each stage from 4x4 up in place of ``width``; the paper's ImageNet-64 has 1536 in all five.
        group_size: channels a group of the 3x3 convolutions, which are twice as wide as the stage: 16 in the paper, 32
            for ImageNet; a stage that is narrower has one group.
        num_blocks: of each stage, or of the stages from 4x4 up.
        num_half_res: highest resolutions that compute in half precision, the image with them: 3 for the paper's 32x32,
            4 for 64x64 and 256x256; 4x4 never does, and the parameters stay in float32.
        half_type: see `Precision`; bfloat16 in the paper.
        double_backward: of the grouped convolutions, see `Convolution`.

    Raises:
        SettingError: ``resolution``, or a width, count or group that it cannot have.
    """

    filter: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        latent_dim: int = 64,
        num_classes: int = 0,
        width: int = 768,
        widths: Sequence[int] | None = None,
        group_size: int = 16,
        num_blocks: int | Sequence[int] = 2,
        num_half_res: int = 0,
        half_type: str = "auto",
        double_backward: str = "grouped",
    ) -> None:
        super().__init__(shape, latent_dim, num_classes)
        sizes, blocks = stage_sizes(self.shape, width, widths, num_blocks)
        self.num_half_res = check_half_res(num_half_res, len(sizes))
        self.precision = Precision(half_type)
        self.embedding = ConditionEmbedding(num_classes, latent_dim) if num_classes else None
        self.basis = nn.Parameter(torch.randn(sizes[0], *base_of(self.shape)))
        self.project = nn.Linear(latent_dim * (2 if num_classes else 1), sizes[0], bias=False)
        self.stages = nn.ModuleList(
            stage(size, num, group_size, double_backward) for size, num in zip(sizes, blocks, strict=True)
        )
        self.transitions = nn.ModuleList(transition(*pair) for pair in itertools.pairwise(sizes))
        self.to_image = Convolution(sizes[-1], self.shape[0], 1, double_backward="native")
        self.register_buffer("filter", fir_filter(BINOMIAL), persistent=False)
        init_r3gan(self)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=num_classes**-0.5)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            latent = torch.cat([latent, self.embedding(require_label(label))], dim=1)
        first_half = len(self.stages) - self.num_half_res
        with torch.autocast(latent.device.type, enabled=False):
            x = self.basis * self.project(latent.to(self.basis.dtype))[:, :, None, None]
            x = self.stages[0](x)
            for place, (change, blocks) in enumerate(zip(self.transitions, self.stages[1:], strict=True), 1):
                x = x.to(self.precision.of(self.basis, place >= first_half))
                x = blocks(upsample(change(x), self.filter))
            return self.to_image(x).to(self.basis.dtype)

    @staticmethod
    def names_by_resolution(names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: all layers but the last count from 4x4 up."""
        return renamed(names, {"to_image": f"b{largest_side(names)}.to_image"})


class R3GANDiscriminator(Discriminator):
    """The mirror image of `R3GANGenerator`: blocks and FIR downsampling to 4x4, one linear map of its features.

    Huang et al. 2024 (R3GAN, https://arxiv.org/abs/2501.05441), section 3. A depthwise 4x4 convolution reads the last
    map. The conditional logit is the product of its features with a learned vector of the class, and nothing else.

    Args:
        shape, num_classes, width, widths, group_size, num_blocks, num_half_res, half_type, double_backward: see
            `R3GANGenerator`; ``widths`` and ``num_blocks`` from 4x4 up here too.
        embedding_dim: length of the class's vector; None is the width of the 4x4 stage, the paper's.

    Raises:
        SettingError: ``resolution``, or a width, count or group that it cannot have.
    """

    filter: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        num_classes: int = 0,
        width: int = 768,
        widths: Sequence[int] | None = None,
        group_size: int = 16,
        num_blocks: int | Sequence[int] = 2,
        num_half_res: int = 0,
        half_type: str = "auto",
        embedding_dim: int | None = None,
        double_backward: str = "grouped",
    ) -> None:
        super().__init__(shape, num_classes)
        sizes, blocks = (part[::-1] for part in stage_sizes(self.shape, width, widths, num_blocks))
        self.num_half_res = check_half_res(num_half_res, len(sizes))
        self.precision = Precision(half_type)
        self.from_image = Convolution(self.shape[0], sizes[0], 1, double_backward="native")
        self.stages = nn.ModuleList(
            stage(size, num, group_size, double_backward) for size, num in zip(sizes, blocks, strict=True)
        )
        self.transitions = nn.ModuleList(transition(*pair) for pair in itertools.pairwise(sizes))
        self.basis = Convolution(
            sizes[-1], sizes[-1], base_of(self.shape), groups=sizes[-1], double_backward=double_backward
        )
        features = check_count("embedding_dim", embedding_dim or sizes[-1]) if num_classes else 1
        self.head = nn.Linear(sizes[-1], features, bias=False)
        self.embedding = ConditionEmbedding(num_classes, features) if num_classes else None
        self.logit = Logit() if num_classes else None
        self.register_buffer("filter", fir_filter(BINOMIAL), persistent=False)
        init_r3gan(self)
        if (
            self.embedding is not None
        ):  # a product of two vectors of unit variance has theirs times their length
            nn.init.normal_(self.embedding.weight, std=(features * num_classes) ** -0.5)

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        like, last = self.head.weight, len(self.stages) - 1
        with torch.autocast(x.device.type, enabled=False):
            x = self.from_image(x.to(self.precision.of(like, self.num_half_res > 0)))
            for place, blocks in enumerate(self.stages):
                # The 4x4 maps and the head in the type of the parameters.
                x = x.to(self.precision.of(like, place < self.num_half_res) if place < last else like.dtype)
                x = blocks(x)
                if place < last:
                    x = self.transitions[place](downsample(x, self.filter))
            x = self.head(self.basis(x).flatten(1))
        if self.embedding is None or self.logit is None:
            return x.squeeze(1)
        return self.logit(class_term(x, self.embedding(require_label(label))))

    @staticmethod
    def names_by_resolution(names: Collection[str]) -> dict[str, str]:
        """Map names of tensors to names that hold at every resolution: b16 is the stage of the map of side 16."""
        side = largest_side(names)
        modules = {"from_image": f"b{side}.from_image"}
        for place in places(names, "stages"):
            modules[f"stages.{place}"] = f"b{side >> place}.stage"
            modules[f"transitions.{place}"] = f"b{side >> place}.transition"
        return renamed(names, modules)


class BottleneckBlock(nn.Module):
    """x + conv1x1(act(conv3x3(act(conv1x1(x))))) with grouped 3x3 convolutions, (B, C, H, W) to the same.

    The first convolution reads the raw residual stream and nothing follows the sum; the
    biases of the first two are those of their activations.

    Args:
        num_channels: C; 2C inside.
        group_size: channels a group inside.
        double_backward: see `Convolution`.
    """

    def __init__(self, num_channels: int, group_size: int, double_backward: str) -> None:
        super().__init__()
        inner = EXPANSION * num_channels
        groups = num_groups(inner, group_size)
        self.first = Convolution(num_channels, inner, 1, double_backward="native")
        self.middle = Convolution(inner, inner, 3, padding=1, groups=groups, double_backward=double_backward)
        self.last = Convolution(inner, num_channels, 1, double_backward="native")
        self.first_bias, self.middle_bias = (nn.Parameter(torch.zeros(inner)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = leaky_relu(self.first(x, self.first_bias), SLOPE)
        h = leaky_relu(self.middle(h, self.middle_bias), SLOPE)
        return x + self.last(h)


def stage(num_channels: int, num_blocks: int, group_size: int, double_backward: str) -> nn.Sequential:
    """Return the blocks of one resolution."""
    return nn.Sequential(
        *(BottleneckBlock(num_channels, group_size, double_backward) for _ in range(num_blocks))
    )


def transition(num_in: int, num_out: int) -> nn.Module:
    """Return the change of width between two stages; nothing where it stays."""
    return nn.Identity() if num_in == num_out else Convolution(num_in, num_out, 1, double_backward="native")


def stage_sizes(
    shape: Sequence[int], width: int, widths: Sequence[int] | None, num_blocks: int | Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the channels and the blocks of the stages from 4x4 to the full resolution."""
    _, resolution = check_image_shape(shape)
    num_stages = (resolution // BASE).bit_length()
    width = check_count("width", width)
    if widths is None:
        widths = [max(1, width * FULL_UNTIL // max(BASE << level, FULL_UNTIL)) for level in range(num_stages)]
    blocks = [num_blocks] * num_stages if isinstance(num_blocks, int | float) else list(num_blocks)
    for name, values in (("widths", widths), ("num_blocks", blocks)):
        if len(values) != num_stages:
            allowed = f"{num_stages} numbers at resolution {resolution}, from 4x4 up"
            raise SettingError(name, list(values), allowed)
    return [check_count("widths", size) for size in widths], [check_count("num_blocks", n) for n in blocks]


def num_groups(num_channels: int, group_size: int) -> int:
    """Return the groups of a convolution of so many channels."""
    size = min(check_count("group_size", group_size), num_channels)
    if num_channels % size:
        raise SettingError("group_size", group_size, f"a divisor of the {num_channels} channels in a block")
    return num_channels // size


def largest_side(names: Collection[str]) -> int:
    """Return the side of the image of the network whose tensors these are."""
    return BASE << max(places(names, "stages"), default=0)


def check_half_res(num: int, num_stages: int) -> int:
    """Return the number of resolutions in half precision, without that of 4x4."""
    return min(check_count("num_half_res", num, at_least=0), num_stages - 1)


def init_r3gan(network: nn.Module) -> None:
    """Draw weights N(0, g^2 / fan in): g = 1, in the blocks that of the leaky ReLU times L^(-1/4), their last ones 0.

    Zhang et al. 2019 (Fixup), section 3 (https://arxiv.org/abs/1901.09321), as R3GAN uses it: L^(-1/(2m - 2)) for L
    blocks of m = 3 layers, so that an update of the whole network keeps its size.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=layer.weight[0].numel() ** -0.5)
    blocks = [block for block in network.modules() if isinstance(block, BottleneckBlock)]
    with torch.no_grad():
        for block in blocks:
            for layer in (block.first, block.middle):
                layer.weight *= BRANCH_GAIN * len(blocks) ** -0.25
            block.last.weight.zero_()
