import math

import pytest
import torch
from torch import Tensor

from ganworks.errors import SettingError
from ganworks.metric import (
    DigitsExtractor,
    FeatureDistance,
    ImageSimilarity,
    PathLength,
    PixelDistance,
    SampleSet,
    SlicedWasserstein,
    SpectrumDistance,
    digits_half,
)
from ganworks.metric.distance.spectrum import power_spectrum, spectrum_distance
from ganworks.metric.distance.transport import sliced_wasserstein
from ganworks.model import DCGANGenerator
from ganworks.model.noise import Noise
from ganworks.model.style import StyleGenerator
from ganworks.sample.sampler import Sampler


def of(samples: Tensor, labels: Tensor | None = None) -> SampleSet:
    return SampleSet(len(samples), samples=samples, labels=labels)


def test_similarity_of_the_fakes_stands_beside_that_of_the_reals_which_is_its_floor(rng):
    images, _ = digits_half(train=True)
    measure = ImageSimilarity(num_pairs=300, num_scales=1, sigma=0.9)
    collapsed = images[:1].expand(100, -1, -1, -1)
    found = measure.figures(of(images), of(collapsed), rng)
    assert found["ms_ssim"] == pytest.approx(1.0, abs=1e-6)
    assert found["ms_ssim_real"] < 0.3
    floor = measure.floor(of(images), (of(images[:9]), of(images[9:])), rng)
    assert floor["ms_ssim"] == pytest.approx(found["ms_ssim_real"], abs=0.05)


def test_similarity_within_classes_needs_labels_and_sees_one_image_a_class(rng):
    images, labels = digits_half(train=True)
    one_each = torch.stack([images[labels == label][0] for label in range(10)])[labels]
    within = ImageSimilarity(within_classes=True, num_scales=1, sigma=0.9)
    across = ImageSimilarity(num_scales=1, sigma=0.9)
    assert within.needs == {"samples", "labels"}
    assert across.needs == {"samples"}
    real, fake = of(images, labels), of(one_each, labels)
    assert within.figures(real, fake, rng)["ms_ssim"] == pytest.approx(1.0, abs=1e-6)
    assert across.figures(real, fake, rng)["ms_ssim"] < 0.5


def test_images_too_small_for_the_scales_are_refused_under_the_settings_full_name(in_memory):
    with pytest.raises(
        SettingError, match=r"measure\.ms_ssim\.num_scales=5: must be at most 2 for images of 32"
    ):
        ImageSimilarity().check_data(in_memory(torch.zeros(2, 3, 32, 32)))
    ImageSimilarity(num_scales=2).check_data(in_memory(torch.zeros(2, 3, 32, 32)))
    for measure in (ImageSimilarity(), SpectrumDistance(), PathLength(PixelDistance())):
        with pytest.raises(SettingError, match=r"it measures images, and ring has \(2,\)"):
            measure.check_data(in_memory(torch.zeros(4, 2), name="ring"))


def test_spectrum_and_sliced_distance_are_those_of_the_functions_on_the_first_rows(rng):
    real, fake = (torch.rand(30, 1, 8, 8, generator=rng) for _ in range(2))
    found = SpectrumDistance(num_rows=20).figures(of(real), of(fake), rng)
    assert found["spectrum"] == spectrum_distance(power_spectrum(real[:20]), power_spectrum(fake[:20]))
    rings = torch.tensor(found["spectrum_rings"])
    assert found["spectrum"] == pytest.approx(rings.square().mean().sqrt().item(), rel=1e-6)
    found = SlicedWasserstein(num_rows=20).figures(of(real), of(fake), rng)
    assert found == {"sliced_w2": sliced_wasserstein(real[:20].flatten(1), fake[:20].flatten(1))}
    with pytest.raises(SettingError, match="order=3"):
        SlicedWasserstein(order=3)


def test_first_order_in_one_dimension_is_the_closed_form(rng):
    real, fake = torch.randn(100_000, 1, generator=rng), 2 * torch.randn(100_000, 1, generator=rng)
    measure = SlicedWasserstein(order=1, name="w1")
    assert measure.figures(of(real), of(fake), rng)["w1"] == pytest.approx(math.sqrt(2 / math.pi), rel=0.02)


