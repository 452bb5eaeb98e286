"""The measures of translators against naive computations, and on sets that must fail."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganworks.data import DigitsSuperres
from ganworks.errors import GanworksError, SettingError
from ganworks.metric import ClassConsistency, DigitsExtractor, Paired, SampleSet, Suite, evaluate
from ganworks.metric.sample_set import FeatureSet
from ganworks.model import ResidualUNet
from ganworks.sample.sampler import Sampler


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def sides(made: Tensor, true: Tensor) -> tuple[SampleSet, SampleSet]:
    return SampleSet(len(true), samples=true), SampleSet(len(made), samples=made, fields={"real": true})


def images(num: int = 5) -> tuple[Tensor, Tensor]:
    true = torch.rand(num, 1, 16, 16, generator=rng()) * 2 - 1
    return (true + 0.1 * torch.randn(true.shape, generator=rng())).clamp(-1, 1), true


def naive_ssim(x: Tensor, y: Tensor) -> float:
    """Wang et al. 2004, equation 13, window by window."""
    window = torch.tensor([math.exp(-(k**2) / (2 * 1.5**2)) for k in range(-5, 6)], dtype=torch.double)
    weights = window[:, None] * window / (window[:, None] * window).sum()
    x, y, values = (x[0].double() + 1) / 2, (y[0].double() + 1) / 2, []
    for row in range(16 - 10):
        for column in range(16 - 10):
            a, b = (image[row : row + 11, column : column + 11] for image in (x, y))
            mean_a, mean_b = (a * weights).sum(), (b * weights).sum()
            var_a, var_b = (a**2 * weights).sum() - mean_a**2, (b**2 * weights).sum() - mean_b**2
            both = (a * b * weights).sum() - mean_a * mean_b
            top = (2 * mean_a * mean_b + 0.01**2) * (2 * both + 0.03**2)
            values.append(top / ((mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2)))
    return float(torch.stack(values).mean())


def test_figures_agree_with_a_naive_computation() -> None:
    made, true = images()
    found = Paired().figures(*sides(made, true), rng())
    pairs = list(zip(made, true, strict=True))
    in_bytes = [
        [[round(127.5 * (v + 1)) for v in image.flatten().tolist()] for image in pair] for pair in pairs
    ]
    errors = [sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) / 256 for pair in in_bytes]
    psnr = [10 * math.log10(255**2 / error) for error in errors]
    assert found["psnr"] == pytest.approx(sum(psnr) / 5, abs=1e-6)
    assert found["l1"] == pytest.approx(float((made - true).abs().mean()), abs=1e-7)
    assert found["ssim"] == pytest.approx(sum(naive_ssim(x, y) for x, y in pairs) / 5, abs=1e-6)


def test_an_image_that_is_matched_exactly_counts_as_one_that_rounding_alone_parts_from_the_truth() -> None:
    made, true = images()
    near = Paired().figures(*sides(made, true), rng())["psnr"]
    made[0] = true[0] = 1.0  # a white tile
    found = Paired().figures(*sides(made, true), rng())["psnr"]
    limit = 10 * math.log10(255**2 * 12)
    assert near < found < near + limit / 5
    assert Paired().figures(*sides(true, true), rng())["psnr"] == pytest.approx(limit, abs=1e-9)
    assert Paired().figures(*sides(true + 0.003, true), rng())["psnr"] <= limit  # less than a byte's step


def test_the_contract_says_what_the_psnr_is_taken_of() -> None:
    assert "58.9 dB" in Paired().settings["psnr"]


def test_shuffled_pairs_are_worse_in_every_figure() -> None:
    made, true = images()
    right, wrong = (Paired().figures(*sides(each, true), rng()) for each in (made, made.roll(1, 0)))
    assert right["psnr"] > wrong["psnr"] + 5
    assert right["ssim"] > wrong["ssim"] + 0.3
    assert right["l1"] < wrong["l1"] / 3


def test_a_real_sample_is_no_translation_so_there_is_no_floor() -> None:
    real, fake = sides(*images())
    assert Paired().floor(real, (real, fake), rng()) == {}


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(SettingError, match=r"measure.paired.sigma=1.5: must be at most 0.9"):
        Paired().check_data(DigitsSuperres())
    Paired(sigma=0.8).check_data(DigitsSuperres())


def test_lpips_without_its_weights_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    measure = Paired(lpips=True, lpips_weights=str(tmp_path / "vgg16.pth"))
    assert list(measure.better) == ["psnr", "ssim", "l1", "lpips"]
    with pytest.raises(
        GanworksError, match=r"vgg16.pth is missing; .*metric.measure.paired.lpips_weights=PATH"
    ):
        measure.check()
    with pytest.raises(SettingError, match=r"measure.paired.lpips=Lpips: must be left out for images of"):
        Paired(lpips=True, sigma=0.8).check_data(DigitsSuperres())


def test_folders_do_not_say_what_their_images_were_made_from() -> None:
    suite = Suite({}, {"paired": Paired()}, num_samples=2, every_images=1, seed=0)
    with pytest.raises(SettingError, match="it needs to know what each fake was made from"):
        suite.check_generator(None)


def logits_of(classes: list[int]) -> SampleSet:
    logits = torch.nn.functional.one_hot(torch.tensor(classes), 10).float()
    labels = torch.tensor([0, 1, 2, 3])
    return SampleSet(
        4, {"digits": FeatureSet(4, logits, logits)}, fields={"label": labels, "source_label": labels}
    )


def test_class_kept_is_the_share_of_labels_that_the_classifier_reads() -> None:
    measure = ClassConsistency("digits")
    assert measure.figures(logits_of([0] * 4), logits_of([0, 1, 2, 9]), rng()) == {"class_kept": 0.75}
    assert measure.floor(logits_of([0, 1, 3, 2]), (logits_of([0] * 4),) * 2, rng()) == {"class_kept": 0.5}
    assert ClassConsistency("digits", field="source_label", name="kept").fields == ("source_label",)


class Copy(ResidualUNet):
    """A translator that leaves the source as it is."""

    def translate(self, source: Tensor, noise: object) -> Tensor:
        return source


def test_the_line_of_the_sources_is_what_an_idle_translator_gets() -> None:
    data = DigitsSuperres()
    suite = Suite(
        {"digits": DigitsExtractor()},
        {"paired": Paired(sigma=0.8), "kept": ClassConsistency("digits")},
        num_samples=901, every_images=1, seed=0, floor=True,
    )  # fmt: skip
    suite.prepare(data)
    found = evaluate(suite, Sampler(Copy(data.shape, width=2), {}), data)
    assert found.values == pytest.approx(found.baselines["source"], rel=1e-6)
    assert found.values["psnr"] == pytest.approx(13.41, abs=0.01)
    assert found.floor == {"class_kept": pytest.approx(0.990, abs=0.001)}
    assert found.values["class_kept"] < 0.4  # control: a blurred digit is not read
