"""Signals against closed forms and independent computations."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ganworks.doctor import signals
from ganworks.doctor.derived import LabelLink, Speed, derived, of_evaluation, overfit, range_excess, steepness
from ganworks.doctor.probe import weights_of
from ganworks.loss import BCE, Hinge, Minimax, Wasserstein
from ganworks.model.layer.equalized import EqualizedLinear


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_auc_is_the_area_under_the_curve_with_ties_counted_half() -> None:
    real, fake = (draws(64) + 0.7).round(decimals=1), draws(48, seed=1).round(decimals=1)
    labels, scores = torch.cat([torch.ones(64), torch.zeros(48)]), torch.cat([real, fake])
    assert float(signals.auc(real, fake)) == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert float(signals.auc(real, real - 100)) == 1
    assert float(signals.auc(real, real)) == 0.5


def test_slopes_are_those_of_the_losses() -> None:
    real, fake = draws(32) + 1, draws(32, seed=1)
    of_discriminator, of_generator = signals.slopes(BCE(), real, fake)
    sigmoid = torch.sigmoid
    assert float(of_generator) == pytest.approx(float(1 - sigmoid(fake).mean()), abs=1e-6)
    expected = ((1 - sigmoid(real)).mean() + sigmoid(fake).mean()) / 2
    assert float(of_discriminator) == pytest.approx(float(expected), abs=1e-6)
    assert float(signals.slopes(Wasserstein(), real, fake)[1]) == pytest.approx(1)
    assert (
        float(signals.slopes(Minimax(), real, fake - 20)[1]) < 1e-6
    )  # saturated: nothing reaches the generator
    assert float(signals.slopes(Hinge(), real + 10, fake - 10)[0]) == 0


def test_class_accuracy_is_the_share_of_labels_with_the_largest_logit() -> None:
    logits, label = draws(20, 3), torch.arange(20) % 3
    right = sum(
        max(range(3), key=row.__getitem__) == y
        for row, y in zip(logits.tolist(), label.tolist(), strict=True)
    )
    assert float(signals.class_accuracy(logits, label)) == pytest.approx(right / 20)
    assert float(signals.class_accuracy(torch.eye(3)[label], label)) == 1


def distances(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return torch.tensor([[float((x - y).norm()) for y in other] for x in one])


def test_pair_distances_are_those_of_each_sample_from_each() -> None:
    x = draws(7, 1, 3, 3)
    assert torch.allclose(signals.pair_distances(x), distances(x, x), atol=1e-5)
    away = distances(x, x) + 1e9 * torch.eye(7)
    assert torch.allclose(signals.nearest(signals.pair_distances(x))[0], away.amin(1), atol=1e-5)
    assert torch.equal(signals.nearest(signals.pair_distances(x))[1], away.argmin(1))


def test_diversity_is_one_of_the_same_kind_and_none_of_a_constant() -> None:
    real, fake = draws(64, 1, 8, 8), draws(64, 1, 8, 8, seed=1)
    constant = fake[:1].expand(64, -1, -1, -1)
    pairs = [signals.pair_distances(x) for x in (real, fake, constant, 0.5 * fake)]
    found = [signals.diversity(pairs[0], other) for other in pairs[1:]]
    assert [float(value) for value in found] == pytest.approx([1, 0, 0.5], abs=0.05)


def test_a_generator_of_few_samples_repeats_them_in_a_batch_however_far_apart_they_are() -> None:
    real, fake = draws(64, 1, 8, 8), draws(64, 1, 8, 8, seed=1)
    few = fake[torch.arange(64) % 8]
    pairs = [signals.pair_distances(x) for x in (real, fake, few)]
    assert float(signals.nearest_ratio(pairs[0], pairs[1])) == pytest.approx(1, abs=0.05)
    assert float(signals.nearest_ratio(pairs[0], pairs[2])) == 0
    assert float(signals.diversity(pairs[0], pairs[2])) > 0.8  # which mean distances do not show


def test_energy_distance_is_about_zero_for_alike_sets_and_grows_with_a_shift() -> None:
    real, fake = draws(64, 2), draws(64, 2, seed=1)
    pairs = signals.pair_distances(real), signals.pair_distances(fake)
    across = [distances(real, fake + shift) for shift in (0.0, 1.0, 5.0)]
    found = [float(signals.energy_distance(*pairs, x)) for x in across]
    assert found == sorted(found)
    assert abs(found[0]) < 0.05 < 0.7 < found[2]


def link(label: torch.Tensor, num_batches: int = 40) -> float:
    """Return the sureness that samples around their class's place share ``label``, (N,)."""
    place, labels = draws(4, 5), LabelLink()
    for seed in range(num_batches):
        order = torch.randperm(len(label), generator=torch.Generator().manual_seed(seed))[:64]
        x = place[order % 4] + draws(64, 5, seed=seed)
        found = labels.add(*map(float, signals.label_matches(signals.pair_distances(x), label[order])))
    return found


def test_labels_that_go_with_the_samples_stand_out_and_labels_dealt_at_random_do_not() -> None:
    right = torch.arange(1000) % 4
    dealt = right[torch.randperm(1000, generator=torch.Generator().manual_seed(1))]
    assert link(right) > 20
    assert abs(link(dealt)) < 4
    assert math.isnan(link(right, num_batches=2))  # too early to say


