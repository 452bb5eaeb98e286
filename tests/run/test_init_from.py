"""What of trained weights a network takes: by name, by shape, and by the resolution that a layer works at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from games import SHAPE, SharedGenerator, make_task
from ganworks.errors import GanworksError
from ganworks.model import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    ResnetDiscriminator,
    ResnetGenerator,
)
from ganworks.run.init_from import Source, fit_of, line, portable_names, start_from, take

Network = Callable[..., nn.Module]
NETWORKS: dict[str, Network] = {
    "dcgan generator": DCGANGenerator,
    "dcgan discriminator": DCGANDiscriminator,
    "dcgan discriminator, spectral": lambda *a, **k: DCGANDiscriminator(*a, norm="spectral", **k),
    "dcgan discriminator, no norm": lambda *a, **k: DCGANDiscriminator(*a, norm="none", **k),
    "resnet generator": lambda *a, **k: ResnetGenerator(*a, dense_width=8, **k),
    "resnet discriminator": lambda *a, **k: ResnetDiscriminator(*a, dense_width=8, **k),
    "resnet of two blocks": lambda *a, **k: ResnetDiscriminator(*a, dense_width=8, num_blocks=2, **k),
}
every_network = pytest.mark.parametrize("name", NETWORKS)
# Channels double as the side halves: a network of twice the side and half the width has those of the smaller one.
SIZES = {16: 8, 32: 4, 64: 2}


def network(name: str, resolution: int, **settings: int) -> nn.Module:
    return NETWORKS[name]((1, resolution, resolution), **{"width": SIZES[resolution], **settings})


def sides(player: nn.Module) -> dict[str, int]:
    """The side of the maps that each convolution and norm of a network sees or makes, whichever is smaller."""
    found: dict[str, int] = {}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            found[name] = min(t.shape[-1] if t.dim() == 4 else 0 for t in (inputs[0], output))

        return hook

    layers = {name: layer for name, layer in player.named_modules() if not list(layer.children())}
    layers |= {
        name: layer for name, layer in player.named_modules() if hasattr(layer, "weight")
    }  # parametrized
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
    latent_dim = getattr(player, "latent_dim", 0)
    player.eval()(torch.zeros(2, latent_dim) if latent_dim else torch.zeros(2, *player.shape))
    for hook in hooks:
        hook.remove()
    return found


def layer_of(tensor: str, layers: dict[str, int]) -> str:
    return max((name for name in layers if tensor.startswith(f"{name}.")), key=len)


@every_network
@pytest.mark.parametrize(("there", "here"), [(16, 32), (32, 16), (16, 64)])
def test_a_network_of_another_resolution_takes_each_layer_from_the_same_side(
    name: str, there: int, here: int
) -> None:
    source, target = network(name, there), network(name, here)
    weights = source.state_dict()
    fit = fit_of(target, weights)
    origins = {id(tensor): origin for origin, tensor in weights.items()}
    sides_there, sides_here = sides(source), sides(target)
    for tensor, taken in fit.taken.items():
        origin = origins[id(taken)]
        assert sides_here[layer_of(tensor, sides_here)] == sides_there[layer_of(origin, sides_there)], tensor
    assert len(fit.taken) + len(fit.skipped) == len(weights)
    assert len(fit.taken) + len(fit.new) == len(target.state_dict())
    # Only the layer beside the image, and those of sides that the smaller network does not have, are left over.
    smaller = min((source, sides_there), (target, sides_here), key=lambda pair: pair[0].shape[-1])
    left_over = fit.skipped if smaller[0] is source else fit.new
    beside = {"to_image", "from_image", "layers.0"}
    assert {layer_of(tensor, smaller[1]).split(".parametrizations")[0] for tensor in left_over} <= beside


def test_a_layer_of_the_same_name_and_shape_at_another_resolution_is_not_taken() -> None:
    weights = network("dcgan discriminator", 16, width=8).state_dict()
    target = network("dcgan discriminator", 32, width=8)
    assert weights["layers.2.weight"].shape == target.state_dict()["layers.2.weight"].shape
    assert "layers.2.weight" not in fit_of(target, weights).taken


@every_network
def test_names_by_resolution_are_all_different(name: str) -> None:
    for resolution in SIZES:
        names = network(name, resolution).state_dict()
        portable = portable_names(network(name, 16), names)
        assert list(portable) == list(names)
        assert len(set(portable.values())) == len(names)


@pytest.mark.parametrize("dense_width", [0, 8])
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "spectral"])
def test_the_dense_layers_of_two_resolutions_are_the_same(dense_width: int, norm: str) -> None:
    settings = {"dense_width": dense_width, "norm": norm}
    source = DCGANDiscriminator((1, 8, 8), width=16, **settings)  # type: ignore[arg-type]
    target = DCGANDiscriminator((1, 16, 16), width=8, **settings)  # type: ignore[arg-type]
    names = portable_names(target, source.state_dict())
    assert {
        name for name in names.values() if not name.startswith(("b8.from_image", "dense", "head"))
    } == set()
    fit = fit_of(target, source.state_dict())
    assert {name.split(".")[0] for name in fit.skipped} == {"layers"}
    assert all(name.startswith("layers.0.") for name in fit.skipped)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MLPGenerator((2,), latent_dim=4, width=8),
        lambda: MLPDiscriminator((2,), width=8, norm="spectral"),
        lambda: DCGANGenerator((1, 8, 8), width=4, num_classes=3),
        lambda: nn.ModuleDict({"a": nn.Linear(2, 2), "b": ResnetDiscriminator((1, 16, 16), width=4)}),
    ],
)
def test_a_network_like_the_source_takes_all_and_has_its_weights_afterwards(
    make: Callable[[], nn.Module],
) -> None:
    source, target = make(), make()
    fit = fit_of(target, source.state_dict())
    assert (fit.skipped, fit.new) == ({}, {})
    take(target, fit.taken)
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor), name
    assert line(target, fit, None).startswith("takes all ")


def test_each_network_of_a_player_is_matched_by_its_own_names() -> None:
    source, target = (
        nn.ModuleDict({"big": network("resnet discriminator", size), "small": nn.Linear(2, 2)})
        for size in (16, 32)
    )
    fit = fit_of(target, source.state_dict())
    assert fit.taken["big.stages.2.0.first.weight"] is not None
    assert {"small.weight", "small.bias"} <= fit.taken.keys()
    assert not any(name.startswith("big.stages.0") for name in fit.taken)


def test_tensors_keep_their_type_and_memory_format() -> None:
    source = DCGANDiscriminator((1, 16, 16), width=4)
    target = DCGANDiscriminator((1, 16, 16), width=4).double().to(memory_format=torch.channels_last)
    take(target, fit_of(target, source.state_dict()).taken)
    weight = target.layers[2].weight
    assert weight.dtype == torch.float64
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, source.layers[2].weight.double())


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_embeddings_of_another_number_of_classes_start_new_and_the_plan_says_so(norm: str) -> None:
    pairs = [
        (
            DCGANGenerator((1, 8, 8), num_classes=num, width=4),
            DCGANDiscriminator((1, 8, 8), num, 4, norm=norm),
        )
        for num in (10, 5)
    ]
    for source, target in zip(*pairs, strict=True):
        fit = fit_of(target, source.state_dict())
        left_out = [name for name in fit.new if "embedding" in name or "gain" in name or "shift" in name]
        assert left_out
        assert {name for name in fit.new if name not in left_out} == set()
        assert "its classes are others (10 in the source, 5 here)" in line(target, fit, None)


def test_embeddings_of_as_many_classes_are_taken() -> None:
    source, target = (DCGANGenerator((1, 8, 8), num_classes=5, width=4) for _ in range(2))
    assert "norms.0.gain.weight" in fit_of(target, source.state_dict()).taken


def test_a_layer_of_another_width_is_no_matter_of_classes() -> None:
    source, target = (MLPDiscriminator((2,), width=width) for width in (8, 16))
    text = line(target, fit_of(target, source.state_dict()), None)
    assert "classes" not in text
    assert "layers.0.weight (8, 2)" in text  # the source's, which is skipped
    assert "layers.0.weight (16, 2)" in text  # ours, which is new


# Whole tasks

FILE = Path("somewhere/last.ckpt")


def trained() -> dict[str, Tensor]:
    """The state of a task whose generator, average and discriminator are all told apart by their numbers."""
    state = make_task().state_dict()
    marks = {"generator": 1.0, "ema_generator": 2.0, "discriminator": 3.0}
    return {name: torch.full_like(tensor, marks[name.partition(".")[0]]) for name, tensor in state.items()}


def marks(task: nn.Module) -> dict[str, set[float]]:
    """The numbers that stand in each of a task's networks."""
    found: dict[str, set[float]] = {}
    for name, tensor in task.state_dict().items():
        found.setdefault(name.partition(".")[0], set()).update(tensor.flatten().tolist()[:1])
    return found


