import math

import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from ganworks.errors import GanworksError, SettingError
from ganworks.metric import digits_half, digits_images, terms_of


def fakes_like(images: torch.Tensor, num: int = 1797) -> list[torch.Tensor]:
    """As many fakes as the suite asks for, ``images`` over and over, in uneven batches."""
    repeats = -(-num // len(images))
    return list(images.repeat(repeats, 1, 1, 1)[:num].split(500))


def test_a_worse_set_of_digits_has_a_larger_distance_on_every_rung(rng, make_suite, in_memory):
    """Each rung of 898 images, held against the training half, so that the number is the same throughout."""
    reals, (held_out, labels) = digits_half(train=True)[0], digits_half(train=False)
    num = 800
    rungs = {
        "held-out half": held_out[:num],
        "one class dropped": held_out[labels != 0][:num],
        "blur": gaussian_blur(held_out, 3, 0.45)[:num],
        "noise": held_out[:num] + 0.6 * torch.randn(num, 1, 8, 8, generator=rng),
        "one class only": held_out[labels == 3].repeat(10, 1, 1, 1)[:num],
    }
    suite = make_suite("digits", num_samples=num)
    suite.prepare(in_memory(reals))
    evaluations = {name: suite.evaluate([images]).values for name, images in rungs.items()}
    distances = [values["fd_digits"] for values in evaluations.values()]
    assert distances == sorted(distances), evaluations
    assert distances[1] > 5 * distances[0]
    kernel_distances = [values["kid"] for values in evaluations.values()]
    assert kernel_distances[0] == min(kernel_distances)
    assert (
        evaluations["one class dropped"]["class_ratio"] > 50 > 2 > evaluations["held-out half"]["class_ratio"]
    )
    assert evaluations["one class only"]["coverage"] < 0.2 < 0.85 < evaluations["held-out half"]["coverage"]


def test_memorised_digits_have_no_distance_but_a_memorised_share_of_one(digits_suite):
    evaluation = digits_suite.evaluate(fakes_like(digits_images()[0]))
    assert evaluation.values["fd_digits"] == pytest.approx(0.0, abs=1e-6)
    assert evaluation.values["memorised"] > 0.99
    assert evaluation.values["memorised"] > 10 * digits_suite.floor["memorised"]


def test_floor_is_that_of_the_half_which_the_classifier_has_not_seen(digits_suite):
    floor = digits_suite.floor
    assert 0.3 < floor["fd_digits"] < 1.2
    assert min(floor["precision"], floor["recall"], floor["coverage"]) > 0.9
    assert floor["memorised"] < 0.06
    assert floor["class_ratio"] < 1.1
    assert floor.keys() == digits_suite.evaluate(fakes_like(digits_images()[0])).values.keys()


def test_evaluation_carries_its_contract_and_the_class_histogram(digits_suite):
    evaluation = digits_suite.evaluate(fakes_like(digits_half(train=False)[0]))
    contract = evaluation.contract
    assert contract["num_real"] == contract["num_fake"] == 1797
    assert str(contract["split"]).startswith("digits ")
    assert contract["seed"] == 0
    terms = terms_of(contract, "precision")
    assert len(terms["weights_sha256"]) == 64
    assert terms["resizer"] == "none"
    assert terms["num_neighbours"] == 5
    assert terms_of(contract, "memorised")["weights_sha256"] == "none"
    histogram = evaluation.notes["class_histogram"]
    assert isinstance(histogram, dict)
    assert sum(histogram.values()) == pytest.approx(1.0)


def test_figures_do_not_depend_on_the_batches_nor_on_autocast_around_them(digits_suite):
    images = torch.cat(fakes_like(digits_half(train=False)[0]))
    plain = digits_suite.evaluate(images.split(1797)).values
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = digits_suite.evaluate(images.split(1797)).values
    assert within == plain
    assert digits_suite.evaluate(images.split(100)).values == plain
    assert digits_suite.evaluate([images, images]).values == plain  # what is too much is left out


def test_a_generator_without_finite_values_has_figures_that_are_nan(digits_suite):
    images = torch.cat(fakes_like(digits_half(train=False)[0]))
    images[3] = torch.inf
    images[5, 0, 0, 0] = torch.nan
    evaluation = digits_suite.evaluate([images])
    assert evaluation.values.keys() == digits_suite.floor.keys()
    assert all(math.isnan(value) for value in evaluation.values.values())
    assert evaluation.notes == {"num_not_finite": 2}


def test_a_constant_generator_has_figures(digits_suite):
    values = digits_suite.evaluate([torch.zeros(1797, 1, 8, 8)]).values
    assert values["fd_digits"] > 50
    assert values["coverage"] < 0.02
    assert all(math.isfinite(value) for value in values.values())


def test_too_few_fakes_are_an_error(digits_suite):
    with pytest.raises(GanworksError, match="drew 10 samples for an evaluation of 1797"):
        digits_suite.evaluate([torch.zeros(10, 1, 8, 8)])


def test_other_images_than_digits_are_split_anywhere_for_the_floor(rng, in_memory, make_suite):
    suite = make_suite("digits", num_samples=50)
    suite.prepare(in_memory(torch.rand(60, 1, 8, 8, generator=rng) * 2 - 1, name="mine"))
    assert suite.floor.keys() >= {"fd_digits", "memorised"}


def test_samples_of_another_shape_are_refused_with_what_to_take_instead(in_memory, rng, make_suite):
    suite = make_suite("digits", num_samples=50)
    with pytest.raises(SettingError, match=r"metric=digits.*fid.*mixture.*none.*\(3, 32, 32\)"):
        suite.check_data(in_memory(torch.zeros(8, 3, 32, 32)))
    with pytest.raises(SettingError, match=r"num_reals=8.*12 or more"):
        suite.prepare(in_memory(torch.rand(8, 1, 8, 8, generator=rng)))
