"""`sample.py ... space=w`, `mix=`, `directions=`, `move=`, `latent=`, `project=`: samples by where they come from."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganworks.bar import Bar
from ganworks.cli.sample_arguments import NUM, Arguments, check_seeds, labels_of, load, seed_of, suffix_of
from ganworks.data.decode import SUFFIXES, decode
from ganworks.data.planes import ARRAY
from ganworks.data.samples import to_float
from ganworks.errors import GanworksError, SettingError, check_count, check_range
from ganworks.model.style import StyleGenerator
from ganworks.picture.directions import strips_along
from ganworks.picture.move import moved_inputs, moved_styles
from ganworks.sample.projection import CriticDistance, Distance, PerceptualDistance, project
from ganworks.sample.styles import (
    Styles,
    between,
    check_space,
    draw_styles,
    load_latent,
    make_from_styles,
    mixed,
    save_latent,
    style_generator,
)
from ganworks.sample.trained_format import trained_format

if TYPE_CHECKING:
    from ganworks.sample.sampler import Sampler

log = logging.getLogger(__name__)
PROJECTED = "projected"  # the folder of a projection that nobody gives a place
MAX_MOVE = 100.0  # deviations; farther out, numbers overflow in the networks before anything is seen
KINDS = (
    "project",
    "latent",
    "directions",
    "mix",
    "interpolate",
    "move",
)  # of pictures, of which one is asked for
NEEDS = {"crossover": "mix", "cutoff": "truncation"}  # settings that mean nothing without another


def check_arguments(arguments: Arguments) -> None:
    """Raise `SettingError` for settings that exclude each other, or that are out of range."""
    check_space(arguments.space)
    for name in ("mix", "directions"):
        check_count(name, getattr(arguments, name), at_least=0)
    check_range("strength", arguments.strength, 1e-6)
    if arguments.project is not None:
        check_count("steps", arguments.steps)
        check_range("rate", arguments.rate, 1e-8)
    check_seeds(arguments)
    chosen = [name for name in KINDS if getattr(arguments, name)]
    if len(chosen) > 1:
        raise SettingError(chosen[0], getattr(arguments, chosen[0]), f"left out with {chosen[1]}=")
    if arguments.space == "w+" and arguments.project is None:
        raise SettingError("space", "w+", "z or w: w+ is a space to project into (project=IMAGE)")
    given = {"mix": arguments.mix or None, "truncation": arguments.truncation}
    for name, needs in NEEDS.items():
        if getattr(arguments, name) is not None and given[needs] is None:
            raise SettingError(name, getattr(arguments, name), f"left out without {needs}=")
    if arguments.cutoff is not None and arguments.space == "z" and not arguments.mix:
        raise SettingError("cutoff", arguments.cutoff, "left out with space=z: layers have styles in space=w")
    ignoring = next((name for name in ("project", "latent", "directions") if getattr(arguments, name)), None)
    if arguments.truncation is not None and ignoring is not None:
        raise SettingError(
            "truncation", arguments.truncation, f"left out with {ignoring}=, which does not truncate"
        )


def draw_by_latent(arguments: Arguments, sampler: Sampler) -> tuple[int, Iterator[Tensor], int | None]:
    """Return the number of samples, the samples in batches, and the columns of their grid, None for any."""
    if arguments.latent is not None:
        batches = list(load_latent(sampler, Path(arguments.latent).expanduser()))
        return sum(map(len, batches)), iter(batches), None
    if arguments.directions:
        steps = check_count("num", arguments.num or 7)
        return _directions(arguments, sampler, steps)
    if arguments.mix:
        return _mixed(arguments, sampler)
    if arguments.move is not None:
        return _moved(arguments, sampler)
    num = arguments.num or NUM
    if not arguments.interpolate:
        styles = _styles(arguments, sampler, num, labels_of(arguments, sampler))
        return num, make_from_styles(sampler, styles, arguments.batch_size), None
    label = labels_of(arguments, sampler)
    ends = None if label is None else label.repeat_interleave(2, 0)
    lines = between(_styles(arguments, sampler, 2 * arguments.interpolate, ends), num)
    return len(lines.ws), make_from_styles(sampler, lines, arguments.batch_size), num


def _styles(arguments: Arguments, sampler: Sampler, num: int, label: Tensor | None) -> Styles:
    return draw_styles(sampler, num, seed_of(arguments), label, arguments.truncation, arguments.cutoff)


def _mixed(arguments: Arguments, sampler: Sampler) -> tuple[int, Iterator[Tensor], int]:
    """Return the grid of all pairs of sources: rows give the coarse layers, columns the fine ones."""
    generator = style_generator(sampler, "mix", arguments.mix)
    arguments.num = arguments.mix
    styles = _styles(arguments, sampler, arguments.mix, labels_of(arguments, sampler))
    crossover = generator.num_ws // 2 if arguments.crossover is None else arguments.crossover
    pairs = mixed(styles, crossover)
    return len(pairs.ws), make_from_styles(sampler, pairs, arguments.batch_size), arguments.mix


def _directions(arguments: Arguments, sampler: Sampler, steps: int) -> tuple[int, Iterator[Tensor], int]:
    """Return a strip of one sample along each of the strongest directions."""
    settings = (seed_of(arguments), arguments.directions, steps, arguments.strength)
    strips = strips_along(sampler, *settings, label=arguments.label)
    return strips.shape[0] * steps, iter([strips.flatten(0, 1)]), steps


def _moved(arguments: Arguments, sampler: Sampler) -> tuple[int, Iterator[Tensor], None]:
    """Return samples moved along several directions at once."""
    lengths = lengths_of(str(arguments.move))
    num, label = arguments.num or NUM, labels_of(arguments, sampler)
    if not isinstance(sampler.generator, StyleGenerator):
        inputs = sampler.inputs(num, seed_of(arguments), label, arguments.truncation)
        return num, sampler.batches(moved_inputs(sampler, inputs, lengths), arguments.batch_size), None
    if arguments.truncation is not None and arguments.space == "z":
        allowed = "left out, or with space=w: the styles of this generator are what moves"
        raise SettingError("truncation", arguments.truncation, allowed)
    styles = moved_styles(sampler, _styles(arguments, sampler, num, label), lengths)
    return num, make_from_styles(sampler, styles, arguments.batch_size), None


def lengths_of(text: str) -> list[float]:
    """Return the numbers of ``move=``; raise `SettingError` where it holds something else."""
    try:
        return [
            check_range("move", float(part), -MAX_MOVE, MAX_MOVE) for part in text.strip(" []").split(",")
        ]
    except ValueError as error:
        if isinstance(error, SettingError):
            raise
        allowed = "numbers with commas between them, in deviations of the latent, such as 2,0,-1.5"
        raise SettingError("move", text, allowed) from None


# Projection


def project_image(arguments: Arguments) -> str:
    """Find the latent that draws ``project=IMAGE``, write it and what it draws; return what was done, in words."""
    steps = check_count("steps", arguments.steps)
    image = Path(str(arguments.project)).expanduser()
    if not image.is_file() or image.suffix.lower() not in (*SUFFIXES, ARRAY):
        raise SettingError("project", image, "an image file that exists (.png, .jpg, .webp, ...)")
    out = Path(arguments.out or PROJECTED)
    if suffix_of(out):
        raise SettingError("out", out, "a folder: a projection is a picture and a latent")
    sampler = load(arguments)
    if not sampler.kind.is_image or sampler.conditions not in ((), ("label",)):
        allowed = "left out: only a generator of images from noise has a latent to look for"
        raise SettingError("project", image, allowed)
    target = target_of(image, sampler)
    label = sampler.labels(1, arguments.seed, labels_of(_single(arguments), sampler))
    distance, words = distance_of(arguments, sampler, label)
    with Bar("Projecting", steps) as bar:
        settings = (arguments.space, steps, arguments.rate, arguments.seed, label)
        found = project(sampler, target, distance, *settings, watch=lambda step, value: bar.advance())
    out.mkdir(parents=True, exist_ok=True)
    save_latent(found.latent, out / "latent.safetensors")
    pair = torch.cat([target, found.image]).cpu()
    sampler.kind.save_picture(pair, out / "projection.png", 2)
    change = f"distance {found.start:.3g} -> {found.distance:.3g} ({words})"
    return f"{image.name} in {arguments.space}: {change}; target, image and latent in {out}"


def _single(arguments: Arguments) -> Arguments:
    arguments.num = 1
    return arguments


def target_of(image: Path, sampler: Sampler) -> Tensor:
    """Return the image (1, *shape) as the training would have read it."""
    channels, height, width = sampler.shape
    try:
        values = decode(image, trained_format(sampler.config, (height, width), channels))
    except Exception as error:
        raise GanworksError(f"{image} can't be read: {error}") from error
    return to_float(values)[None].to(next(sampler.generator.parameters()))


def distance_of(arguments: Arguments, sampler: Sampler, label: Tensor | None) -> tuple[Distance, str]:
    """Return what images are compared by, with its name: LPIPS where its weights are, else pixels and the critic."""
    from ganworks.metric.extractor.lpips import MIN_SIZE, Lpips

    lpips = Lpips(device=str(sampler.device))
    fits = sampler.shape[0] in (1, 3) and min(sampler.shape[1:]) >= MIN_SIZE
    if fits and lpips.path.is_file():
        lpips.load()
        perceptual = PerceptualDistance(lpips.between)
        return perceptual, str(perceptual)
    critic = CriticDistance(critic_of(arguments, sampler), label)
    return critic, str(critic)


def critic_of(arguments: Arguments, sampler: Sampler) -> nn.Module | None:
    """Return the discriminator of the run, where there is one network with its weights; None where there is none."""
    from ganworks.evaluation.source import Source
    from ganworks.run.instantiate import make
    from ganworks.sample.loading import last_checkpoint, read_checkpoint

    try:
        source = Source.find(str(arguments.run), None, arguments.trust)
        file = None if source.run_dir is None else last_checkpoint(source.run_dir)
        if file is None:
            return None
        network = make("model.discriminator", source.config("", "").model.discriminator)
        state = read_checkpoint(file)["state_dict"]
        prefix = "discriminator."
        network.load_state_dict({k[len(prefix) :]: t for k, t in state.items() if k.startswith(prefix)})
    except (GanworksError, RuntimeError, AttributeError, KeyError) as error:
        log.info("The discriminator is not used: %s", str(error).splitlines()[0])
        return None
    return network.to(sampler.device).eval().requires_grad_(False)
