"""Further heads of any discriminator: on the features that its logits are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError, setting_path
from ganworks.model.layer.head import Logit, Term
from ganworks.model.layer.last import last_layers


class Branches(nn.ModuleDict):
    """The further heads of a discriminator by name, from its last features (B, F) to anything.

    Attributes:
        taps: keep the features on their way into the last layers.
        plain: names under which the features themselves are returned.
    """

    def __init__(self, taps: list[Tap]) -> None:
        super().__init__()
        self.taps, self.plain = taps, list[str]()

    def take(self) -> Tensor:
        """Return the features (B, F) of the pass that just ended, those of several last layers side by side."""
        parts = [cast(Tensor, tap.features) for tap in self.taps]
        for tap in self.taps:
            tap.features = None  # else the graph would live on
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


class Tap:
    """A hook of a last layer: keep the features that go into it."""

    features: Tensor | None = None

    def __call__(self, layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        first = arguments[0]
        self.features = pooled(first.features if isinstance(first, Term) else first)


def branch(network: nn.Module, name: str, make: Callable[[int], nn.Module] | None = None) -> None:
    """Let a discriminator return a dict with ``name`` beside its ``logits``: what a further head says.

    The head is the submodule ``network.branches.NAME``. Of maps and tokens it sees the mean over their places. Call it
    when the network is made, before optimizers, averages and strategies look at it.

    Args:
        network: a discriminator, which is changed in place.
        name: what is returned, such as "class_logits"; of several under one name the last counts.
        make: from the number of features F to the head, a module of features (B, F); None returns these themselves.

    Raises:
        SettingError: no last layer is found, or several that may not all be last.
    """
    if not hasattr(network, "branches"):
        network.branches = Branches([tapped(layer) for layer in ends(network)])
        network.register_forward_hook(tell)
    branches = cast(Branches, network.branches)
    if make is None:
        branches.plain.append(name)
    else:
        branches[name] = make(num_features(network)).to(next(network.parameters()).device)


def tell(network: nn.Module, arguments: Any, said: Any) -> dict[str, Any]:
    """Add what the branches say to what a discriminator returns: its forward hook."""
    branches = cast(Branches, network.branches)
    features = branches.take()
    said = said if isinstance(said, dict) else {"logits": said}
    heads = {name: head(features) for name, head in branches.items()}
    return {**said, **dict.fromkeys(branches.plain, features), **heads}


def tapped(layer: nn.Module) -> Tap:
    """Return the tap that now listens to a layer."""
    tap = Tap()
    layer.register_forward_pre_hook(tap)
    return tap


def ends(network: nn.Module) -> list[nn.Module]:
    """Return the layers whose inputs are a discriminator's last features: each `Logit`, else the last layers."""
    logits: list[nn.Module] = [each for each in network.modules() if isinstance(each, Logit)]
    names = [] if logits else last_layers(network)
    if names == [""]:
        allowed = (
            "a discriminator that ends in a linear layer or a convolution with one output, or in a `Logit`"
        )
        with setting_path(is_whole=True):  # no setting of the regularizer that asked
            raise SettingError("model.discriminator", type(network).__name__, allowed)
    return logits or [network.get_submodule(name) for name in names]


@torch.no_grad()
def num_features(network: nn.Module) -> int:
    """Return the number F of a discriminator's last features, by a pass of two samples of zeros."""
    like = next(network.parameters())
    shape = getattr(network, "input_shape", network.shape)
    x = torch.zeros((2, *shape), device=like.device, dtype=like.dtype)  # type: ignore[misc]
    label = torch.zeros(2, dtype=torch.long, device=like.device)
    widths: list[int] = []
    listener = cast(Branches, network.branches).taps[-1]
    modes = [(module, module.training) for module in network.modules()]
    network.eval()  # statistics and power iterations stay as they are
    hook = network.register_forward_hook(lambda *_: widths.append(_width(network)), prepend=True)
    try:
        network(x, label) if getattr(network, "num_classes", 0) else network(x)
    finally:
        hook.remove()
        listener.features = None
        for module, mode in modes:
            module.training = mode
    return widths[0]


def _width(network: nn.Module) -> int:
    return sum(cast(Tensor, tap.features).shape[1] for tap in cast(Branches, network.branches).taps)


def pooled(features: Tensor) -> Tensor:
    """Return features (B, F) of features (B, F), maps (B, F, H, W) or tokens (B, N, F): the mean over places."""
    if features.dim() <= 2:
        return features
    return features.mean(1) if features.dim() == 3 else features.flatten(2).mean(2)
