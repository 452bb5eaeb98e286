"""Each family's networks start from those of another resolution, layer by layer, through a file of weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity

from ganworks.loss import BCE
from ganworks.model import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    BigGANDiscriminator,
    BigGANGenerator,
    FastGANDiscriminator,
    FastGANGenerator,
    R3GANDiscriminator,
    R3GANGenerator,
    SAGANDiscriminator,
    SAGANGenerator,
    SNGANDiscriminator,
    SNGANGenerator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    StyleGAN3Generator,
    TransformerDiscriminator,
    TransformerGenerator,
)
from ganworks.model.base import Generator, draw_noise
from ganworks.noise import keyed_rng
from ganworks.optimizer import Constant
from ganworks.run.init_from import portable_names, read, start_from
from ganworks.task import AdversarialTask, ExponentialMovingAverage

Pair = tuple[Generator, nn.Module]
MAPPED = {"latent_dim": 4, "w_dim": 4, "channel_base": 128, "channel_max": 4}
MAPS = {"channel_base": 128, "channel_max": 4}


def square(
    generator: Callable[..., Generator],
    discriminator: Callable[..., nn.Module],
    halved: tuple[int, int] = (0, 0),
) -> Callable[[int], Pair]:
    """Make a pair of a side; ``halved``: widths of either at 128 pixels, twice as much at half the side."""

    def made(side: int) -> Pair:
        settings: list[dict[str, Any]] = [{"width": width * 128 // side} if width else {} for width in halved]
        return generator((3, side, side), **settings[0]), discriminator((3, side, side), **settings[1])

    return made


def stylegan2(kind: str, judged: str, **settings: Any) -> Callable[[int], Pair]:
    return square(
        partial(StyleGAN2Generator, num_mapping=2, architecture=kind, **MAPPED, **settings),
        partial(StyleGAN2Discriminator, architecture=judged, group_size=2, **MAPS),
    )


# What makes a pair, a resolution, and the layers of that pair for which one of twice the resolution has no place. The
# last stage of the residual discriminators has its width from a table, and so has the first of SNGAN's generator.
FAMILIES: dict[str, tuple[Callable[[int], Pair], int, str]] = {
    "r3gan": (
        square(
            partial(R3GANGenerator, latent_dim=4, width=4, num_blocks=1),
            partial(R3GANDiscriminator, width=4, num_blocks=2),
        ),
        32, "to_image from_image",
    ),
    "stylegan2": (stylegan2("skip", "resnet"), 32, "blocks.b32.from_image"),
    "stylegan2 residual": (stylegan2("resnet", "skip", noise="const"), 32, "synthesis.b32.to_image"),
    "stylegan2_cifar": (stylegan2("skip", "orig", style_mixing=0.0), 32, "blocks.b32.from_image"),
    "fastgan": (
        square(partial(FastGANGenerator, latent_dim=4, width=2), partial(FastGANDiscriminator, width=2)),
        32, "to_image from_image.0 decoders.part.4 decoders.whole.4",
    ),
    "fastgan of large images": (
        square(partial(FastGANGenerator, latent_dim=4, width=1), partial(FastGANDiscriminator, width=1)),
        256, "to_image from_image.0",
    ),
    "biggan": (
        square(partial(BigGANGenerator, width=1), BigGANDiscriminator, (0, 1)),
        64, "to_image norm attention stages.0 stages.4 linear",
    ),
    "biggan_deep": (
        square(partial(BigGANDeepGenerator, latent_dim=4, width=4), BigGANDeepDiscriminator, (0, 4)),
        64, "to_image norm linear attention stem stages.3",
    ),
    "sagan": (
        square(partial(SAGANGenerator, latent_dim=4, width=1), SAGANDiscriminator, (0, 1)),
        64, "to_image norm stages.0 stages.4 linear",
    ),
    "sngan": (
        square(partial(SNGANGenerator, latent_dim=4), SNGANDiscriminator, (1, 1)),
        64, "to_image norm linear stages.0 stages.4",
    ),
}  # fmt: skip
every_family = pytest.mark.parametrize("family", FAMILIES)


def task_of(pair: Pair) -> AdversarialTask:
    return AdversarialTask(
        *pair,
        loss=BCE(),
        optimizers=dict.fromkeys(("generator", "discriminator"), partial(torch.optim.SGD, lr=0.1)),
        schedule=Constant(),
        ema=ExponentialMovingAverage(half_life=100.0),
        num_images=100,
    )


def drawn(generator: Generator, num: int = 2) -> Tensor:
    with torch.no_grad():
        return generator.eval()(**draw_noise(generator, num, lambda name: keyed_rng(0, name)))


def sides(network: nn.Module) -> dict[str, int]:
    """The side of the maps that a layer sees or makes, whichever is smaller; 0 of one without maps."""
    found: dict[str, int] = {}
    network = copy.deepcopy(network).eval()

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            maps = [t.shape[-1] for t in (*inputs, first) if isinstance(t, Tensor) and t.dim() == 4]
            found[name] = min(maps, default=0)

        return hook

    layers = {
        name: layer for name, layer in network.named_modules() if name and "parametrizations" not in name
    }
    for name, layer in layers.items():
        layer.register_forward_hook(note(name))
    if isinstance(network, Generator):
        drawn(network)
    else:
        network(torch.zeros(2, *network.shape))
    return found


def side_of(tensor: str, layers: dict[str, int]) -> int | None:
    names = [name for name in layers if tensor.startswith(f"{name}.") and layers[name]]
    return layers[max(names, key=len)] if names else None


def start(source: nn.Module, target: AdversarialTask, folder: Path) -> dict[str, str]:
    """Start one task from the other's weights in a file; return the lines of the plan."""
    state = {name: tensor.contiguous() for name, tensor in source.state_dict().items()}
    save_file(state, folder / "weights.safetensors")
    return start_from(read(folder / "weights.safetensors"), target)


