import pytest
import torch

from ganworks.metric.distance.memorisation import authenticity, memorised_floor, memorised_share
from ganworks.metric.extractor.digits import digits_half, digits_images


def naive_share(real: torch.Tensor, fake: torch.Tensor, ratio: float) -> float:
    def nearest(point: torch.Tensor, points: torch.Tensor) -> tuple[float, int]:
        return min((float((point.double() - other.double()).norm()), i) for i, other in enumerate(points))

    num_memorised = 0
    for point in fake:
        distance, i = nearest(point, real)
        gap, _ = nearest(real[i], torch.cat([real[:i], real[i + 1 :]]))
        num_memorised += distance <= ratio * gap
    return num_memorised / len(fake)


@pytest.mark.parametrize("ratio", [0.7, 1.0])
def test_share_and_floor_equal_the_naive_definition(ratio, rng):
    real, fake = torch.randn(40, 2, generator=rng), torch.randn(50, 2, generator=rng)
    assert memorised_share(real, fake, ratio) == pytest.approx(naive_share(real, fake, ratio))
    one_left_out = [
        naive_share(torch.cat([real[:i], real[i + 1 :]]), real[i : i + 1], ratio) for i in range(len(real))
    ]
    assert memorised_floor(real, ratio) == pytest.approx(sum(one_left_out) / len(real))


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.1])
def test_copies_of_training_digits_are_memorised_even_under_slight_noise(noise, rng):
    real, _ = digits_images()
    copies = (real[:500] + noise * torch.randn(500, 1, 8, 8, generator=rng)).clamp(-1, 1)
    assert memorised_share(real.flatten(1), copies.flatten(1)) > 0.99


def test_unseen_digits_get_the_floor():
    train, held_out = (digits_half(train)[0].flatten(1) for train in (True, False))
    floor = memorised_floor(digits_images()[0].flatten(1))
    assert 0.02 < floor < 0.06
    assert memorised_share(train, held_out) == pytest.approx(floor, abs=0.015)


def test_share_grows_with_the_number_of_copies_among_unseen_digits():
    train, held_out = (digits_half(train)[0].flatten(1) for train in (True, False))
    mixed = torch.cat([train[:200], held_out[:800]])
    assert memorised_share(train, mixed) == pytest.approx(0.2 + 0.8 * 0.04, abs=0.02)


def test_authenticity_equals_the_naive_definition_and_complements_the_share_at_ratio_one(rng):
    real, fake = torch.randn(40, 2, generator=rng), torch.randn(50, 2, generator=rng)
    assert authenticity(real, fake) == pytest.approx(1 - naive_share(real, fake, 1.0))


def test_copies_are_not_authentic_unseen_digits_half_and_noise_wholly(rng):
    train, held_out = (digits_half(train)[0].flatten(1) for train in (True, False))
    noise = 2 * torch.rand(500, 64, generator=rng) - 1
    figures = [authenticity(train, fakes) for fakes in (train, held_out, noise)]
    assert figures == sorted(figures)
    assert figures[0] == 0.0
    assert 0.4 < figures[1] < 0.7
    assert figures[2] > 0.99


def test_a_copy_of_an_image_that_the_reals_hold_twice_is_memorised():
    real, copy = torch.tensor([[0.0], [0.0], [5.0]]), torch.tensor([[0.0]])
    assert memorised_share(real, copy) == 1.0
    assert authenticity(real, copy) == 0.0
    assert memorised_share(real, torch.tensor([[0.1]])) == 0.0  # control
    assert memorised_floor(real) == pytest.approx(2 / 3)


@pytest.mark.parametrize("size", [3, 64, 2048])
@pytest.mark.parametrize("times", [2, 3])
def test_copies_of_repeated_features_are_found_whatever_the_rounding_of_their_products(size, times, rng):
    once = (
        1000 * torch.rand(40, size, generator=rng).double()
    )  # a product of two has 106 digits, float64 keeps 53
    repeated = once.repeat(times, 1)
    assert memorised_share(repeated, once) == 1.0
    assert authenticity(repeated, once) == 0.0
    assert memorised_floor(repeated) == 1.0
    assert memorised_share(repeated, once + 1e-3) == 0.0  # control: a small change is none of rounding
    assert authenticity(repeated, once + 1e-3) == 1.0
