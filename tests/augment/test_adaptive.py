"""The probability that follows the discriminator: against a loop, over ranks, in a run, on resume."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from games import BATCH, fit, make_task
from ganworks.augment import Ada, Apa, Augment, Compose
from ganworks.augment.adaptive import Adaptive, median
from ganworks.errors import SettingError
from ganworks.loss import BCE, Hinge, LeastSquares, RelativisticPairing, Wasserstein
from ganworks.noise import keyed_rng
from ganworks.regularizer import Regularizer
from ganworks.schedule import Constant, Cosine
from ganworks.task import Critic
from ganworks.task.critic import with_fakes


def logits(step: int, mean: float, num: int = 16) -> Tensor:
    return torch.randn(num, generator=torch.Generator().manual_seed(step)) + mean


def observe(
    augment: Augment, num: int, real: float, fake: float, shift: float = 0.0, centred: bool = True
) -> None:
    for step in range(num):
        reals, fakes = logits(step, real) + shift, logits(step + 1000, fake) + shift
        augment.observe_logits([reals], [fakes], 16, centred)


def test_probability_equals_that_of_a_loop() -> None:
    augment = Adaptive(adjust_images=1000, every=3)
    p, signs = 0.0, []
    for step in range(60):
        reals = logits(step, 1.2 if step < 30 else 0.3)
        augment.observe_logits([reals], [reals - 1], 16)
        signs += reals.sign().tolist()
        if step % 3 == 2:
            p = max(0.0, p + (1 if sum(signs) / len(signs) > 0.6 else -1) * 48 / 1000)
            signs = []
        assert augment.p == pytest.approx(p, abs=1e-8)
    assert 0 < p < 0.4  # it rose and fell


@pytest.mark.parametrize("centred", [True, False])
def test_probability_rises_while_the_discriminator_is_sure_of_reals_and_falls_to_zero_after(
    centred: bool,
) -> None:
    augment = Adaptive(adjust_images=1000)
    observe(augment, 40, 2, -2, centred=centred)
    assert augment.p == pytest.approx(40 * 16 / 1000)
    observe(augment, 80, 0.2, -0.2, centred=centred)
    assert augment.p == 0


def test_a_shift_of_all_logits_changes_nothing_where_the_loss_sees_none() -> None:
    """And the control: the sign alone follows the shift."""
    for shift in (-50.0, 50.0):
        for real, expected in ((2.0, 0.64), (0.2, 0.0)):
            augment, by_sign = Adaptive(adjust_images=1000), Adaptive(adjust_images=1000, signal="sign")
            for each in (augment, by_sign):
                observe(each, 40, real, -real, shift, centred=False)
            assert augment.p == pytest.approx(expected)
            assert by_sign.p == pytest.approx(0.64 if shift > 0 else 0)


def test_the_signal_about_the_median_is_the_sign_where_zero_is_half_way() -> None:
    reals = torch.randn(4000, generator=torch.Generator().manual_seed(0)) + 1
    by_sign, by_median = Adaptive(every=1, signal="sign"), Adaptive(every=1, signal="median")
    for augment in (by_sign, by_median):
        augment.observe_logits([reals], [-reals], 1)
    assert by_median.signal == pytest.approx(by_sign.signal.item(), abs=0.01)
    assert median(reals, -reals).abs() < 1e-6


def test_the_median_is_that_of_each_critic() -> None:
    augment = Adaptive(every=1, signal="median")
    real, fake = logits(0, 3), logits(1, -3)
    augment.observe_logits([real, real + 100], [fake, fake + 100], 16)
    assert augment.signal == 1


@pytest.mark.parametrize(
    ("loss", "centred"),
    [
        (BCE(), True),
        (Hinge(), True),
        (LeastSquares(), False),
        (LeastSquares(-1, 1, 0), True),
        (Wasserstein(), False),
        (RelativisticPairing(), False),
    ],
    ids=str,
)
def test_the_task_says_whether_zero_is_half_way_for_its_loss(loss: object, centred: bool) -> None:
    heard = []

    class Listening(Augment):
        def observe_logits(self, real_logits, fake_logits, num_images, is_centred=True):  # type: ignore[no-untyped-def]
            heard.append((len(real_logits[0]), len(fake_logits[0]), num_images, is_centred))

    fit(make_task(loss, num_steps=1, augment=Listening()))
    assert heard == [(BATCH, BATCH, BATCH, centred)]


def test_all_ranks_move_by_the_signs_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def add_other(found: Tensor) -> None:
        found += torch.tensor([-16, 16])  # of a rank where all logits are below 0

    monkeypatch.setattr("ganworks.augment.adaptive.is_shared", lambda: True)
    monkeypatch.setattr("ganworks.augment.adaptive.dist", SimpleNamespace(all_reduce=add_other))
    augment = Adaptive(every=1, probability=0.5, adjust_images=1000)
    augment.observe_logits([torch.ones(16)], [], 32)
    assert augment.signal == 0
    assert augment.p == pytest.approx(0.5 - 32 / 1000)


def test_its_state_loads_and_goes_on_exactly_in_any_precision() -> None:
    whole, first, second = (Adaptive(probability=0.3, adjust_images=1000, every=4) for _ in range(3))
    observe(whole, 6, 2, -2)
    observe(first, 6, 2, -2)
    second.load_state_dict(first.state_dict())
    second.bfloat16()
    for augment in (whole, second, copy.deepcopy(whole)):
        observe(augment, 2, 2, -2)
        assert augment.p == pytest.approx(0.3 + 8 * 16 / 1000, abs=1e-8)


def test_a_schedule_of_the_probability_follows_the_images() -> None:
    augment = Ada(probability=Cosine(0.0, 0.5, 320), target=None)
    assert augment.p == 0
    observe(augment, 10, 5, -5)
    assert augment.p == pytest.approx(0.25)
    observe(augment, 20, 5, -5)
    assert augment.p == 0.5


def test_a_constant_schedule_needs_no_length() -> None:
    assert Ada(probability=Constant(0.4), target=None).p == 0.4


def test_without_a_target_the_probability_stays() -> None:
    augment = Ada(probability=0.4, target=None)
    observe(augment, 10, 5, -5)
    assert augment.p == 0.4
    assert augment.scalars.keys() == {"probability"}


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"probability": -0.1}, "probability"),
        ({"target": 2.0}, "target"),
        ({"probability": Cosine(0, 1, 10)}, "target"),
        ({"probability": Cosine(-0.1, 1, 10), "target": None}, "probability.start"),
        ({"probability": Cosine(0, 1), "target": None}, "probability.num_images"),
        ({"probability": "high", "target": None}, "probability"),
        ({"adjust_images": 0}, "adjust_images"),
        ({"every": 0}, "every"),
        ({"signal": "sing"}, "signal"),
    ],
)
def test_wrong_setting_is_named(settings: dict, setting: str) -> None:
    with pytest.raises(SettingError) as caught:
        Ada(**settings)
    assert caught.value.setting == setting


@pytest.mark.parametrize("group", ["blit", "cutout"])
def test_wrong_multiplier_is_named(group: str) -> None:
    with pytest.raises(SettingError, match=f"{group}=-1"):
        Ada(**{group: -1.0})


def test_in_a_run_the_probability_is_kept_logged_and_of_all_its_updates() -> None:
    augment = Compose(
        ada=Ada(adjust_images=1000, every=2, target=-1.0, color=0), apa=Apa(adjust_images=500, target=-1.0)
    )
    task = fit(make_task(num_steps=5, augment=augment, n_critic=1))
    assert task.state_dict()["augment.parts.ada.images"] == 5 * BATCH
    assert augment.parts["ada"].p == pytest.approx(4 * BATCH / 1000)  # r is above -1 from the first look on
    assert augment.parts["apa"].p == pytest.approx(4 * BATCH / 500)
    named = {name: value for name, value in task.scalars.items() if name.startswith("train/augment/")}
    assert set(named) == {
        f"train/augment/{part}/{key}" for part in ("ada", "apa") for key in ("probability", "signal")
    }


def test_an_augmentation_of_the_old_form_hears_the_reals_of_all_critics() -> None:
    class Old(Augment):
        def observe(self, real_logits: Tensor, num_images: int) -> None:
            self.heard = (real_logits.shape, num_images)

    augment = Compose(old=Old())
    augment.observe_logits([torch.zeros(4), torch.zeros(4)], [torch.zeros(4), torch.zeros(4)], 4, False)
    assert augment.parts["old"].heard == ((8,), 4)


# Adaptive pseudo augmentation


def test_as_many_reals_are_replaced_as_the_probability_says() -> None:
    assert Apa().replaced(1000, keyed_rng(0)) is None
    chosen = Apa(probability=0.3, target=None).replaced(2000, keyed_rng(0))
    assert chosen is not None
    assert chosen.float().mean().item() == pytest.approx(0.3, abs=0.03)


def test_a_replaced_real_is_a_fake_of_another_row_and_the_others_stay() -> None:
    real, fake = torch.arange(4.0), torch.arange(10.0, 14.0, requires_grad=True)
    chosen = torch.tensor([True, False, True, False])
    mixed = with_fakes(Critic(torch.nn.Identity()), {"real": real, "other": real}, {"fake": fake}, chosen)
    assert mixed["real"].tolist() == [13, 1, 11, 3]
    assert not mixed["real"].requires_grad
    assert mixed["other"] is real


def test_a_replaced_real_brings_its_label() -> None:
    network = torch.nn.Identity()
    network.num_classes = 3
    critic = Critic(network, fake_label="source_label")
    batch = {"real": torch.zeros(2), "label": torch.tensor([0, 1]), "source_label": torch.tensor([2, 2])}
    mixed = with_fakes(critic, batch, {**batch, "fake": torch.ones(2)}, torch.tensor([False, True]))
    assert mixed["label"].tolist() == [0, 2]
    assert mixed["real"].tolist() == [0, 1]


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_the_critic_and_its_penalties_are_shown_the_fakes_as_real(probability: float) -> None:
    task = make_task(num_steps=1, augment=Apa(probability=probability, target=None))
    task.is_watched = True
    fit(task)
    seen = task.looks[0].batch
    assert torch.equal(seen["real"], seen["fake"].roll(1, 0)) == (probability == 1)


@pytest.mark.parametrize("lazy_step", [False, True])
def test_lazy_penalties_are_taken_of_the_same_reals_and_fakes_in_steps_of_their_own(lazy_step: bool) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    class Listening(Regularizer):
        def penalty(self, network, batch, rng):  # type: ignore[no-untyped-def]
            seen.append((batch["real"], batch["fake"]))
            return network(batch["real"]).mean()

    penalties = {"listening": Listening(every=2)}
    apa = Apa(probability=1.0, target=None)
    fit(make_task(num_steps=2, augment=apa, regularizers=penalties, lazy_step=lazy_step))
    assert [torch.equal(real, fake.roll(1, 0)) for real, fake in seen] == [True]


def test_probability_zero_trains_as_no_augmentation() -> None:
    plain = fit(make_task(num_steps=3)).state_dict()
    for augment in (Apa(target=None), Ada(target=None)):
        found = fit(make_task(num_steps=3, augment=augment)).state_dict()
        assert all(torch.equal(plain[name], found[name]) for name in plain)