class LinearGenerator(torch.nn.Module):
    """Images linear in the latents, scaled by the label plus one."""

    def __init__(self, matrix: Tensor, num_classes: int = 0) -> None:
        super().__init__()
        self.weight, self.num_classes = torch.nn.Parameter(matrix), num_classes

    @property
    def noise(self) -> dict[str, Noise]:
        return {"latent": Noise((self.weight.shape[1],))}

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        images = (latent @ self.weight.T).view(len(latent), 1, 8, 8)
        return images if label is None else images * (label + 1).view(-1, 1, 1, 1)


def length_of(measure: PathLength, generator: torch.nn.Module, seed: int = 0) -> float:
    fake = SampleSet(2, sampler=Sampler(generator, {}))
    with torch.no_grad():
        found = measure.figures(SampleSet(2), fake, torch.Generator().manual_seed(seed))
    (name,) = measure.better
    return found[name]


def test_path_length_of_a_linear_generator_is_its_closed_form_and_the_labels_reach_it(rng):
    matrix = torch.randn(64, 6, generator=rng)
    expected = 2 * matrix.square().sum().item() / 64
    measure = PathLength(PixelDistance(), num_paths=4000, interpolation="lerp")
    assert list(measure.better) == ["path_length_pixels"]
    assert length_of(measure, LinearGenerator(matrix)) == pytest.approx(expected, rel=0.06)
    with_classes = length_of(measure, LinearGenerator(matrix, num_classes=2))
    assert with_classes == pytest.approx((1 + 4) / 2 * expected, rel=0.08)


def test_path_length_is_a_function_of_the_seed_and_names_its_distance(rng):
    generator = DCGANGenerator(shape=(1, 8, 8), latent_dim=16, width=8)
    measure = PathLength(FeatureDistance(DigitsExtractor(), "digits"), num_paths=50)
    measure.check()
    assert list(measure.better) == ["path_length_digits"]
    assert measure.settings["distance"] == "digits"
    assert len(measure.settings["weights_sha256"]) == 64
    first = length_of(measure, generator)
    assert 0 < first < math.inf
    assert length_of(measure, generator) == first != length_of(measure, generator, seed=1)


def test_a_collapsed_generator_has_paths_of_no_length_and_no_floor_is_claimed():
    measure = PathLength(PixelDistance(), num_paths=10)
    assert length_of(measure, LinearGenerator(torch.zeros(64, 6))) == 0.0
    assert measure.floor(SampleSet(2), (SampleSet(1), SampleSet(1)), torch.Generator()) == {}


def test_unknown_interpolation_is_refused_with_the_nearest():
    with pytest.raises(SettingError, match=r"interpolation=slurp.*Did you mean 'slerp'"):
        PathLength(PixelDistance(), interpolation="slurp")


class LinearStyles(StyleGenerator):
    """Styles that are twice the latents, and images that are linear in the first layer's."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__((1, 8, 8), 6, num_ws=3, w_dim=6)
        self.matrix = torch.nn.Parameter(matrix)

    def to_w(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return (2 * latent)[:, None].expand(-1, self.num_ws, -1)

    def from_w(self, ws: Tensor, **noise: Tensor) -> Tensor:
        return (ws[:, 0] @ self.matrix.T).view(len(ws), 1, 8, 8)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.from_w(self.to_w(latent))


def test_path_length_in_w_is_on_straight_lines_between_styles_and_has_a_name_of_its_own(rng):
    matrix = torch.randn(64, 6, generator=rng)
    measure = PathLength(PixelDistance(), num_paths=4000, space="w")
    assert list(measure.better) == ["path_length_w_pixels"]
    assert (measure.settings["space"], measure.settings["interpolation"]) == ("w", "lerp")
    expected = 4 * 2 * matrix.square().sum().item() / 64
    assert length_of(measure, LinearStyles(matrix)) == pytest.approx(expected, rel=0.06)
    in_z = PathLength(PixelDistance(), num_paths=4000, interpolation="lerp")
    assert length_of(in_z, LinearStyles(matrix)) == length_of(
        measure, LinearStyles(matrix)
    )  # a linear mapping
    on_arcs = PathLength(PixelDistance(), num_paths=4000)
    assert length_of(on_arcs, LinearStyles(matrix)) != pytest.approx(expected, rel=0.01)  # control
    assert "space" not in on_arcs.settings
    with pytest.raises(SettingError, match=r"path_length\.space=w.*has no styles w"):
        length_of(measure, LinearGenerator(matrix))
    with pytest.raises(SettingError, match=r"space=v.*z, w"):
        PathLength(PixelDistance(), space="v")
