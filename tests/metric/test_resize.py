"""Each resizer against the library whose figures it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cleanfid.resize import build_resizer, make_resizer
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torchmetrics.image.fid import NoTrainInceptionV3

from ganworks.errors import SettingError
from ganworks.metric.extractor.resize import RESIZERS, antialias, clean, find_resizer, legacy

SHAPES = {
    "up": (3, 32, 32),
    "down": (3, 90, 90),
    "gray": (1, 28, 28),
    "wide": (3, 20, 75),
    "tall": (1, 75, 20),
}
SIZE = 47


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def images(request: pytest.FixtureRequest) -> torch.Tensor:
    """Bytes (2, C, H, W): smooth, with edges and noise."""
    rng = torch.Generator().manual_seed(0)
    channels, height, width = request.param
    noise = torch.randint(0, 256, (2, channels, height, width), generator=rng)
    ramp = (
        torch.linspace(0, 255, width).expand(height, width).where(torch.arange(height)[:, None] % 7 > 2, 255)
    )
    return torch.stack([noise[0].float(), ramp.expand(channels, -1, -1)]).to(torch.uint8)


def test_legacy_is_the_resize_of_torch_fidelity(images: torch.Tensor) -> None:
    theirs = interpolate_bilinear_2d_like_tensorflow1x(images.float(), (SIZE, SIZE), align_corners=False)
    torch.testing.assert_close(legacy(images, SIZE), theirs)


def test_legacy_samples_at_multiples_of_the_scale_without_a_shift() -> None:
    row = torch.tensor([0.0, 100.0, 40.0]).expand(1, 1, 3, 3)
    torch.testing.assert_close(legacy(row, 6)[0, 0, 0], torch.tensor([0.0, 50.0, 100.0, 70.0, 40.0, 40.0]))


def test_clean_is_the_resize_of_clean_fid(images: torch.Tensor) -> None:
    theirs = make_resizer("PIL", False, "bicubic", (SIZE, SIZE))
    for image, resized in zip(images, clean(images, SIZE), strict=True):
        rgb = image.expand(3, -1, -1).permute(1, 2, 0).numpy()
        torch.testing.assert_close(resized.expand(3, -1, -1).permute(1, 2, 0), torch.from_numpy(theirs(rgb)))


def test_clean_at_299_is_the_mode_that_clean_fid_calls_clean() -> None:
    image = torch.arange(3 * 16 * 20).remainder(256).to(torch.uint8).view(3, 16, 20)
    theirs = build_resizer("clean")(np.ascontiguousarray(image.permute(1, 2, 0)))
    torch.testing.assert_close(clean(image[None], 299)[0].permute(1, 2, 0), torch.from_numpy(theirs))


def test_antialias_is_what_torchmetrics_feeds_to_inception(
    images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    class First(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> None:
            raise Stop(pixels)

    network = NoTrainInceptionV3.__new__(NoTrainInceptionV3)
    torch.nn.Module.__init__(network)
    network.features_list, network.use_antialias, network.Conv2d_1a_3x3 = ["2048"], True, First()
    monkeypatch.setattr(NoTrainInceptionV3, "INPUT_IMAGE_SIZE", SIZE)
    with pytest.raises(Stop) as stopped:
        network(images.expand(-1, 3, -1, -1))
    theirs = stopped.value.args[0] * 128 + 128
    torch.testing.assert_close(antialias(images, SIZE).expand(-1, 3, -1, -1), theirs, rtol=1e-5, atol=1e-3)


def test_resizers_differ_from_each_other_and_from_the_usual_one(images: torch.Tensor) -> None:
    results = [resizer(images, SIZE) for resizer in RESIZERS.values()]
    usual = F.interpolate(images.float(), (SIZE, SIZE), mode="bilinear", align_corners=False)
    for index, one in enumerate(results):
        assert one.dtype == torch.float32
        assert one.shape == (2, images.shape[1], SIZE, SIZE)
        assert all((one - other).abs().max() > 1 for other in results[:index])
    assert (results[0] - usual).abs().max() > 1


def test_gray_resized_before_it_is_repeated_is_the_same(images: torch.Tensor) -> None:
    for resizer in RESIZERS.values():
        gray = images[:, :1]
        alone, repeated = resizer(gray, SIZE), resizer(gray.expand(-1, 3, -1, -1), SIZE)
        # One channel and three may take different kernels: sums of at most 16 levels up to 255 in another order.
        torch.testing.assert_close(alone.expand(-1, 3, -1, -1), repeated, rtol=0, atol=16 * 255 * 2**-23)


def test_unknown_resizer_is_named_with_the_nearest() -> None:
    with pytest.raises(SettingError, match=r"resize=cleam: must be one of legacy, clean, antialias.*'clean'"):
        find_resizer("cleam")