def test_from_a_checkpoint_each_player_and_average_takes_its_own_weights() -> None:
    task = make_task()
    lines = start_from(Source(FILE, trained(), 7000), task)
    assert marks(task) == {"generator": {1.0}, "ema_generator": {2.0}, "discriminator": {3.0}}
    assert list(lines) == ["init_from", "  generator", "  discriminator", "  ema_generator"]
    assert lines["init_from"].endswith("last.ckpt, 7,000 images seen")
    num = sum(parameter.numel() for parameter in task.discriminator.parameters())
    assert lines["  discriminator"] == f"takes all 6 tensors ({num:,} parameters)"


def test_a_generator_alone_gives_its_weights_to_generator_and_average() -> None:
    state = {name[len("ema_generator.") :]: t for name, t in trained().items() if name.startswith("ema")}
    task = make_task()
    before = [parameter.clone() for parameter in task.discriminator.parameters()]
    lines = start_from(Source(Path("generator/model.safetensors"), state), task)
    assert marks(task)["generator"] == marks(task)["ema_generator"] == {2.0}
    assert all(torch.equal(*pair) for pair in zip(before, task.discriminator.parameters(), strict=True))
    assert lines["  discriminator"].startswith("new, 6 tensors")
    assert lines["  discriminator"].endswith("the source has none")


