"""ADA against the tensors of the official pipeline, and what it promises."""

import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import Tensor

import ganworks.augment
from ganworks.augment import Ada, Apa, Compose
from ganworks.augment.ada import transformed
from ganworks.augment.corrupt import filter_bank
from ganworks.augment.geometry import SYM6, affine, margins, resampled, sampling
from ganworks.augment.law import GROUPS, LAWS, Draw, gated
from ganworks.errors import SettingError
from ganworks.model.layer.resample import fir_filter
from ganworks.noise import keyed_rng
from ganworks.schedule import Cosine
from golden import GRADIENT, close, deviation, golden

CONF = Path(ganworks.augment.__file__).parents[3] / "conf"
BGC = [name for name, law in LAWS.items() if law.group in ("blit", "geometry", "color")]
PIPELINES = {
    **{name: [name] for name in ("xflip", "rotate90", "xint", "scale", "aniso", "xfrac")},
    "rotate": ["pre_rotation", "post_rotation"],
    **{name: [name] for name in ("brightness", "contrast", "lumaflip", "hue", "saturation")},
    "imgfilter": ["band0", "band1", "band2", "band3"],
    **{name: [name] for name in ("noise", "cutout")},
    "bgc": BGC,
    "bgcfnc": list(LAWS),
    "r3gan": [*BGC, "cutout"],
}
RESAMPLED = ("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac", "bgc", "bgcfnc", "r3gan")
GREY = ("brightness", "contrast", "noise", "bgc")
ALL = dict.fromkeys(GROUPS, 1.0)
every_pipeline = pytest.mark.parametrize("name", PIPELINES)


def images(shape=(4, 3, 24, 24), dtype=torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype) * 2 - 1


def official(name: str) -> tuple[dict[str, Tensor], Tensor | None]:
    """The values that the official pipeline drew and let act, and its noise."""
    drawn = iter(
        tensor for key, tensor in sorted(golden("ada").tensors.items()) if key.startswith(f"{name}.draw")
    )
    draws, noise = {}, None
    for kind in PIPELINES[name]:
        value, gate = next(drawn), next(drawn)
        if kind == "cutout":
            value, gate = gate, value
        draws[kind] = Draw(value.reshape((2, 2) if LAWS[kind].num == 2 else (2,)), gate.reshape(2))
        noise = next(drawn) if kind == "noise" else noise
    assert next(drawn, None) is None
    p = dict.fromkeys(GROUPS, 0.7)
    return gated(draws, {**p, "color": 0.35} if name == "r3gan" else p), noise


def at_percentile(name: str, share: float) -> dict[str, Tensor]:
    """Every transformation at one place of its law, as the official code's mode for debugging has it."""
    values = {}
    for kind in PIPELINES[name]:
        value = math.nan if kind == "post_rotation" else share
        if LAWS[kind].is_normal:  # it leaves the root of two out
            value = float(torch.erfinv(torch.tensor(share if kind == "noise" else 2 * share - 1)))
        value = 0.5 if kind == "post_rotation" else value
        values[kind] = torch.full((2, 2) if LAWS[kind].num == 2 else (2,), value)
    return values


@every_pipeline
def test_output_and_gradient_equal_the_official_ones(name: str) -> None:
    values, noise = official(name)
    x = golden("ada")["in.x"].requires_grad_()
    out = transformed(x, values, noise)
    close(out, golden("ada")[f"{name}.out"])
    (gradient,) = torch.autograd.grad((out * golden("ada")["in.v"]).sum(), x)
    close(gradient, golden("ada")[f"{name}.grad_x"], GRADIENT)


@every_pipeline
@pytest.mark.parametrize("share", [0.15, 0.8])
def test_each_place_of_the_laws_equals_the_official_one(name: str, share: float) -> None:
    key = f"{name}.percentile{share}"
    noise = golden("ada").tensors.get(f"{key}_noise")
    close(transformed(golden("ada")["in.x"], at_percentile(name, share), noise), golden("ada")[key])


@pytest.mark.parametrize("name", RESAMPLED)
def test_matrices_equal_the_official_ones(name: str) -> None:
    maps = affine(official(name)[0], 32, 26)
    assert maps is not None
    left, right, top, bottom = pads = margins(maps, 32, 26, step=1)
    found = sampling(maps, pads, (64, 76), (2 * (26 + top + bottom), 2 * (32 + left + right)))
    close(found, golden("ada")[f"{name}.theta"], 1e-6)


@pytest.mark.parametrize("name", GREY)
def test_grey_images_equal_the_official_ones(name: str) -> None:
    values, noise = official(name)
    noise = None if noise is None else noise.flatten()[: 2 * 26 * 32].view(2, 1, 26, 32)
    close(transformed(golden("ada")["in.x_grey"], values, noise), golden("ada")[f"{name}.out_grey"])


