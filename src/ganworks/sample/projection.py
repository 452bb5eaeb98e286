"""The latent that draws a given image: projection into z, W or W+."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, mse_loss

from ganworks.errors import check_count, check_range
from ganworks.noise import keyed_rng
from ganworks.sample.label import Label
from ganworks.sample.sampler import Sampler
from ganworks.sample.styles import SPACES, check_space, style_generator

Distance = Callable[[Tensor, Tensor], Tensor]
"""From two batches of images (B, C, H, W) to distances (B,), differentiable in the first."""

NUM_STARTS = 256  # latents of which the nearest is where a projection into z begins
NUM_FOR_MEAN = 1024  # draws that the deviation of w is taken of
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps in which the rate rises and falls
NOISE, NOISE_UNTIL = 0.05, 0.75  # of w, in its deviations, at first; the share of the steps after which none
LARGEST = 256  # side of the images that LPIPS compares; larger ones are made smaller, appendix D of StyleGAN2


@dataclass(frozen=True)
class Projection:
    """What a projection found.

    Args:
        latent: ``z`` (1, latent_dim) or ``w`` (1, num_ws, w_dim), and the inputs beside it by name.
        image: that it draws, (1, *shape).
        distance: of the image from its target, at the end.
        start: the same at the beginning.
    """

    latent: dict[str, Tensor]
    image: Tensor
    distance: float
    start: float


class CriticDistance:
    """Squared distance of pixels and of a critic's features, of length one in every place, as in LPIPS.

    Args:
        network: of the discriminator, in evaluation mode; None compares pixels alone, at full size and at half.
        label: of the image, for a conditional one.
    """

    def __init__(self, network: nn.Module | None, label: Tensor | None = None) -> None:
        self.network, self.label = network, label

    def __str__(self) -> str:
        return "pixels and the discriminator's features" if self.network is not None else "pixels"

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        pairs = [(x, y), (avg_pool2d(x, 2), avg_pool2d(y, 2))]
        found = sum(mse_loss(a, b, reduction="none").flatten(1).mean(1) for a, b in pairs)
        assert isinstance(found, Tensor)
        if self.network is not None:
            for a, b in zip(self.features(x), self.features(y.detach()), strict=True):
                found = found + (unit(a) - unit(b)).square().sum(1).flatten(1).mean(1)
        return found

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the maps (B, C, H, W) that the critic's convolutions make of images."""
        assert self.network is not None
        maps: list[Tensor] = []
        layers = [m for m in self.network.modules() if has_kernel(m)]
        hooks = [m.register_forward_hook(lambda _m, _i, out: maps.append(out)) for m in layers]
        try:
            self.network(x) if self.label is None else self.network(x, self.label.expand(len(x)))
        finally:
            for hook in hooks:
                hook.remove()
        return [each for each in maps if each.dim() == 4]


class PerceptualDistance:
    """LPIPS and squared distance of pixels, which also draws back what lies outside of [-1, 1].

    Args:
        lpips: distance of images (B, C, H, W) in [-1, 1], differentiable: `Lpips.between`.
    """

    def __init__(self, lpips: Distance) -> None:
        self.lpips, self.pixels = lpips, CriticDistance(None)

    def __str__(self) -> str:
        return "LPIPS and pixels"

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return self.lpips(reduced(x.clamp(-1, 1)), reduced(y)) + self.pixels(x, y)