@pytest.mark.parametrize(("alone", "mark"), [("generator", 1.0), ("ema_generator", 2.0)])
def test_of_generator_and_average_either_stands_in_for_the_other(alone: str, mark: float) -> None:
    state = {name: tensor for name, tensor in trained().items() if name.startswith(f"{alone}.")}
    task = make_task()
    lines = start_from(Source(FILE, state), task)
    assert marks(task)["generator"] == marks(task)["ema_generator"] == {mark}
    other = "  ema_generator" if alone == "generator" else "  generator"
    assert lines[other].startswith(f"from {alone}: takes all")


def test_a_source_of_which_nothing_fits_names_the_first_differences_and_changes_nothing() -> None:
    task = make_task()
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    generator = SharedGenerator(SHAPE, latent_dim=3, width=5, depth=1)
    state = {f"generator.{name}": tensor for name, tensor in generator.state_dict().items()}
    with pytest.raises(GanworksError, match="is from another model") as error:
        start_from(Source(FILE, state), task)
    assert "generator.layers.0.weight: (5, 3) in the file, (16, 4) in this configuration" in str(error.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in task.state_dict().items())


def test_a_bias_or_a_count_that_happens_to_fit_does_not_make_a_source_fit() -> None:
    task = make_task(generator=MLPGenerator(SHAPE, latent_dim=4, width=16, norm="batch"))
    state = {
        "generator.layers.1.num_batches_tracked": torch.tensor(3),
        "discriminator.head.linear.bias": torch.ones(1),
    }
    with pytest.raises(GanworksError, match="another model"):
        start_from(Source(FILE, state), task)


def test_optimizers_clock_and_regularizers_are_not_of_the_source() -> None:
    state = {**trained(), "regularizers.drift.mean": torch.ones(())}
    task = make_task()
    start_from(Source(FILE, state, 7000), task)
    assert (task.images_seen, task.num_steps) == (0, 0)