def test_chance_matches_are_those_of_all_orders_of_the_labels() -> None:
    pairs, label = signals.pair_distances(draws(5, 2)), torch.tensor([0, 0, 1, 1, 1])
    orders = [label[list(order)] for order in itertools.permutations(range(5))]
    mean = sum(float(signals.label_matches(pairs, order)[0]) for order in orders) / len(orders)
    assert float(signals.label_matches(pairs, label)[1]) == pytest.approx(mean)


def test_a_discriminator_that_takes_everything_for_real_has_not_overfitted() -> None:
    assert overfit(real_sign=1.0, auc=0.5) == 0
    assert overfit(real_sign=0.99, auc=0.97) == 0.99


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("distance", [0.1, 3.0, 30.0])
def test_slope_of_a_critic_in_balance_with_its_penalty_is_no_sign_whatever_the_scale(
    weight: float, distance: float
) -> None:
    def share(slope: float) -> float:
        penalty = weight * (slope - 1) ** 2
        return penalty / (penalty + slope * distance)

    slopes = torch.linspace(1, 1000, 99_901)
    best = float(slopes[(slopes * distance - weight * (slopes - 1) ** 2).argmax()])
    assert best == pytest.approx(1 + distance / (2 * weight), abs=0.01)
    assert steepness(best, share(best)) == 1
    runaway = 4 * best + 2 * distance / weight
    assert steepness(runaway, share(runaway)) == runaway
    assert steepness(best, math.nan) == best


def test_update_ratio_is_the_relative_length_of_the_step() -> None:
    before = [torch.ones(3, 4), torch.ones(5)]
    after = [tensor * 1.01 for tensor in before]
    assert float(signals.update_ratio(before, after)) == pytest.approx(0.01, rel=1e-4)


def test_weights_count_in_the_size_in_which_their_layer_uses_them() -> None:
    plain, slow = EqualizedLinear(40, 40), EqualizedLinear(40, 40, lr_multiplier=0.01)
    sizes = [float(weights[0].square().mean().sqrt()) for weights in (weights_of(plain), weights_of(slow))]
    assert sizes == pytest.approx([1, 1], rel=0.1)
    assert float(slow.weight.detach().square().mean().sqrt()) == pytest.approx(100, rel=0.1)  # as it is kept
    both = nn.Sequential(plain, slow)
    before = [weights.clone() for weights in weights_of(both)]
    with torch.no_grad():
        plain.weight += 0.01
    # One of two layers of a size moves by a hundredth: sqrt(1/2) of it, where the kept weights would say 1e-4.
    assert float(signals.update_ratio(before, weights_of(both))) == pytest.approx(0.01 / 2**0.5, rel=0.1)


def test_spectral_norm_is_the_largest_singular_value() -> None:
    layer = nn.Linear(20, 30)
    with torch.no_grad():
        u, _, v = torch.linalg.svd(layer.weight, full_matrices=False)
        layer.weight.copy_(u @ torch.diag(torch.linspace(3, 0.1, 20)) @ v)
    assert float(signals.spectral_norm(nn.Sequential(layer, nn.ReLU()))) == pytest.approx(3, rel=0.1)


def test_dead_units_are_counted_behind_the_rectifiers() -> None:
    network = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    with torch.no_grad():
        network[0].bias[:4] = -100.0  # type: ignore[index, operator]
        network[0].bias[4:] = 100.0  # type: ignore[index, operator]
        with signals.DeadUnits() as units:
            network(draws(16, 4))
    assert float(units.share) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("low", "high", "excess"), [(-1, 1, 0), (-0.9, 0.8, 0), (0, 1, 0.5), (0, 255, 254), (-3, 1, 2)]
)
def test_data_outside_of_the_generators_range_are_seen(low: float, high: float, excess: float) -> None:
    assert range_excess(low, high) == pytest.approx(excess)


def test_a_learning_rate_that_a_schedule_lowers_is_no_small_update() -> None:
    found = {"generator_gradient_norm": 1.0, "discriminator_gradient_norm": 1.0,
             "generator_update_ratio": 1e-7, "discriminator_update_ratio": 1e-3}  # fmt: skip
    assert derived(found, {"generator": 1.0, "discriminator": 1.0})["smallest_update_ratio"] == pytest.approx(
        1e-7
    )
    late = derived(found, {"generator": 0.01, "discriminator": 1.0})
    assert late["smallest_update_ratio"] == pytest.approx(1e-5)


def test_a_figure_without_a_floor_is_compared_with_its_best() -> None:
    figures = SimpleNamespace(values={"fd_digits_16": 30.0}, floor={})
    assert of_evaluation(figures, 30.0, 20.0, "min") == {"best_ratio": 1.5}
    figures.floor = {"fd_digits_16": 25.0}  # below which it is noise
    assert of_evaluation(figures, 30.0, 20.0, "min") == {"best_ratio": 1.2}


def test_speed_is_compared_with_what_was_usual() -> None:
    speed = Speed()
    assert [speed.ratio(rate) for rate in (100, 110, 90)] != [1, 1, 1]  # nothing is usual yet
    assert speed.ratio(20) == pytest.approx(0.2)
