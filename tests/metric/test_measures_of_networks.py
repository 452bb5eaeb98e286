"""The options that need published weights, on weights that are drawn anew: nothing is downloaded."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

import weights_files
from ganworks.errors import GanworksError, SettingError
from ganworks.metric import Suite
from ganworks.metric.distance.clip_distance import clip_distance
from ganworks.metric.distance.frechet import frechet_distance_of_features
from ganworks.metric.distance.inception_score import inception_score
from ganworks.metric.weights import file_sha256
from ganworks.model.noise import Noise
from ganworks.sample.sampler import Sampler

NUM = 24


def pictures(seed: int, num: int = NUM) -> tuple[Tensor, Tensor]:
    """Smooth colour images in two classes, dark and light."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(num) % 2
    images = 3 * gaussian_blur(torch.rand(num, 3, 32, 32, generator=rng) - 0.5, 9, 2.0)
    return (images + labels.view(-1, 1, 1, 1) - 0.5).clamp(-1, 1), labels


class Pictures:
    name, fingerprint, shape, num_classes, num_reals = "pictures", "0", (3, 32, 32), 2, NUM

    def reference_batches(self, batch_size: int = 500, start: int = 0, stop: int | None = None):
        real, labels = pictures(0)
        yield {"real": real[start:stop], "label": labels[start:stop]}


def prepared(
    make_suite: Callable[..., Suite], options: str, name: str, path: Path, **changes: object
) -> Suite:
    weights = {
        f"extractor__{name}__weights": path,
        f"extractor__{name}__sha256": file_sha256(path),
        f"extractor__{name}__device": "cpu",
    }
    suite = make_suite(options, num_samples=NUM, **weights, **changes)
    suite.check()
    suite.prepare(Pictures())
    return suite


def test_score_intra_distance_and_accuracy_share_one_pass_of_inception(make_suite, tmp_path):
    path = weights_files.save_inception(tmp_path / "inception.pth")
    options = "[inception_score,intra_fid,classifier_accuracy]"
    suite = prepared(make_suite, options, "inception", path, measure__inception_score__num_splits=3)
    fakes, labels = pictures(1)
    found = suite.evaluate([fakes], labels).values
    extractor = suite.extractors["inception"]
    features, real = extractor(fakes), extractor(pictures(0)[0])
    # Passes of another size: features agree to about 1e-6 of their length, and what is made of them to some times it.
    assert found["inception_score"] == pytest.approx(inception_score(features.logits, 3)[0], rel=1e-4)
    by_class = [frechet_distance_of_features(real.features[k::2], features.features[k::2]) for k in range(2)]
    assert found["intra_fid"] == pytest.approx(sum(by_class) / 2, rel=1e-4)
    assert min(found["classifier_accuracy"], found["classifier_accuracy_reverse"]) > 0.9
    wrong = suite.evaluate([fakes], 1 - labels).values  # control: the generator answers the other class
    assert wrong["intra_fid"] > found["intra_fid"]
    assert wrong["inception_score"] == found["inception_score"]
    assert max(wrong["classifier_accuracy"], wrong["classifier_accuracy_reverse"]) < 0.1


@pytest.mark.parametrize(
    ("option", "name", "save", "figure"),
    [
        ("dinov2", "dinov2", weights_files.save_dinov2, "fd_dinov2"),
        ("cmmd", "clip", weights_files.save_clip, "cmmd"),
    ],
)
def test_distances_of_other_networks_rank_noise_behind_other_pictures(
    option, name, save, figure, make_suite, tmp_path
):
    suite = prepared(make_suite, option, name, save(tmp_path / "weights.pth"), **NETWORKS.get(name, {}))
    fakes, _ = pictures(1)
    noise = torch.randn(fakes.shape, generator=torch.Generator().manual_seed(2)).clamp(-1, 1)
    good, bad = (suite.evaluate([images]).values[figure] for images in (fakes, noise))
    assert 0 < good < bad < math.inf
    extractor = suite.extractors[name]
    first, second = extractor(pictures(0)[0]).features, extractor(fakes).features
    expected = (
        clip_distance(first, second) if figure == "cmmd" else frechet_distance_of_features(first, second)
    )
    assert good == pytest.approx(expected, rel=1e-4)  # passes of another size


NETWORKS: dict[str, dict[str, object]] = {"dinov2": {"extractor__dinov2__network": "dinov2-vit-s-14"}}


class Stripes(torch.nn.Module):
    """Colour images of which each latent moves one wave."""

    num_classes = 0

    def __init__(self) -> None:
        super().__init__()
        self.phase = torch.nn.Parameter(torch.linspace(0, 6, 32))

    noise = MappingProxyType({"latent": Noise((3,))})

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return torch.sin(self.phase + latent[:, :, None, None]).expand(-1, -1, 32, -1)


def test_perceptual_path_length_is_that_of_lpips_and_names_its_weights(make_suite, tmp_path):
    path = weights_files.save_vgg16(tmp_path / "vgg16.pth")
    distance = {"weights": path, "sha256": file_sha256(path), "device": "cpu"}
    changes = {f"measure__path_length__distance__{name}": value for name, value in distance.items()}
    suite = make_suite(
        "path_length",
        num_samples=4,
        measure__path_length__num_paths=12,
        measure__path_length__interpolation="lerp",
        **changes,
    )
    suite.check()
    suite.prepare(Pictures())
    sampler = Sampler(Stripes(), {})
    found = suite.evaluate([sampler.sample(4)], sampler=sampler)
    assert found.contract["figure"]["path_length_lpips"]["weights_sha256"] == file_sha256(path)
    length = found.values["path_length_lpips"]
    assert 0 < length < math.inf
    slow = Stripes()
    slow.forward = lambda latent, label=None: Stripes.forward(slow, 0.1 * latent)
    shorter = suite.evaluate([sampler.sample(4)], sampler=Sampler(slow, {})).values["path_length_lpips"]
    assert shorter < 0.1 * length


def test_missing_weights_and_images_below_sixteen_pixels_are_found_before_training(
    make_suite, tmp_path, in_memory
):
    suite = make_suite("path_length", measure__path_length__distance__weights=tmp_path / "none.pth")
    with pytest.raises(GanworksError, match="is missing"):
        suite.check()
    with pytest.raises(SettingError, match="16"):
        suite.check_data(in_memory(torch.zeros(2, 1, 8, 8)))
