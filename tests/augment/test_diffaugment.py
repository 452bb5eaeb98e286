"""Differentiable augmentation against naive per-image computations."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import ganworks.augment
from ganworks.augment import Color, Compose, Cutout, Translation, identity
from ganworks.augment.diffaugment import shift
from ganworks.errors import SettingError
from ganworks.noise import keyed_rng

CONF = Path(ganworks.augment.__file__).parents[3] / "conf" / "augment"
PARTS = [Color(), Translation(), Cutout(), Compose(color=Color(), translation=Translation(), cutout=Cutout())]
every_part = pytest.mark.parametrize("part", PARTS, ids=["color", "translation", "cutout", "compose"])


def images(shape=(5, 3, 16, 16), dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=dtype) * 2 - 1


@every_part
def test_draws_are_a_function_of_the_key(part):
    x = images()
    first, second, other = (part(x, keyed_rng(0, "augment", key)) for key in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == x.shape


@every_part
def test_every_image_is_changed_in_its_own_way(part):
    same = images((1, 3, 16, 16)).expand(32, -1, -1, -1)
    assert len(torch.unique(part(same, keyed_rng(0)), dim=0)) > 8


@every_part
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradient_equals_finite_differences(part, channels):
    x = images((2, channels, 8, 8), torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: part(x, keyed_rng(3)).sum((2, 3)), (x,))
    (gradient,) = torch.autograd.grad(part(x, keyed_rng(3)).square().sum(), x)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    "part",
    [Color(0, 0, 0), Translation(0), Cutout(0), identity],
    ids=["color", "translation", "cutout", "none"],
)
def test_strength_zero_is_the_identity(part):
    x = images()
    assert torch.allclose(part(x, keyed_rng(0)), x, atol=1e-6)


def naive_shift(image, rows, columns):
    """Return one image (C, H, W) moved by loops over its pixels."""
    moved = torch.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            if 0 <= row - rows < height and 0 <= column - columns < width:
                moved[:, row, column] = image[:, row - rows, column - columns]
    return moved


def test_shift_equals_a_loop_over_pixels():
    x = images((4, 2, 6, 6))
    rows, columns = torch.tensor([0, 2, -3, 6]), torch.tensor([1, -2, 0, 1])
    found = shift(shift(x, rows, 2), columns, 3)
    expected = torch.stack(
        [naive_shift(*case) for case in zip(x, rows.tolist(), columns.tolist(), strict=True)]
    )
    assert torch.equal(found, expected)
    assert not torch.equal(shift(shift(x, columns, 2), rows, 3), expected)


def test_translation_is_a_shift_by_up_to_an_eighth_in_all_directions():
    x = images((200, 1, 16, 16))
    found = Translation(0.125)(x, keyed_rng(0))
    offsets = set()
    for image, moved in zip(x, found, strict=True):
        matches = [
            (rows, columns)
            for rows in range(-3, 4)
            for columns in range(-3, 4)
            if torch.equal(
                shift(shift(image[None], torch.tensor([rows]), 2), torch.tensor([columns]), 3)[0], moved
            )
        ]
        assert len(matches) == 1
        offsets.add(matches[0])
    assert offsets == {(rows, columns) for rows in range(-2, 3) for columns in range(-2, 3)}


@pytest.mark.parametrize("size", [8, 9, 16])
def test_cutout_sets_one_rectangle_of_at_most_half_the_side_to_zero(size):
    ones = torch.ones(300, 1, size, size)
    is_cut = Cutout(0.5)(ones, keyed_rng(0))[:, 0] == 0
    heights, widths = is_cut.any(2).sum(1), is_cut.any(1).sum(1)
    assert torch.equal(is_cut.sum((1, 2)), heights * widths)  # a full rectangle
    assert heights.max() == widths.max() == int(size / 2 + 0.5)
    assert heights.min() < heights.max()  # some reach beyond the border
    assert is_cut.any(0).all()  # no pixel is safe


def test_color_equals_its_formula_on_one_image():
    x = images((1, 3, 4, 4), torch.float64)
    noise = 2 * torch.rand((3, 1, 1, 1, 1), generator=keyed_rng(5)).double().flatten() - 1
    brightness, saturation, contrast = (0.5 * noise[0], 1 + noise[1], 1 + 0.5 * noise[2])
    image = x[0] + brightness
    gray = image.mean(0)
    image = torch.stack([gray + saturation * (channel - gray) for channel in image])
    image = image.mean() + contrast * (image - image.mean())
    assert torch.allclose(Color()(x, keyed_rng(5))[0], image)


def test_no_saturation_left_is_gray():
    """The control of the formula: one channel is what it is multiplied with nothing."""
    x = images((3, 1, 8, 8))
    assert torch.allclose(Color(0, 1.0, 0)(x, keyed_rng(0)), x, atol=1e-6)
    assert not torch.allclose(Color(0, 1.0, 0)(images(), keyed_rng(0)), images(), atol=1e-2)


@pytest.mark.parametrize("part", [Color(), Translation(), Cutout()], ids=str)
def test_vectors_are_an_error(part):
    with pytest.raises(SettingError, match=r"augment=.*\(2,\)"):
        part(torch.zeros(4, 2), keyed_rng(0))


@pytest.mark.parametrize(
    ("build", "setting"),
    [
        (lambda: Color(brightness=-1), "brightness"),
        (lambda: Color(saturation=2), "saturation"),
        (lambda: Color(contrast=-1), "contrast"),
        (lambda: Translation(1.5), "ratio"),
        (lambda: Cutout(-0.5), "ratio"),
    ],
)
def test_wrong_setting_is_named(build, setting):
    with pytest.raises(SettingError) as caught:
        build()
    assert caught.value.setting == setting


def test_configs_build_their_augmentations():
    assert instantiate(OmegaConf.load(CONF / "none.yaml")) is identity
    compose = instantiate(OmegaConf.load(CONF / "diffaugment.yaml"))
    assert [type(part) for part in compose.parts.values()] == [Color, Translation, Cutout]
    expected = Compose(color=Color(), translation=Translation(), cutout=Cutout())
    images = torch.rand(4, 3, 8, 8)
    assert torch.equal(compose(images, keyed_rng(0)), expected(images, keyed_rng(0)))


def test_parts_can_be_left_out_by_name():
    config = OmegaConf.load(CONF / "diffaugment.yaml")
    del config["cutout"]
    assert list(instantiate(config).parts) == ["color", "translation"]


@every_part
def test_a_clip_is_changed_alike_in_all_frames_and_unlike_the_next_clip(part):
    still = images((1, 3, 1, 16, 16)).expand(6, -1, 5, -1, -1)
    changed = part(still, keyed_rng(0))
    assert torch.allclose(changed, changed[:, :, :1].expand_as(changed), atol=1e-6)
    assert not torch.allclose(changed[0], changed[1])
    assert not torch.allclose(changed, still)


@every_part
def test_a_clip_of_one_frame_is_changed_as_an_image(part):
    x = images()
    assert torch.equal(part(x[:, :, None], keyed_rng(0))[:, :, 0], part(x, keyed_rng(0)))