@every_family
@pytest.mark.parametrize("is_larger", [True, False])
def test_layers_of_the_same_side_arrive_and_the_others_keep_their_first_weights(
    family: str, is_larger: bool, tmp_path: Path
) -> None:
    make, resolution, left_over = FAMILIES[family]
    torch.manual_seed(0)
    small, large = task_of(make(resolution)), task_of(make(2 * resolution))
    source, target = (small, large) if is_larger else (large, small)
    weights, before = source.state_dict(), {k: v.clone() for k, v in target.state_dict().items()}
    lines, after = start(source, target, tmp_path), target.state_dict()
    left: set[str] = set()
    for role in ("generator", "discriminator"):
        theirs, ours = source.players[role], target.players[role]
        there = {portable: name for name, portable in portable_names(theirs, theirs.state_dict()).items()}
        here = portable_names(ours, ours.state_dict())
        assert len(set(here.values())) == len(here)
        sides_there, sides_here = sides(theirs), sides(ours)
        taken = {}
        for name, portable in here.items():
            origin, key = there.get(portable), f"{role}.{name}"
            if origin is not None and weights[f"{role}.{origin}"].shape == after[key].shape:
                taken[name] = origin
                assert torch.equal(after[key], weights[f"{role}.{origin}"]), name
                assert side_of(name, sides_here) == side_of(origin, sides_there), name
            else:
                assert torch.equal(after[key], before[key]), name
        is_all = len(taken) == len(here) == len(there)
        assert lines[f"  {role}"].startswith(f"takes {'all ' * is_all}{len(taken)} tensors"), lines
        left |= set(there.values()) - set(taken.values()) if is_larger else set(here) - set(taken)
    assert {
        next((m for m in left_over.split() if f"{name}.".startswith(f"{m}.")), name) for name in left
    } == set(left_over.split())
    assert drawn(target.generator).isfinite().all()


@pytest.mark.parametrize("family", ["biggan", "sagan", "sngan"])
def test_the_special_networks_of_32_pixels_give_no_layer_of_another_side(family: str) -> None:
    make = FAMILIES[family][0]
    for theirs, ours in zip(make(32), make(64), strict=True):
        there = {portable: name for name, portable in portable_names(theirs, theirs.state_dict()).items()}
        sides_there, sides_here = sides(theirs), sides(ours)
        for name, portable in portable_names(ours, ours.state_dict()).items():
            if portable in there and not portable.endswith("tracked"):
                assert side_of(name, sides_here) == side_of(there[portable], sides_there), name


def test_a_transformer_takes_all_weights_for_its_places_are_computed(tmp_path: Path) -> None:
    settings = {"num_heads": 2, "patch_size": 4}
    tasks = [
        task_of(
            (
                TransformerGenerator((3, side, side), latent_dim=4, depth=4, width=16, **settings),
                TransformerDiscriminator((3, side, side), depth=2, width=16, **settings),
            )
        )
        for side in (16, 32)
    ]
    lines = start(*tasks, tmp_path)
    assert all(lines[f"  {role}"].startswith("takes all ") for role in tasks[0].players)
    assert drawn(tasks[1].generator).shape == (2, 3, 32, 32)
    rows = [task.generator.positions for task in tasks]
    assert torch.equal(rows[1].view(8, 8, -1)[:4, :4], rows[0].view(4, 4, -1))  # a patch is where it was
    small, large = (task.discriminator(torch.randn(2, *task.discriminator.shape)) for task in tasks)
    assert small.shape == large.shape


@pytest.mark.parametrize(("kind", "least"), [("t", 0.9), ("r", 0.97)])
@pytest.mark.parametrize(("there", "here"), [(32, 64), (64, 32)])
def test_stylegan3_of_another_resolution_draws_nearly_the_same_images(
    kind: str, least: float, there: int, here: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    settings = {"latent_dim": 8, "w_dim": 8, "kind": kind, "channel_base": 4096, "channel_max": 12}
    tasks = [
        task_of(
            (
                StyleGAN3Generator((3, side, side), magnitude_decay=0.0, **settings),
                StyleGAN2Discriminator((3, side, side), **MAPS, group_size=2),
            )
        )
        for side in (there, here)
    ]
    new = drawn(tasks[1].generator, 4)
    tasks[0].generator.train()(torch.randn(8, 8))  # its magnitudes are those of its maps
    lines = start(*tasks, tmp_path)
    assert lines["  generator"].startswith("takes all ")
    images = [adaptive_avg_pool2d(image, 16) for image in (*(drawn(t.generator, 4) for t in tasks), new)]
    source, taken, untrained = ((x - x.mean((2, 3), keepdim=True)).flatten(1) for x in images)
    assert cosine_similarity(source, taken).mean() > least
    assert cosine_similarity(source, untrained).mean() < 0.5
