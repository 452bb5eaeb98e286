"""Networks of velocities, and the generator that follows one from noise to samples: in many steps, or in one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganworks.errors import check_count
from ganworks.model.base import Generator


def noised(x: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Return x_t = (1 - t) x + t z for samples and noise (B, *shape) and times (B,): data at t = 0, noise at t = 1.

    Liu et al. 2023 (rectified flow, https://arxiv.org/abs/2209.03003), equation 1, with time reversed.
    """
    time = t.to(x.dtype).view(-1, *[1] * (x.dim() - 1))
    return (1 - time) * x + time * noise


def draw_times(num: int, low: float, high: float, rng: torch.Generator) -> Tensor:
    """Return ``num`` times, uniform in [low, high), drawn on the generator's device."""
    return low + (high - low) * torch.rand((num,), generator=rng, device=rng.device)


def velocity_loss(
    velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor, t: Tensor, noise: Tensor
) -> Tensor:
    """Return the mean of |v(x_t, t) - (z - x)|^2 over samples and their numbers: conditional flow matching.

    Lipman et al. 2023, equation 9 (https://arxiv.org/abs/2210.02747).

    Args:
        velocity: v, (x_t (B, *shape), t (B,)) -> (B, *shape).
        x, noise: samples and noise (B, *shape).
        t: times (B,).
    """
    return (velocity(noised(x, t, noise), t) - (noise - x)).square().mean()


class FlowGenerator(Generator):
    """Euler's method along a velocity v, from noise at t = 1 to samples at t = 0.

    x_{k+1} = x_k - v(x_k, t_k) / n at t_k = 1 - k / n, k = 0 .. n - 1; Lipman et al. 2023
    (https://arxiv.org/abs/2210.02747), equation 1, with time reversed. One step is G(z) = z - v(z, 1), from which a
    one-step generator starts: Lin et al. 2025 (APT, https://arxiv.org/abs/2501.08316), section 3.1.

    Args:
        shape: of a sample, which is the noise's too.
        network: the velocity, (x (B, *shape), t (B,) in [0, 1]) -> (B, *shape): any module, with x_t = (1 - t) x + t z
            and v = dx_t / dt = z - x, where z is noise of N(0, I).
        num_steps: n, calls of the network for a sample.
        from_teacher: `task=distil` begins with the teacher's weights; false leaves the initial ones.

    >>> FlowGenerator((2,), VelocityMLP((2,), width=8, depth=1), num_steps=4)(torch.zeros(3, 2)).shape
    torch.Size([3, 2])
    """

    entries = ("velocity",)  # called in the place of the network, in training

    def __init__(
        self, shape: Sequence[int], network: nn.Module, num_steps: int = 50, from_teacher: bool = True
    ) -> None:
        super().__init__(shape, math.prod(shape))
        self.network, self.num_steps = network, check_count("num_steps", num_steps)
        self.from_weights = ("network",) if from_teacher else ()  # parts that begin with a teacher's weights

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the velocities (B, *shape) at x (B, *shape) and times t (B,)."""
        return self.network(x, t)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        x = latent.view(-1, *self.shape)
        for step in range(self.num_steps):
            t = x.new_full((x.shape[0],), 1 - step / self.num_steps)
            x = x - self.network(x, t) / self.num_steps
        return x

    def extra_repr(self) -> str:
        return f"num_steps={self.num_steps}"


class VelocityMLP(nn.Module):
    """A velocity v(x, t) by a residual multilayer perceptron, for vectors and small images.

    h <- h + W_2 silu(W_1 norm(h) + W_t e(t)) in each of ``depth`` blocks, e sines and cosines of t behind two linear
    layers. The last layer begins at zero, so that an untrained one has no velocity.

    Args:
        shape: of a sample.
        width: units of a hidden layer.
        depth: number of blocks.
        num_frequencies: of the sines and cosines, from half a period to 16 periods in [0, 1].

    Raises:
        SettingError: a count below 1.
    """

    frequencies: Tensor

    def __init__(
        self, shape: Sequence[int], width: int = 256, depth: int = 4, num_frequencies: int = 16
    ) -> None:
        super().__init__()
        self.shape = tuple(check_count("shape", size) for size in shape)
        width, num = check_count("width", width), check_count("num_frequencies", num_frequencies)
        self.register_buffer("frequencies", math.pi * 2 ** torch.linspace(0, 5, num), persistent=False)
        self.time = nn.Sequential(nn.Linear(2 * num, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.stem = nn.Linear(math.prod(self.shape), width)
        self.blocks = nn.ModuleList(TimedBlock(width) for _ in range(check_count("depth", depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, math.prod(self.shape))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the velocities (B, *shape) at x (B, *shape) and times t (B,)."""
        phase = t.to(x.dtype)[:, None] * self.frequencies.to(x.dtype)
        time = self.time(torch.cat([phase.sin(), phase.cos()], dim=1))
        h = self.stem(x.flatten(1))
        for block in self.blocks:
            h = block(h, time)
        return self.head(self.norm(h)).view(-1, *self.shape)


class TimedBlock(nn.Module):
    """A residual block of two linear layers that is told the time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.expand = nn.LayerNorm(width), nn.Linear(width, width)
        self.time, self.shrink = nn.Linear(width, width, bias=False), nn.Linear(width, width)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        """Return (B, width) for features h (B, width) and an embedded time (B, width)."""
        return h + self.shrink(nn.functional.silu(self.expand(self.norm(h)) + self.time(time)))