def test_filters_equal_the_official_ones() -> None:
    close(fir_filter(SYM6), golden("ada")["filter.geom"], 1e-7)
    close(filter_bank(), golden("ada")["filter.bank"], 1e-7)


@pytest.mark.parametrize("change", ["order", "gate", "hue"])
def test_a_pipeline_that_differs_in_one_thing_is_found(change: str) -> None:
    """The control of the comparisons above."""
    values, _ = official("bgc")
    if change == "order":
        values["pre_rotation"], values["post_rotation"] = values["post_rotation"], values["pre_rotation"]
    elif change == "gate":
        values["aniso"] = torch.zeros(2)
    else:
        values["hue"] = 1 - values["hue"]
    assert deviation(transformed(golden("ada")["in.x"], values), golden("ada")["bgc.out"]) > 1e-2


def test_a_larger_margin_is_the_same_image() -> None:
    values, _ = official("bgc")
    maps = affine(values, 32, 26)
    assert maps is not None
    assert margins(maps, 32, 26) != margins(
        maps, 32, 26, step=1
    )  # the comparisons above are with the larger one


def test_whole_shifts_move_pixels_and_reflect_at_the_border() -> None:
    x = images((1, 3, 16, 16))
    moved = transformed(x, {"xint": torch.tensor([[1.0, 0.5]])})  # two pixels to the right
    assert torch.allclose(moved[..., 2:], x[..., :-2], atol=1e-5)
    assert torch.allclose(moved[..., :2], x[..., 1:3].flip(3), atol=1e-5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [({"rotate90": 0.3}, 1), ({"rotate90": 0.6}, 2), ({"rotate90": 0.9}, 3), ({"xflip": 0.7}, None)],
    ids=str,
)
def test_turns_and_mirrorings_move_pixels_but_for_the_filter(
    value: dict[str, float], expected: int | None
) -> None:
    x = images((1, 3, 16, 16))
    found = transformed(x, {name: torch.tensor([u]) for name, u in value.items()})
    wanted = x.flip(3) if expected is None else x.rot90(expected, (2, 3))
    # The filter is not symmetric, and these images are noise of all frequencies.
    assert (found - wanted).square().mean() < 0.05 * x.square().mean()
    assert (found - wanted.flip(2)).square().mean() > x.square().mean()


def test_probability_zero_is_the_identity_to_the_bit() -> None:
    x = images()
    augment = Ada(**ALL)
    assert augment.p == 0
    assert augment(x, keyed_rng(0)) is x
    assert Ada(0, 0, 0, probability=1.0, target=None)(x, keyed_rng(0)) is x


def test_colours_alone_at_probability_zero_are_the_identity_to_the_bit() -> None:
    x = images()
    neutral = {name: torch.full((4,), law.neutral) for name, law in LAWS.items() if law.group == "color"}
    assert torch.equal(transformed(x, neutral), x)
    assert torch.equal(transformed(x[:, :1], neutral), x[:, :1])


def test_images_that_no_gate_moves_pass_untouched_and_the_others_as_in_a_batch_of_their_own() -> None:
    values = {
        "scale": torch.tensor([0.0, 1.0, 0.0, -1.0]),
        "pre_rotation": torch.tensor([0.5, 0.5, 0.5, 0.7]),
    }
    found = transformed(images(), values)
    assert torch.equal(found[[0, 2]], images()[[0, 2]])
    maps = affine(values, 24, 24)
    assert maps is not None
    assert torch.allclose(found, resampled(images(), maps), atol=1e-5)


def test_resampling_without_a_change_gives_the_image_back() -> None:
    assert torch.allclose(resampled(images(), torch.eye(3).repeat(4, 1, 1)), images(), atol=1e-5)


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_acts_with_its_probability_alone(group: str) -> None:
    x = images((1, 3, 24, 24)).expand(400, -1, -1, -1)
    augment = Ada(**{**dict.fromkeys(GROUPS, 0.0), group: 0.5}, probability=0.4, target=None)
    is_changed = (augment(x, keyed_rng(1)) - x).abs().amax((1, 2, 3)) > 1e-3
    num = sum(law.group == group for law in LAWS.values())
    # Half of the mirrorings and inversions and a quarter of the turns change nothing; two rotations act as one.
    shares = {"blit": [0.1, 0.15, 0.2], "geometry": [0.2] * 4, "color": [0.2, 0.2, 0.1, 0.2, 0.2]}
    expected = 1 - math.prod(1 - share for share in shares.get(group, [0.2] * num))
    assert is_changed.float().mean().item() == pytest.approx(expected, abs=0.07)


