"""The hinge over K + 1 classes."""

import pytest
import torch

from ganworks.errors import SettingError
from ganworks.loss import Hinge, MultiHinge
from ganworks.loss.multi_hinge import scores_of


def said_of(scores, label):
    """Return what a critic with these K + 1 scores says."""
    classes = scores[:, :-1]
    return {"class_logits": classes, "logits": classes.amax(1) - scores[:, -1], "label": label}


def naive(scores, label):
    """Return the mean of max(0, 1 - C_y + max of the others), sample by sample."""
    losses = []
    for row, y in zip(scores.tolist(), label.tolist(), strict=True):
        losses.append(max(0.0, 1 - row[y] + max(value for k, value in enumerate(row) if k != y)))
    return sum(losses) / len(losses)


@pytest.fixture
def sides():
    torch.manual_seed(0)
    label = torch.tensor([0, 2, 1, 2])
    return {side: (torch.randn(4, 4, dtype=torch.float64), label) for side in ("real", "fake")}


def test_both_players_minimise_the_naive_hinge(sides):
    real, fake = (said_of(*side) for side in sides.values())
    expected = naive(*sides["real"]) + naive(sides["fake"][0], torch.full((4,), 3))
    assert MultiHinge().discriminator_of(real, fake).item() == pytest.approx(expected)
    assert MultiHinge().generator_of(fake).item() == pytest.approx(naive(*sides["fake"]))


def test_scores_are_found_again_in_what_the_critic_said(sides):
    scores, label = sides["real"]
    assert torch.allclose(scores_of(said_of(scores, label)), scores)


def test_slopes_equal_finite_differences(sides):
    (scores, label), (others, _) = sides["real"], sides["fake"]
    loss = MultiHinge(margin=0.7)
    inputs = scores.requires_grad_(), others.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda r, f: loss.discriminator_of(said_of(r, label), said_of(f, label)), inputs
    )
    assert torch.autograd.gradcheck(lambda f: loss.generator_of(said_of(f, label)), inputs[1])


def test_with_one_class_it_is_the_hinge(sides):
    real, fake = (said_of(scores[:, 2:], torch.zeros(4, dtype=torch.long)) for scores, _ in sides.values())
    expected = Hinge().discriminator(real["logits"], fake["logits"])
    assert torch.allclose(MultiHinge().discriminator_of(real, fake), expected)


def test_wrong_labels_cost_more(sides):
    label = sides["real"][1]
    sure = said_of(4 * torch.eye(4).double()[label], label)
    assert MultiHinge().generator_of(sure).item() == 0
    assert MultiHinge().generator_of({**sure, "label": (label + 1) % 3}) > 1


def test_critic_of_packs_is_refused(sides):
    scores, label = sides["fake"]
    with pytest.raises(SettingError, match=r"^loss=multi_hinge.* says 2 things of 4 samples"):
        MultiHinge().generator_of(said_of(scores[::2], label))


@pytest.mark.parametrize(("missing", "said"), [("class_logits", "class_head"), ("label", "no labels")])
def test_critic_without_classes_is_refused(sides, missing, said):
    real = said_of(*sides["real"])
    del real[missing]
    with pytest.raises(SettingError, match=said):
        MultiHinge().generator_of(real)
