"""The measures through their options of metric, on a conditional generator and on its data."""

import math

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.metric import evaluate
from ganworks.run.build import build_run
from ganworks.sample.sampler import Sampler
from running import compose

QUICK = ("metric.num_samples=120", "metric.measure.classifier_accuracy.num_updates=3")


@pytest.fixture(scope="module")
def evaluated():
    """All options that need neither weights nor large images, on an untrained conditional generator."""
    options = "metric=[digits,digits_classes,spectrum,memorisation,ms_ssim,path_length_pixels,wasserstein]"
    small = (
        "metric.measure.ms_ssim.num_scales=1",
        "metric.measure.ms_ssim.sigma=0.9",
        "metric.measure.ms_ssim.within_classes=true",
        "metric.measure.path_length_pixels.num_paths=20",
    )
    config = compose("data=digits", "model.conditional=true", "model.width=8", options, *QUICK, *small)
    run = build_run(config)
    run.suite.prepare(run.datamodule)
    sampler = Sampler(run.task.ema_generator, {})
    return run.suite, [evaluate(run.suite, sampler, run.datamodule) for _ in range(2)]


def test_all_options_merge_into_one_evaluation_with_a_floor_and_a_contract_for_each_figure(evaluated):
    suite, (evaluation, _) = evaluated
    without_floor = {"path_length_pixels"}
    assert set(evaluation.values) == set(suite.better) == set(evaluation.floor) | without_floor
    assert set(evaluation.contract["figure"]) == set(suite.better)
    assert {name for name, value in evaluation.values.items() if math.isnan(value)} <= {"intra_fd_digits"}
    assert suite.best == "fd_digits"
    lengths = evaluation.contract["figure"]["path_length_pixels"]
    assert (lengths["distance"], lengths["num_paths"], lengths["epsilon"]) == ("pixels", 20, 1e-4)
    assert evaluation.contract["figure"]["classifier_accuracy"]["classifier"] == "digits CNN"


def test_figures_are_the_same_twice(evaluated):
    _, (first, second) = evaluated
    assert first.values == pytest.approx(second.values, nan_ok=True, rel=1e-12)


def test_an_untrained_generator_is_worse_than_its_floor_where_it_should_be(evaluated):
    _, (evaluation, _) = evaluated
    for name in ("fd_digits", "spectrum", "sliced_w2", "class_kl"):
        assert evaluation.values[name] > 2 * evaluation.floor[name], name
    assert evaluation.values["ms_ssim"] != evaluation.floor["ms_ssim"]
    assert evaluation.floor["authenticity"] == pytest.approx(0.53, abs=0.1)


def test_figures_by_class_are_refused_for_generators_without_classes():
    with pytest.raises(SettingError, match=r"intra_fd_digits.*model\.conditional=true"):
        build_run(compose("data=digits", "model.conditional=false", "metric=digits_classes"))


def test_similarity_within_classes_is_refused_for_generators_without_classes():
    settings = [f"metric.measure.ms_ssim.{s}" for s in ("num_scales=1", "sigma=0.9", "within_classes=true")]
    with pytest.raises(SettingError, match=r"ms_ssim.*model\.conditional=true"):
        build_run(compose("data=digits", "model.conditional=false", "metric=ms_ssim", *settings))


def test_small_images_are_refused_with_the_whole_path_of_the_setting():
    with pytest.raises(SettingError, match=r"^metric\.measure\.ms_ssim\.sigma=1\.5: must be at most 0\.9"):
        build_run(compose("data=digits", "metric=ms_ssim"))


@pytest.mark.parametrize("option", ["mixture", "wasserstein"])
def test_sliced_distance_of_a_ring_sees_the_lost_modes(option, make_suite):
    config = compose("data=ring", f"metric={option}", "metric.num_samples=2500")
    run = build_run(config)
    run.suite.prepare(run.datamodule)
    real = torch.cat([batch["real"] for batch in run.datamodule.reference_batches()])
    floor = run.suite.floor["sliced_w2"]
    unseen, half = real[-2500:], real[real[:, 0] > 0][:2500]
    assert run.suite.evaluate([unseen]).values["sliced_w2"] < 3 * floor
    assert run.suite.evaluate([half]).values["sliced_w2"] > 5 * floor
