"""The residual translator of CycleGAN, and the same with the heads by which CUT compares patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ganworks.errors import SettingError, check_choice, check_count
from ganworks.model.base import require_label
from ganworks.model.layer.condition import ConditionEmbedding
from ganworks.model.translator import Translator

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": nn.InstanceNorm2d,
    "none": lambda num_channels: nn.Identity(),
}
NEAR_ONE = 0.97  # where the start from the source lies for black and white: atanh(1) is infinite


class ResnetTranslator(Translator):
    """An image to an image: one wide convolution, halvings, residual blocks, doublings, one wide convolution, tanh.

    c7s1-64, d128, d256, R256 x 9, u128, u64, c7s1-3 of Zhu et al. 2017 (CycleGAN), appendix 7.2
    (https://arxiv.org/abs/1703.10593), after Johnson et al. 2016, with 6 blocks for images of 128 pixels; reflection
    padding and instance norm as there.

    Args:
        shape: (C, H, W) of a translation in training; the network takes images of any size.
        width: channels at full resolution; they double with each halving.
        num_down: halvings, and doublings at the end.
        num_blocks: residual blocks between them.
        kernel_size: of the first and the last convolution, odd.
        norm: "instance" or "none".
        source_channels: of the image that is translated; None for those of ``shape``.
        num_classes: length of the label of the source, which is then a condition ``source_label``; 0 takes none.
        from_source: begin as .97 times the source: tanh(network(x) + atanh(.97 x)) with a last layer of zeros.

    Raises:
        SettingError: a count, ``kernel_size``, ``norm`` or ``from_source`` that it cannot have.
    """

    def __init__(
        self,
        shape: Sequence[int],
        width: int = 64,
        num_down: int = 2,
        num_blocks: int = 9,
        kernel_size: int = 7,
        norm: str = "instance",
        source_channels: int | None = None,
        num_classes: int = 0,
        from_source: bool = False,
    ) -> None:
        self.num_down = check_count("num_down", num_down)
        super().__init__(shape, source_channels, num_levels=num_down)
        if check_count("kernel_size", kernel_size) % 2 == 0:
            raise SettingError("kernel_size", kernel_size, "odd, such as 3 or 7")
        if from_source and self.source_channels != self.shape[0]:
            raise SettingError("from_source", True, "false where source and translation differ in channels")
        self.from_source = from_source
        check_choice("norm", norm, NORMS)
        sizes = [check_count("width", width) * 2**level for level in range(self.num_down + 1)]
        self.first = unit(self.source_channels, sizes[0], kernel_size, norm)
        self.down = nn.ModuleList(unit(size, 2 * size, 3, norm, stride=2) for size in sizes[:-1])
        self.embedding = ConditionEmbedding(num_classes, sizes[-1]) if num_classes else None
        num_blocks = check_count("num_blocks", num_blocks, at_least=0)
        self.blocks = nn.ModuleList(ResidualUnit(sizes[-1], norm) for _ in range(num_blocks))
        self.up = nn.ModuleList(doubling(size, norm) for size in sizes[:0:-1])
        self.last = nn.Sequential(
            nn.ReflectionPad2d(kernel_size // 2), nn.Conv2d(sizes[0], self.shape[0], kernel_size)
        )
        if norm != "none":  # without a norm weights of N(0, .02) let the signal fade
            self.apply(init_normal)
        if from_source:
            nn.init.zeros_(self.last[1].weight)  # type: ignore[arg-type]

    @property
    def conditions(self) -> tuple[str, ...]:
        return ("source",) if self.embedding is None else ("source", "source_label")

    def translate(self, source: Tensor, noise: Mapping[str, Tensor]) -> Tensor:
        """Return the translations of sources whose sides the halvings divide; ``source_label`` may come with them."""
        h = self.stages(source, noise.get("source_label"))[-1]
        for layer in self.up:
            h = layer(h)
        h = self.last(h)
        return torch.tanh(h + torch.atanh(NEAR_ONE * source.clamp(-1, 1)) if self.from_source else h)

    def features(
        self,
        source: Tensor,
        layers: Sequence[int],
        source_label: Tensor | None = None,
        mirrored: bool = False,
    ) -> list[Tensor]:
        """Return what the first half of the network makes of sources, (B, C_l, H_l, W_l) for each of ``layers``.

        Layer 0 is the image itself, 1 the first convolution, then come the halvings and the residual blocks. CUT's
        five are [0, 2, 3, 4, 8] here: pixels, both halvings, first and fifth block (Park et al. 2020, appendix C.2).
        Images of other sizes are padded as for a translation. Of ``mirrored`` images the maps are mirrored back.
        """
        self.check_layers(layers)
        stages = self.stages(self.padded(source, mirrored), source_label, max(layers))
        return [stages[layer].flip(-1) if mirrored else stages[layer] for layer in layers]

    def stages(self, x: Tensor, source_label: Tensor | None = None, upto: int | None = None) -> list[Tensor]:
        """Return the image and the maps behind each layer of the first half, up to number ``upto``."""
        layers = [self.first, *self.down, *self.blocks]
        outputs = [x]
        for number, layer in enumerate(layers[:upto], start=1):
            x = layer(x)
            if self.embedding is not None and number == 1 + self.num_down:
                x = x + self.embedding(as_label(source_label))[..., None, None]
            outputs.append(x)
        return outputs

    def check_layers(self, layers: Sequence[int]) -> None:
        """Raise `SettingError` unless these are numbers of layers that `features` has."""
        last = 1 + len(self.down) + len(self.blocks)
        if not layers or not all(isinstance(layer, int) and 0 <= layer <= last for layer in layers):
            raise SettingError("layers", list(layers), f"numbers from 0 (the image) to {last}")


class ContrastiveTranslator(ResnetTranslator):
    """A `ResnetTranslator` with the heads by which CUT compares patches of source and translation.

    A head is a perceptron of two layers on the features of each patch, its output of length 1: Park et al. 2020 (CUT),
    section 3.2 (https://arxiv.org/abs/2007.15651). The heads have an optimizer with the translator, sized by one pass.
    They are averaged and exported with it, although no translation reads them: a run goes on from either.

    Args:
        layers: whose features are compared, see `features`; None: [0, 2, 3, 4, 8], or as many as there are.
        head_width: units of a head, 256 in the paper.
        kwargs: see `ResnetTranslator`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        layers: Sequence[int] | None = None,
        head_width: int = 256,
        **kwargs: object,
    ) -> None:
        super().__init__(shape, **kwargs)  # type: ignore[arg-type]
        last = 1 + len(self.down) + len(self.blocks)
        self.layers = tuple(layers if layers is not None else (n for n in (0, 2, 3, 4, 8) if n <= last))
        self.check_layers(self.layers)
        check_count("head_width", head_width)
        with torch.no_grad():
            image = torch.zeros(1, self.source_channels, *self.shape[1:])
            label = torch.zeros(1, dtype=torch.long) if self.embedding is not None else None
            num_channels = [maps.shape[1] for maps in self.features(image, self.layers, label)]
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(num, head_width), nn.ReLU(), nn.Linear(head_width, head_width))
            for num in num_channels
        )
        self.heads.apply(init_normal)

    def forward(  # type: ignore[override]
        self,
        source: Tensor,
        places: Sequence[Tensor] | None = None,
        mirrored: bool = False,
        **noise: Tensor,
    ) -> Tensor | list[Tensor]:
        """Return translations (B, C, H, W) of sources; with ``places`` what `patches` makes of them.

        A sharded network gathers its weights in a call, so that both have to be one.
        """
        if places is None:
            return super().forward(source, **noise)
        return self.patches(source, places, noise.get("source_label"), mirrored)

    def patches(
        self,
        images: Tensor,
        places: Sequence[Tensor],
        source_label: Tensor | None = None,
        mirrored: bool = False,
    ) -> list[Tensor]:
        """Return the embeddings (B, num_patches, head_width), of length 1, of patches of images for each layer.

        Args:
            places: for each layer the numbers (num_patches,) of the positions, row by row.
            mirrored: the images are mirrored ones, and their features are mirrored back.
        """
        maps = self.features(images, self.layers, source_label, mirrored)
        rows = [h.flatten(2)[:, :, at].transpose(1, 2) for h, at in zip(maps, places, strict=True)]
        return [normalize(head(row), dim=-1, eps=1e-7) for head, row in zip(self.heads, rows, strict=True)]

    def num_places(self, images: Tensor) -> list[int]:
        """Return how many positions the features of each layer have for images of this size."""
        height, width = self.padded(images[:1]).shape[-2:]
        halvings = [min(max(layer - 1, 0), self.num_down) for layer in self.layers]
        return [(height >> number) * (width >> number) for number in halvings]