def reduced(x: Tensor) -> Tensor:
    """Return images (B, C, H, W) with a longer side of `LARGEST` at most, means of areas."""
    largest = max(x.shape[-2:])
    if largest <= LARGEST:
        return x
    size = [max(1, side * LARGEST // largest) for side in x.shape[-2:]]
    return interpolate(x, size=size, mode="area")


def has_kernel(module: nn.Module) -> bool:
    """Say whether a module is a convolution, by its weight."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, Tensor) and weight.dim() == 4


def unit(x: Tensor) -> Tensor:
    """Return maps (B, C, H, W) of length one in every place."""
    return x / (x.square().sum(1, keepdim=True) + 1e-10).sqrt()


def project(
    sampler: Sampler,
    target: Tensor,
    distance: Distance,
    space: str = "w",
    num_steps: int = 500,
    rate: float = 0.1,
    seed: int = 0,
    label: Label = None,
    watch: Callable[[int, float], None] = lambda step, distance: None,
) -> Projection:
    """Return the latent whose image is nearest to ``target``, by Adam on the latent.

    In W and W+ as in Karras et al. 2020 (StyleGAN2), appendix D: from the mean of w, with noise on w that fades out and
    a rate that rises and falls; the noise inputs of the layers are drawn once and stay. In z from the nearest of some
    random latents. W+ has a w for each layer: nearer to the target, and farther from what the generator has learned.

    Args:
        target: (1, *shape) in [-1, 1].
        distance: see `Distance`.
        space: "z", "w" or "w+".
        num_steps: of Adam.
        rate: largest learning rate.
        seed: key of all draws.
        label: class of the image, of a conditional generator.
        watch: is told of every step and its distance.

    Raises:
        SettingError: the generator has no such space, or a number that is out of range.
    """
    check_count("steps", num_steps)
    check_range("rate", rate, 1e-8)
    parameter, draw, noise_size = _start(sampler, target, distance, check_space(space), seed, label)
    optimizer = torch.optim.Adam([parameter], lr=rate, betas=(0.9, 0.999))
    first, best, found = math.inf, math.inf, parameter.detach().clone()
    rng = keyed_rng(seed, "projection")
    for step in range(num_steps):
        done = step / num_steps
        for group in optimizer.param_groups:
            group["lr"] = rate * rate_at(done)
        size = noise_size * NOISE * max(0.0, 1 - done / NOISE_UNTIL) ** 2
        noise = torch.randn(parameter.shape, generator=rng).to(parameter) * size
        loss = distance(draw(parameter + noise), target).sum()
        value = loss.item()
        if size == 0 and value < best:  # what noise made is not the image of the latent that is kept
            best, found = value, parameter.detach().clone()
        first = value if step == 0 else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch(step, value)
    with torch.no_grad():
        last = float(distance(draw(parameter), target).sum())
        if last < best:
            best, found = last, parameter.detach().clone()
        image = draw(found)
    return Projection({space[0]: draw.whole(found), **draw.beside}, image, best, first)


class _Draw:
    """From the latent that is optimized to the image."""

    def __init__(self, sampler: Sampler, space: str, inputs: dict[str, Tensor]) -> None:
        self.sampler, self.space = sampler, space
        beside = {name: rows for name, rows in inputs.items() if name != "latent"}
        # What a style was made of its label is in the style.
        self.beside = {n: rows for n, rows in beside.items() if n != "label" or space == "z"}

    def whole(self, latent: Tensor) -> Tensor:
        """Return the latent as files have it: of W a w for each layer."""
        if self.space == "z":
            return latent
        return latent.expand(-1, style_generator(self.sampler).num_ws, -1)

    def __call__(self, latent: Tensor) -> Tensor:
        if self.space == "z":
            return self.sampler.produce(self.sampler.generator, {"latent": latent, **self.beside})["fake"]
        return style_generator(self.sampler).from_w(self.whole(latent), **self.beside)


def _start(
    sampler: Sampler, target: Tensor, distance: Distance, space: str, seed: int, label: Label
) -> tuple[Tensor, _Draw, float]:
    """Return where the search begins, what draws from there, and the deviation of the latents."""
    inputs = sampler.inputs(1, seed, label)
    draw = _Draw(sampler, space, inputs)
    if space == "z":
        latents = sampler.draw_latent(NUM_STARTS, seed)
        with torch.no_grad():
            found = [
                distance(draw_rows(draw, each), target.expand(len(each), -1, -1, -1))
                for each in latents.split(32)
            ]
        return latents[torch.cat(found).argmin()][None].clone().requires_grad_(), draw, 0.0
    generator = style_generator(sampler, "space", space)
    labels = inputs.get("label")
    with torch.no_grad():
        many = sampler.draw_latent(NUM_FOR_MEAN, seed)
        ws = generator.to_w(many, None if labels is None else labels.expand(len(many), *labels.shape[1:]))[
            :, :1
        ]
        mean = ws.mean(0, keepdim=True)
        deviation = float((ws - mean).square().sum(-1).mean().sqrt())
    start = mean if space == "w" else mean.expand(-1, generator.num_ws, -1)
    return start.clone().requires_grad_(), draw, deviation


def draw_rows(draw: _Draw, latents: Tensor) -> Tensor:
    """Return the images of several latents z with the same inputs beside them."""
    beside = {name: rows.expand(len(latents), *rows.shape[1:]) for name, rows in draw.beside.items()}
    return draw.sampler.produce(draw.sampler.generator, {"latent": latents, **beside})["fake"]


def rate_at(done: float) -> float:
    """Return the share of the rate after a share of the steps: a linear rise, and half a cosine down at the end.

    >>> rate_at(0.025), rate_at(0.5), round(rate_at(0.875), 3)
    (0.5, 1.0, 0.5)
    """
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - done) / RAMP_DOWN))
    return down * min(1.0, done / RAMP_UP)


__all__ = ["SPACES", "CriticDistance", "Distance", "PerceptualDistance", "Projection", "project"]
