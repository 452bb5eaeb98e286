"""Directions of the latent space that change an image most, in closed form (SeFa)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from ganworks.errors import GanworksError
from ganworks.model import Generator
from ganworks.model.codes import Coded
from ganworks.model.layer.equalized import EqualizedLinear
from ganworks.model.style import StyleGenerator
from ganworks.noise import keyed_rng
from ganworks.picture.sheet import Row, block, sheet
from ganworks.sample.label import Label
from ganworks.sample.sampler import Sampler
from ganworks.sample.seed import Seed
from ganworks.sample.styles import Styles, draw_styles, make_from_styles

Weighted = (
    nn.Linear | nn.modules.conv._ConvNd
)  # what counts as a layer with weights, transposed convolutions too
NUM_FOR_DEVIATION = 512  # draws of w that its deviation along a direction is taken of
TOLERANCE = 1e-3  # of the output's size, by which an affine layer may miss its own linear part in float32


@dataclass(frozen=True)
class Directions:
    """Directions of the latent space, the strongest first.

    Args:
        vectors: of length 1, (K, latent_dim).
        shares: of all directions' squared effect on the layer, (K,).
        layer: name of the layer in the generator.
    """

    vectors: Tensor
    shares: Tensor
    layer: str


def semantic_directions(generator: Generator, num: int, label: Tensor | None = None) -> Directions:
    r"""Return the ``num`` directions that move the first layer's output most.

    Shen and Zhou 2021, eq. 5 (https://arxiv.org/abs/2007.06600): the :math:`n`, of length 1, for which
    :math:`\|A n\|^2` is largest are the eigenvectors of :math:`A^T A`. A is the part of the first layer's weight
    that reads the latent, see `latent_weight`. Each points to where its largest coordinate is positive.

    Args:
        generator: in evaluation mode.
        label: class (1,) of a conditional generator, or vector (1, num_classes); the directions are the same for all.

    Raises:
        GanworksError: no layer reads the latent as it is.
    """
    layer, weight = latent_weight(generator, label)
    return _strongest(weight, num, layer)


def style_directions(generator: StyleGenerator, num: int) -> Directions:
    r"""Return the ``num`` directions of W that move the layers' styles most.

    Shen and Zhou 2021, section 3.3: the eigenvectors of :math:`A^T A`, with A the weights of all layers' affine maps of
    w below each other.

    Raises:
        GanworksError: no layer of the generator reads w through an affine map of its own.
    """
    affines = [getattr(module, "affine", None) for module in generator.modules()]
    weights = [
        affine.weight.detach().double() * affine.gain
        for affine in affines
        if isinstance(affine, EqualizedLinear) and affine.weight.shape[1] == generator.w_dim
    ]
    if not weights:
        raise GanworksError("no layer of the generator reads w through an affine map of its own")
    return _strongest(torch.cat(weights), num, "all styles")


def _strongest(weight: Tensor, num: int, layer: str) -> Directions:
    values, vectors = torch.linalg.eigh(weight.T @ weight)  # ascending, a vector a column
    vectors = vectors.T.flip(0)[:num]
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    shares = values.clamp(min=0).flip(0) / values.sum()
    return Directions(vectors * largest.sign(), shares[:num], layer)


def latent_weight(generator: Generator, label: Tensor | None = None) -> tuple[str, Tensor]:
    """Return the name of the first layer that takes the latent, and its matrix A (outputs, latent_dim), float64.

    It is the first `Linear` or convolution, in the order of the forward pass, whose output changes with the latent.
    Column i of A is by how much it changes from latent 0 to the i-th unit vector; what comes from the label is the
    same in both and drops out, and of a weight that reads more than the latent only that part is left.

    Raises:
        GanworksError: no such layer, or one that is not affine in the latent, for example behind a normalisation.
    """
    size = generator.latent_dim
    where = next(generator.parameters())
    test = torch.linspace(-2, 2, size, device=where.device, dtype=where.dtype)[None]
    unit = torch.eye(size, device=where.device, dtype=where.dtype)
    latent = torch.cat([torch.zeros_like(test), test, unit])
    labels = None if label is None else label.to(where.device).expand(len(latent), *label.shape[1:])
    for name, output in layer_outputs(generator, latent, labels):
        if len(output) != len(latent):  # a row for each frame, which another noise moves too
            continue
        origin, test_change = output[0], (output[1] - output[0]).double()
        weight = (output[2:] - origin).double().T
        if not weight.any():
            continue
        error = (weight @ test[0].double() - test_change).norm() / test_change.norm()
        if not error < TOLERANCE:
            raise GanworksError(f"the first layer that takes the latent, {name}, does not read it as it is")
        return name, weight
    raise GanworksError("no Linear or convolution of the generator takes the latent")


@torch.no_grad()
def layer_outputs(generator: Generator, latent: Tensor, label: Tensor | None) -> list[tuple[str, Tensor]]:
    """Return names and outputs (N, outputs) of the generator's layers with weights, in the order of their calls.

    Noise beside the latent is one draw, the same for all.
    """
    others = {name: noise for name, noise in generator.noise.items() if name != "latent"}
    drawn = {name: noise.draw(1, keyed_rng(0, name)) for name, noise in others.items()}
    inputs = {k: v.to(latent).expand(len(latent), *v.shape[1:]) for k, v in drawn.items()}
    inputs |= {} if label is None else {"label": label}
    outputs: list[tuple[str, Tensor]] = []
    hooks = [
        layer.register_forward_hook(
            lambda _layer, _inputs, output, name=name: outputs.append((name, output.flatten(1)))
        )
        for name, layer in generator.named_modules()
        if isinstance(layer, Weighted)
    ]
    try:
        generator(latent=latent, **inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


def movable(sampler: Sampler) -> Generator:
    """Return the generator of ``sampler``, whose latent can be moved.

    Raises:
        GanworksError: it is more than one network, takes no latent, or one whose end is codes.
    """
    generator = sampler.generator
    if not isinstance(generator, Generator):
        raise GanworksError("the generator is more than one network")
    if not generator.latent_dim:
        raise GanworksError("the generator takes no latent")
    if isinstance(generator, Coded):
        raise GanworksError("the latent of this generator ends in codes, which are what changes (code=)")
    return generator


def any_label(sampler: Sampler) -> Tensor | None:
    """Return a label for what is the same for all of them: zeros (num_classes,); None where classes are drawn."""
    return torch.zeros(sampler.num_classes) if sampler.label_kind in ("multi", "vector") else None


def deviations_of(sampler: Sampler, directions: Directions) -> Tensor:
    """Return the deviation of w along each direction, (K,), float64 on the CPU."""
    ws = draw_styles(sampler, NUM_FOR_DEVIATION, label=any_label(sampler)).ws[:, 0]
    return (ws @ directions.vectors.to(ws).T).std(0).cpu().double()


def moved(sampler: Sampler, directions: Directions, inputs: Mapping[str, Tensor], steps: Tensor) -> Tensor:
    """Return a sample moved along each direction, (K, steps, *shape), on the CPU.

    Args:
        inputs: of the sample, a row each: ``latent`` (1, latent_dim), other noise and conditions.
        steps: lengths of the moves, (steps,).
    """
    moves = steps[None, :, None] * directions.vectors[:, None].cpu()
    latents = (inputs["latent"] + moves.to(inputs["latent"])).flatten(0, 1)
    rows = {name: row.expand(len(latents), *row.shape[1:]) for name, row in inputs.items()}
    return torch.cat(list(sampler.batches({**rows, "latent": latents}))).cpu().unflatten(0, moves.shape[:2])


def strips_along(
    sampler: Sampler, seed: Seed, num_directions: int, num_steps: int, strength: float, label: Label = None
) -> Tensor:
    """Return one sample moved along each of the strongest directions, (K, num_steps, *shape), on the CPU.

    Of a generator with styles in W, else in the latents.

    Args:
        strength: the farthest step either way, in deviations of the latent along the direction.
        label: class of the sample.

    Raises:
        GanworksError: no layer of the generator reads the latent as it is.
    """
    generator = movable(sampler)
    steps = torch.linspace(-strength, strength, num_steps)
    if isinstance(generator, StyleGenerator):
        directions = style_directions(generator, num_directions)
        return moved_in_w(sampler, directions, draw_styles(sampler, 1, seed, label), steps)
    inputs = sampler.inputs(1, seed, label)
    return moved(sampler, semantic_directions(generator, num_directions, inputs.get("label")), inputs, steps)


def moved_in_w(sampler: Sampler, directions: Directions, styles: Styles, steps: Tensor) -> Tensor:
    """Return a sample moved along each direction of W, (K, steps, *shape), on the CPU.

    Args:
        styles: of the sample, a row.
        steps: lengths of the moves, (steps,), in deviations of w along the direction.
    """
    vectors = directions.vectors.to(styles.ws)
    deviations = deviations_of(sampler, directions).to(vectors)
    moves = (steps[None, :, None].to(vectors) * (deviations[:, None] * vectors)[:, None]).flatten(0, 1)
    rows = styles.rows(torch.zeros(len(moves), dtype=torch.long, device=moves.device))
    images = torch.cat(list(make_from_styles(sampler, rows.at(rows.ws + moves[:, None]))))
    return images.cpu().unflatten(0, (len(vectors), len(steps)))


def directions_sheet(
    sampler: Sampler, seed: int = 0, num_directions: int = 6, num_steps: int = 7, alpha: float = 3.0
) -> Image.Image:
    """Return two samples moved along each of the strongest directions from -alpha to +alpha.

    Raises:
        GanworksError: no layer of the generator reads the latent as it is.
    """
    generator = movable(sampler)
    inputs = sampler.inputs(2, seed)
    label = inputs.get("label")
    has_styles = isinstance(generator, StyleGenerator)
    directions = (
        style_directions(generator, num_directions)
        if isinstance(generator, StyleGenerator)
        else semantic_directions(generator, num_directions, None if label is None else label[:1])
    )
    styles = draw_styles(sampler, 2, seed, label) if has_styles else None
    steps = torch.linspace(-alpha, alpha, num_steps)
    columns = [f"{step:+.2g}" if abs(step) > 1e-6 else "0" for step in steps.tolist()]
    names = [f"{number}  ({share:.0%})" for number, share in enumerate(directions.shares.tolist(), start=1)]
    blocks = []
    for index, heading in enumerate(("First sample", "Second sample")):
        sample = {name: rows[index : index + 1] for name, rows in inputs.items()}
        strips = (
            moved(sampler, directions, sample, steps)
            if styles is None
            else moved_in_w(sampler, directions, styles.rows(torch.tensor([index])), steps)
        )
        words = "" if label is None or label.dim() > 1 else f", class {label[index]}"
        rows = [Row(strip, name) for strip, name in zip(strips, names, strict=True)]
        blocks.append(block(rows, heading + words, columns))
    note = (
        f"The directions of {'w that move ' if has_styles else 'the latent that move the output of the first layer '}"
        f"({directions.layer}) most, with their share in all directions' squared effect on it. Columns: the step along"
        " the direction, in standard deviations of the latent; 0 is the sample itself. Shen and Zhou 2021."
    )
    return sheet("Semantic directions in closed form", note, blocks, columns=2)