class ResidualUnit(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflection, (B, C, H, W) to the same."""

    def __init__(self, num_channels: int, norm: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *unit(num_channels, num_channels, 3, norm),
            nn.ReflectionPad2d(1),
            nn.Conv2d(num_channels, num_channels, 3, bias=norm == "none"),
            NORMS[norm](num_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def unit(num_in: int, num_out: int, kernel_size: int, norm: str, stride: int = 1) -> nn.Sequential:
    """Return a convolution with its padding, norm and ReLU."""
    return nn.Sequential(
        nn.ReflectionPad2d(kernel_size // 2),
        nn.Conv2d(num_in, num_out, kernel_size, stride, bias=norm == "none"),  # a norm would take it away
        NORMS[norm](num_out),
        nn.ReLU(),
    )


def doubling(num_channels: int, norm: str) -> nn.Sequential:
    """Return the convolution that doubles the sides and halves the channels, with its norm and ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(
            num_channels, num_channels // 2, 3, 2, padding=1, output_padding=1, bias=norm == "none"
        ),
        NORMS[norm](num_channels // 2),
        nn.ReLU(),
    )


def init_normal(layer: nn.Module) -> None:
    """Draw weights from N(0, .02), biases zero: Zhu et al. 2017, appendix 7.1."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def as_label(label: Tensor | None) -> Tensor:
    """Return labels as `ConditionEmbedding` takes them; whole classes may come as floats."""
    label = require_label(label)
    return label.long() if label.dim() == 1 else label
