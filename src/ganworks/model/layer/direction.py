"""SAN's head: the direction of a discriminator's last layer, apart from its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.model.base import require_label
from ganworks.model.layer.head import LastLayer, Logit, ProjectionHead, Term, along, total, used_weight
from ganworks.model.layer.last import has_one_output, last_layers

ALLOWED = "a discriminator that ends in a linear layer or a convolution with one output, or a projection head"


class DirectionHead(LastLayer):
    """Logit s <sg(w), h + b> and, for the direction alone, sg(s) <w, sg(h + b)>, |w| = 1, sg: without a gradient.

    Takida et al. 2024 (SAN), section 5 (https://arxiv.org/abs/2301.12811). It takes the place of a layer with one
    output and begins with its weights: s is their length. A conditional one has a direction for each class, that of
    the sum of the projection head's two vectors, and one s, their mean length.

    Args:
        layer: `torch.nn.Linear` or `torch.nn.Conv2d` with one output, or `ProjectionHead`.

    Attributes:
        direction: what the last pass said of the direction, shaped as its logits; taken by `Tell`.

    Raises:
        SettingError: another layer.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        linear = layer.linear if isinstance(layer, ProjectionHead) else layer
        if not isinstance(linear, nn.Linear | nn.Conv2d) or len(linear.weight) != 1:
            raise SettingError("regularizer.san", type(layer).__name__, ALLOWED)
        self.is_projection = isinstance(layer, ProjectionHead)
        self.is_conditional = isinstance(layer, ProjectionHead) and layer.embedding is not None
        self.conv = (
            {"stride": linear.stride, "padding": linear.padding} if isinstance(linear, nn.Conv2d) else None
        )
        weight = used_weight(linear).detach().clone()
        if self.is_conditional:
            weight = weight + cast(Any, layer).embedding.weight.detach()
        sizes = weight.flatten(1).norm(dim=1)
        self.scale = nn.Parameter(sizes.mean())
        self.weight = nn.Parameter(weight / sizes.view(-1, *[1] * (weight.dim() - 1)))
        self.bias = nn.Parameter(weight.new_zeros(weight.shape[1]))
        if linear.bias is not None and self.conv is None:
            # <w, b> s is the old bias, which is 0 in most networks.
            self.bias.data += linear.bias.detach() * self.weight.detach().mean(0) / self.scale.detach()
        self.direction: Tensor | None = None

    def forward(self, features: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logits of features (B, F), or of maps (B, F, H, W)."""
        shape = (1, -1, *[1] * (features.dim() - 2))
        h, weight = features + self.bias.view(shape), self._weight(label)
        self.direction = self.scale.detach() * self._product(weight, h.detach())
        return self.scale * self._product(weight.detach(), h)

    def _weight(self, label: Tensor | None) -> Tensor:
        """Return directions of length one: one, or one for each sample."""
        weight: Tensor = self.weight
        if self.is_conditional:
            label = require_label(label)
            weight = label.to(weight.dtype) @ weight if label.is_floating_point() else weight[label]
        return F.normalize(weight.flatten(1), dim=1).view_as(weight)

    def _product(self, weight: Tensor, h: Tensor) -> Tensor:
        if self.conv is not None:
            return F.conv2d(h, weight, **cast(Any, self.conv))
        product = (weight * h).sum(1)
        return product if self.is_projection else product[:, None]

    @torch.no_grad()
    def renormalize(self) -> None:
        """Bring the stored directions back to length one."""
        sizes = self.weight.flatten(1).norm(dim=1)
        self.weight.div_(sizes.view(-1, *[1] * (self.weight.dim() - 1)))


class DirectionLogit(Logit):
    """SAN where the weights of the last features have parts, or come of the condition: w = |w| u, a size and a unit.

    Logit |w| <sg(u), h> and, for the direction alone, sg(|w|) <u, sg(h)>; biases stay as they are. Takida et al. 2024
    (SAN), section 5. The sizes are those of the network's own weights, so that each class has one, and it begins with
    the logits that the network has. It takes the place of a `Logit` and has no parameters either.

    Attributes:
        direction: see `DirectionHead`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.direction: Tensor | None = None

    def forward(self, *terms: Term) -> Tensor:
        """Return the logits of the terms."""
        weights = [term.weight() for term in terms]
        size = (
            cast(Tensor, sum(w.float().flatten(1).square().sum(1) for w in weights)).clamp_min(1e-12).sqrt()
        )
        pairs = list(zip(terms, weights, strict=True))
        frozen = total([term.product(term.features, w.detach()) for term, w in pairs])
        moving = total([term.product(term.features.detach(), w) for term, w in pairs])
        ratio = along(size / size.detach(), frozen)  # 1, with the gradient of the size
        biases = [term.bias.view(1) for term in terms if term.bias is not None]
        logits = total([frozen * ratio, *biases])
        self.direction = moving / ratio
        return logits


Head = DirectionHead | DirectionLogit


class Tell:
    """A hook of a discriminator: add ``direction`` of its heads, shaped as the logits, to what it returns.

    Args:
        heads: in the order in which the logits of several stand, as `torch.cat` of each sample's.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        self.heads = heads

    def __call__(self, network: nn.Module, arguments: Any, said: Any) -> dict[str, Any]:
        said = said if isinstance(said, dict) else {"logits": said}
        parts = [cast(Tensor, head.direction) for head in self.heads]
        for head in self.heads:
            head.direction = None
        direction = parts[0] if len(parts) == 1 else torch.cat([part.flatten(1) for part in parts], 1)
        return {**said, "direction": direction.view_as(said["logits"])}


def separate_direction(network: nn.Module, layer: str | None = None) -> None:
    """Separate the direction of a discriminator's last layers; it then returns ``direction`` too.

    A `DirectionLogit` takes the place of each `Logit`; in a network without, a `DirectionHead` that of the last layer.

    Args:
        layer: its name in the network; None takes each `Logit`, else the network's ``last_layers`` where it says some,
            else the last projection head, else the last layer with one output.

    Raises:
        SettingError: no such layer; without a name also several that may not all be last, or classes that enter
            beside the layer.
    """
    modules = dict(network.named_modules())
    logits = [name for name, each in modules.items() if isinstance(each, Logit)]
    names = [layer] if layer is not None else logits or last_layers(network)
    if layer is None and not logits:
        check_class_product(network, names[0])
    fitting = [name for name, each in modules.items() if isinstance(each, Logit | ProjectionHead)]
    fitting += [name for name, each in modules.items() if has_one_output(each)]
    if layer is not None and layer not in fitting:
        raise SettingError("layer", layer, f"null, or one of: {', '.join(fitting) or ALLOWED}", fitting)
    if not all(name in modules and name for name in names):
        raise SettingError("regularizer.san", type(network).__name__, ALLOWED)
    heads: list[Head] = []
    for name in names:
        head = DirectionLogit() if isinstance(modules[name], Logit) else DirectionHead(modules[name])
        place, _, own = name.rpartition(".")
        # Whoever listens to what goes into the layer goes on listening.
        head._forward_pre_hooks.update(modules[name]._forward_pre_hooks)
        setattr(network.get_submodule(place), own, head)
        heads.append(head)
    network.register_forward_hook(Tell(heads))


def check_class_product(network: nn.Module, layer: str) -> None:
    """Raise `SettingError` where classes enter the logits beside the last layer: their direction would stay out."""
    has_class_product = bool(getattr(network, "num_classes", 0)) and layer
    if has_class_product and not isinstance(network.get_submodule(layer), ProjectionHead):
        # <V_y, h> would stay beside the direction, and be no part of it.
        allowed = "a conditional discriminator that ends in a `ProjectionHead` or a `Logit`, or no classes"
        raise SettingError("regularizer.san", type(network).__name__, allowed)