def test_draws_are_a_function_of_the_key() -> None:
    augment = Ada(**ALL, probability=0.8, target=None)
    first, second, other = (augment(images(), keyed_rng(0, key)) for key in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("num", [1, 3])
def test_opacity_keeps_its_value_where_colours_change(num: int) -> None:
    x = images((4, num + 1, 8, 8))
    augment = Ada(blit=0, geometry=0, probability=1.0, target=None)
    found, colours = augment(x, keyed_rng(0)), augment(x[:, :num], keyed_rng(0))
    assert torch.equal(found[:, num:], x[:, num:])
    assert torch.equal(found[:, :num], colours)
    assert not torch.allclose(colours, x[:, :num])


@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_of_both_orders_exist(channels: int) -> None:
    x = images((2, channels, 22, 22), torch.float64).requires_grad_()
    augment = Ada(**ALL, probability=1.0, target=None)

    def seen(x: Tensor) -> Tensor:
        return augment(x, keyed_rng(3)).square().sum((1, 2, 3))

    (gradient,) = torch.autograd.grad(seen(x).sum(), x, create_graph=True)
    direction = images(x.shape, torch.float64).flip(3)
    slope = (seen(x + 1e-5 * direction) - seen(x - 1e-5 * direction)).sum() / 2e-5
    assert (gradient * direction).sum().item() == pytest.approx(slope.item(), rel=1e-6)
    (second,) = torch.autograd.grad(gradient.square().sum(), x)  # what R1 descends
    ahead, behind = (
        torch.autograd.grad(seen(x + sign * 1e-5 * direction).sum(), x)[0].square().sum() for sign in (1, -1)
    )
    assert (second * direction).sum().item() == pytest.approx(((ahead - behind) / 2e-5).item(), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_goes_in_and_comes_out(dtype: torch.dtype) -> None:
    augment = Ada(**ALL, probability=0.8, target=None)
    with torch.autocast("cpu", torch.bfloat16):
        found = augment(images().to(dtype), keyed_rng(0))
    assert found.dtype == dtype
    expected = augment(images(), keyed_rng(0))
    assert torch.allclose(found.float(), expected, atol=0.1 if dtype.itemsize == 2 else 1e-4)


def test_a_clip_is_changed_alike_in_all_frames_and_unlike_the_next_clip() -> None:
    still = images((1, 3, 1, 24, 24)).expand(6, -1, 5, -1, -1)
    changed = Ada(**ALL, probability=0.8, target=None)(still, keyed_rng(0))
    assert torch.allclose(changed, changed[:, :, :1].expand_as(changed), atol=1e-5)
    assert not torch.allclose(changed[0], changed[1], atol=1e-2)
    alone = Ada(**ALL, probability=0.8, target=None)(still[:, :, 0], keyed_rng(0))
    assert torch.allclose(changed[:, :, 0], alone, atol=1e-5)


def test_two_fields_with_the_same_draws_are_moved_and_cut_alike() -> None:
    color = images((4, 1, 24, 24)).expand(-1, 3, -1, -1)
    augment = Ada(color=0, cutout=1, probability=0.8, target=None)
    grey = augment(color[:, :1], keyed_rng(0))
    assert torch.allclose(augment(color, keyed_rng(0)), grey.expand(-1, 3, -1, -1), atol=1e-6)


@pytest.mark.parametrize(
    ("augment", "shape", "setting"),
    [
        (Ada(), (2, 8), "augment"),
        (Ada(), (2, 5, 8, 8), "color"),
        (Compose(ada=Ada()), (2, 5, 8, 8), "ada.color"),
        (Compose(ada=Ada()), (2, 8), "augment"),
        (Ada(filter=1, probability=1.0, target=None), (2, 3, 16, 16), "filter"),
    ],
)
def test_samples_that_it_does_not_take_are_named(
    augment: Ada | Compose, shape: tuple[int, ...], setting: str
) -> None:
    with pytest.raises(SettingError) as caught:
        augment(torch.zeros(shape), keyed_rng(0))
    assert caught.value.setting == setting


def test_it_is_one_of_several_parts() -> None:
    augment = Compose(ada=Ada(probability=0.5, target=None))
    assert torch.equal(
        augment(images(), keyed_rng(0)), Ada(probability=0.5, target=None)(images(), keyed_rng(0))
    )


def test_configs_build_their_augmentations() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found = {name: instantiate(compose(f"augment/{name}").augment) for name in ("ada", "r3gan", "apa")}
    assert found["ada"].multipliers == Ada().multipliers
    assert found["r3gan"].multipliers == Ada(color=0.5, cutout=1.0).multipliers
    assert found["r3gan"].schedule == Cosine(0.0, 0.55, 20_000_000)
    assert type(found["apa"]) is Apa
    for name in ("ada", "apa"):
        assert (found[name].target, found[name].adjust_images, found[name].every) == (0.6, 500_000, 4)


def test_large_images_are_filtered_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    augment = Ada(color=0, probability=0.8, target=None)
    small = augment(images(), keyed_rng(0))
    monkeypatch.setattr("ganworks.augment.geometry.SMALL", 0)
    assert torch.allclose(augment(images(), keyed_rng(0)), small, atol=1e-5)
