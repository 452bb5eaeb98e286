"""Penalties on the level of the logits: LeCam beside a naive loop, and centring."""

import copy

import pytest
import torch

from games import SHAPE, make_task
from ganworks.errors import SettingError
from ganworks.loss import Hinge, RelativisticPairing
from ganworks.noise import keyed_rng
from ganworks.regularizer import Centring, LeCam
from ganworks.task.critic import CriticCall


def sides(step, num=5):
    """Logits of step ``step``: around 2 for reals and around -1 for fakes."""
    noise = torch.randn(2, num, generator=keyed_rng(step), dtype=torch.float64)
    return {"real_logits": noise[0] + 2, "fake_logits": noise[1] - 1}


def term_of(regularizer, batch):
    return regularizer.penalty(None, {"real": batch["real_logits"], **batch}, torch.Generator())


def mean(values):
    return sum(values) / len(values)


def naive_terms(num, decay, start):
    """LeCam's terms of so many steps, on lists of floats."""
    terms, means = [], None
    for step in range(num):
        real, fake = (values.tolist() for values in sides(step).values())
        now = mean(real), mean(fake)
        means = (
            now if means is None else [decay * m + (1 - decay) * x for m, x in zip(means, now, strict=True)]
        )
        real_term = mean([max(0.0, r - means[1]) ** 2 for r in real])
        fake_term = mean([max(0.0, means[0] - f) ** 2 for f in fake])
        terms.append(real_term + fake_term if step >= start else 0.0)
    return terms


def test_lecam_equals_a_naive_loop():
    lecam = LeCam(decay=0.8, start=3).double()
    found = [term_of(lecam, sides(step)).item() for step in range(8)]
    assert found == pytest.approx(naive_terms(8, decay=0.8, start=3))
    assert found[:3] == [0, 0, 0]
    assert min(found[3:]) > 1


def test_lecam_begins_at_a_number_of_images_where_one_is_given():
    lecam = LeCam(start=0, start_images=10).double()  # 5 a step
    assert [bool(term_of(lecam, sides(step))) for step in range(4)] == [False, False, True, True]


def test_lecam_counts_the_updates_and_images_between_its_own_too():
    for settings in ({"start": 6}, {"start_images": 6 * 10}):  # packs of two: 10 images, 5 logits a step
        lecam = LeCam(every=3, **settings).double()
        batches = [sides(step) | {"real": torch.zeros(10)} for step in range(0, 12, 3)]
        assert [bool(term_of(lecam, batch)) for batch in batches] == [False, False, True, True]


def test_lecam_goes_on_after_an_overflow():
    lecam = LeCam(start=0).double()
    term_of(lecam, sides(0))
    before = lecam.real_mean.clone()
    assert not term_of(lecam, {**sides(1), "real_logits": torch.full((5,), torch.inf)}).isfinite()
    assert lecam.real_mean == before
    assert term_of(lecam, sides(2)).isfinite()


def test_lecam_draws_a_side_to_the_other_ones_mean_and_leaves_it_alone_beyond():
    lecam = LeCam(start=0, decay=1.0)
    term_of(lecam, {"real_logits": torch.full((4,), 1.0), "fake_logits": torch.full((4,), -1.0)})
    real, fake = (torch.tensor(x, requires_grad=True) for x in ([3.0, -2.0], [0.0, 5.0]))
    term_of(lecam, {"real_logits": real, "fake_logits": fake}).backward()
    # (3 + 1)^2 / 2 and (1 - 0)^2 / 2; the others have passed the mean of the other side.
    assert real.grad.tolist() == [4.0, 0.0]
    assert fake.grad.tolist() == [-1.0, 0.0]


def test_lecam_takes_one_mean_over_patches_for_each_sample():
    batch = sides(0)
    patches = {name: torch.stack([each + 1, each - 1], 1)[:, None] for name, each in batch.items()}
    assert torch.isclose(term_of(LeCam(start=0).double(), patches), term_of(LeCam(start=0).double(), batch))


def test_lecam_goes_on_from_its_state_to_the_bit():
    first = LeCam(start=2)
    for step in range(3):
        term_of(first, sides(step))
    resumed = LeCam(start=2)
    resumed.load_state_dict(first.state_dict())
    assert torch.equal(term_of(first, sides(3)), term_of(resumed, sides(3)))
    assert not torch.equal(term_of(LeCam(start=0), sides(3)), term_of(resumed, sides(4)))  # control


@pytest.mark.parametrize("regularizer", [LeCam(start=0), Centring()], ids=lambda r: type(r).__name__)
def test_gradient_in_the_logits_equals_finite_differences(regularizer):
    batch = {name: each.requires_grad_() for name, each in sides(1).items()}

    def value(*logits):
        return term_of(copy.deepcopy(regularizer).double(), dict(zip(batch, logits, strict=True)))

    # The running means are constants for the gradient: they come from earlier steps.
    regularizer = regularizer.double()
    term_of(regularizer, sides(0))
    if isinstance(regularizer, LeCam):
        regularizer.decay = 1.0
    assert torch.autograd.gradcheck(value, tuple(batch.values()))


def test_centring_is_the_mean_square_of_the_sums_of_pairs():
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 1.0])
    assert term_of(Centring(), {"real_logits": real, "fake_logits": fake}) == 4.5  # (0 + 9) / 2
    assert term_of(Centring(), {"real_logits": real, "fake_logits": -real}) == 0
    with pytest.raises(ValueError, match="cannot be paired"):
        term_of(Centring(), {"real_logits": real, "fake_logits": torch.zeros(1)})


def test_centring_takes_away_the_level_that_a_paired_loss_ignores():
    real, fake = (torch.tensor(x, requires_grad=True) for x in (6.0, 4.0))
    for _ in range(400):
        loss = RelativisticPairing().discriminator(real[None], fake[None])
        total = loss + 0.1 * term_of(Centring(), {"real_logits": real[None], "fake_logits": fake[None]})
        for logit, gradient in zip((real, fake), torch.autograd.grad(total, (real, fake)), strict=True):
            logit.data -= 0.1 * gradient
    assert real.item() + fake.item() == pytest.approx(0, abs=1e-3)
    assert real.item() - fake.item() > 3  # and what the loss wants grows as it would


@pytest.mark.parametrize("lazy_step", [False, True])
def test_terms_are_there_in_a_step_of_their_own_too(lazy_step):
    regularizers = {"lecam": LeCam(start=0, every=2), "centring": Centring(every=2)}
    task = make_task(Hinge(), regularizers=regularizers, lazy_step=lazy_step)
    real = torch.randn(16, *SHAPE, generator=keyed_rng(0), dtype=torch.float64)
    (critic,) = task.critics
    seen = {"real": real, "fake": 2 * real}
    logits = {f"{side}_logits": CriticCall(task, critic, seen, "x")(x) for side, x in list(seen.items())}
    batch = seen if lazy_step else seen | logits
    terms = task.penalties(critic.penalties, 0, batch, critic, is_lazy=lazy_step)
    fresh = {"lecam": LeCam(start=0).double(), "centring": Centring()}
    for name, weight in (("lecam", 0.6), ("centring", 0.02)):
        assert terms[name].item() == pytest.approx(weight * term_of(fresh[name], logits).item())


@pytest.mark.parametrize("setting", ["decay", "start", "start_images", "weight"])
def test_settings_out_of_range_are_named(setting):
    with pytest.raises(SettingError, match=f"{setting}="):
        LeCam(**{setting: -1})
