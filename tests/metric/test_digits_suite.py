import math
from typing import Any

import pytest
import torch
from torchvision.transforms.functional import gaussian_blur

from ganworks.errors import GanworksError, SettingError
from ganworks.metric import Result, digits_half, digits_images, terms_of
from rounding import NUM_FLIPS, close_figures


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


@pytest.fixture(scope="module")
def noisy():
    """Held-out digits under noise: none is a copy of a real, or distances would be equal and rounding decide."""
    images = torch.cat(fakes_like(digits_half(train=False)[0]))
    return images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))


def room_of_rounding(evaluation: Result) -> dict[str, Any]:
    """Return the figures of 1,797 fakes with what other batches may change in them."""
    values, num = evaluation.values, 1797
    # A sum of n products in float32 is off by about sqrt(n) 2^-24 of its terms: a random walk. The classifier has four
    # layers of at most 576 products, and features of a length of 23: each may be off by this part of it.
    part, length = 4 * 576**0.5 * 2**-24, 23
    # The root of fd_digits is a Wasserstein distance, which obeys the triangle inequality: it moves by at most as much
    # as the fakes do. The kernel is the cube of a product, whose mean is 320: 6 parts of it where both are fakes, and 3
    # where one is, which counts twice.
    moved = part * length
    bounds = {"fd_digits": 2 * values["fd_digits"] ** 0.5 * moved + moved**2, "kid": (6 + 2 * 3) * part * 320}
    # A fake that changes its class moves the share of one with n fakes by the factor 1 + 1 / n.
    smallest = num * min(evaluation.notes["class_histogram"].values())
    return {
        **close_figures(values, num, num),
        **{name: pytest.approx(values[name], abs=bound) for name, bound in bounds.items()},
        "class_ratio": pytest.approx(values["class_ratio"], rel=NUM_FLIPS / smallest),
    }


def test_figures_do_not_depend_on_the_batches_nor_on_autocast_around_them(digits_suite, noisy):
    plain = digits_suite.evaluate(noisy.split(1797))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = digits_suite.evaluate(noisy.split(1797)).values
    assert within == plain.values  # the same sums
    assert digits_suite.evaluate([noisy, noisy]).values == plain.values  # what is too much is left out
    room = room_of_rounding(plain)
    assert digits_suite.evaluate(noisy.split(100)).values == room
    first, *others = noisy.split(100)
    assert digits_suite.evaluate([first, first, *others[1:]]).values != room  # control: a batch is read twice


def test_a_tenth_of_noise_changes_every_figure_beyond_its_rounding(digits_suite, noisy, rng):
    """The control of the bounds."""
    spoiled = torch.cat([torch.randn(180, 1, 8, 8, generator=rng), noisy[180:]])
    room, found = room_of_rounding(digits_suite.evaluate([noisy])), digits_suite.evaluate([spoiled]).values
    assert [name for name in room if found[name] == room[name]] == []


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
