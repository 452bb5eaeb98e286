"""Spectral norm by power iteration, in the dialects of the published networks.

Miyato et al. 2018, equations 8 to 12 and algorithm 1 (https://arxiv.org/abs/1802.05957): a layer uses W / sigma(W),
where sigma = u^T W v is an estimate of the largest singular value of W as a matrix (out, rest).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from ganworks.errors import check_choice, check_range
from ganworks.model.layer.condition import ConditionEmbedding

IN_EVAL = ("iterate", "keep", "stored")
EPS_RULES = ("max", "add")


@dataclass(frozen=True)
class PowerIteration:
    """How sigma is estimated: once in each pass v <- n(u W), then u <- n(v W^T).

    n(x) divides by the length: by max(|x|, eps), or by |x| + eps. The house's own `norm: spectral` is PyTorch's
    parametrization, which renews u first and therefore has another sigma until it has converged.

    Args:
        eps: in the division by the length.
        eps_rule: "max" as in BigGAN and PyTorch, "add" as in SNGAN (Chainer) and SAGAN.
        in_eval: what a pass in eval mode does. "iterate": once from the stored u, not kept (SNGAN's convolutions,
            SAGAN, BigGAN); "keep": and keep u (SNGAN's dense layers); "stored": nothing, u and v are those of the
            last training pass (`torch.nn.utils.spectral_norm`).
        through_vectors: let gradients pass through that step of u and v too, as TensorFlow does in SAGAN's code; else
            they are constants, which is the same once they have converged.

    Raises:
        SettingError: a rule that there is not, or a negative ``eps``.
    """

    eps: float = 1e-12
    eps_rule: str = "max"
    in_eval: str = "iterate"
    through_vectors: bool = False

    def __post_init__(self) -> None:
        check_range("eps", self.eps, 0)
        check_choice("eps_rule", self.eps_rule, EPS_RULES)
        check_choice("in_eval", self.in_eval, IN_EVAL)

    def step(self, weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next u (1, out) and v (1, rest) for a matrix (out, rest)."""
        v = self.unit(u @ weight)
        return self.unit(v @ weight.t()), v

    def unit(self, x: Tensor) -> Tensor:
        """Return a row (1, N) divided by its length."""
        length = torch.linalg.vector_norm(x)
        return x / (length + self.eps if self.eps_rule == "add" else length.clamp_min(self.eps))


class SpectralLayer(nn.Module):
    """What the three layers share: ``u`` (1, out), perhaps ``v`` (1, rest), and the weight divided by sigma."""

    weight: Tensor
    u: Tensor
    v: Tensor | None
    power: PowerIteration

    def start_power(self, power: PowerIteration) -> None:
        """Draw u, and v where it is stored."""
        self.power = power
        rows, columns = self.weight.shape[0], self.weight[0].numel()
        self.register_buffer("u", torch.randn(1, rows))
        self.register_buffer("v", torch.randn(1, columns) if power.in_eval == "stored" else None)

    def normed_weight(self) -> Tensor:
        """Return W / sigma, and keep u (and v) where the dialect does; in float32 under autocast."""
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self.weight.flatten(1)
            with torch.set_grad_enabled(self.power.through_vectors and torch.is_grad_enabled()):
                u, v = self.vectors(matrix)
            return self.weight / (v @ matrix.t() @ u.t()).squeeze()

    def vectors(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Return the u and v of this pass: tensors of their own, which later passes do not change."""
        u, v, rule = self.u.to(matrix.dtype, copy=True), self.v, self.power.in_eval
        if v is not None and not self.training:
            return u, v.to(matrix.dtype, copy=True)
        u, new = self.power.step(matrix, u)
        if self.training or rule == "keep":
            with torch.no_grad():
                self.u.copy_(u)
                if v is not None:
                    v.copy_(new)
        return u, new

    @property
    def spectral_vectors(self) -> list[Tensor]:
        """The unit vectors, which an average of weights copies: averages of them are shorter than one."""
        return [self.u] if self.v is None else [self.u, self.v]


class SpectralConv2d(nn.Conv2d, SpectralLayer):
    """A convolution with spectral norm; see `PowerIteration`."""

    def __init__(self, *args: Any, power: PowerIteration, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start_power(power)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.normed_weight(), self.bias)


class SpectralLinear(nn.Linear, SpectralLayer):
    """A dense layer with spectral norm; see `PowerIteration`."""

    def __init__(self, *args: Any, power: PowerIteration, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start_power(power)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.normed_weight(), self.bias)


class SpectralEmbedding(ConditionEmbedding, SpectralLayer):
    """An embedding (num_classes, num_features) with spectral norm, u with one entry a class."""

    def __init__(self, num_classes: int, num_features: int, power: PowerIteration) -> None:
        super().__init__(num_classes, num_features)
        self.start_power(power)

    def forward(self, label: Tensor) -> Tensor:
        weight = self.normed_weight()
        return label.to(weight.dtype) @ weight if label.is_floating_point() else embedding(label, weight)


@dataclass(frozen=True)
class Layers:
    """Makes layers with spectral norm, or plain ones.

    Args:
        power: of the spectral norm; None for none.
    """

    power: PowerIteration | None = None

    def conv(self, num_in: int, num_out: int, kernel: int, bias: bool = True) -> nn.Conv2d:
        """Return a convolution that keeps the side, 3x3 or 1x1."""
        make = self._maker(nn.Conv2d, SpectralConv2d)
        return cast(nn.Conv2d, make(num_in, num_out, kernel, padding=kernel // 2, bias=bias))

    def linear(self, num_in: int, num_out: int, bias: bool = True) -> nn.Linear:
        """Return a dense layer."""
        return cast(nn.Linear, self._maker(nn.Linear, SpectralLinear)(num_in, num_out, bias=bias))

    def embedding(self, num_classes: int, num_features: int) -> ConditionEmbedding:
        """Return an embedding of classes."""
        make = self._maker(ConditionEmbedding, SpectralEmbedding)
        return cast(ConditionEmbedding, make(num_classes, num_features))

    def _maker(self, plain: type[nn.Module], spectral: type[nn.Module]) -> Callable[..., nn.Module]:
        if self.power is None:
            return plain
        return partial(spectral, power=self.power)
