"""The Dirac-GAN of benchmarks/dirac_gan.py beside the same game written by hand, without this library."""

import importlib.util
import math
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ganworks.loss import BCE
from ganworks.regularizer import R1

FILE = Path(__file__).parents[2] / "benchmarks" / "dirac_gan.py"


def load():
    spec = importlib.util.spec_from_file_location("dirac_gan", FILE)
    sys.modules["dirac_gan"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = load()
LAB = sys.modules["dirac_game"]
LINEAR = [name for name in LAB.LOSSES if name != "began"]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


# Slopes of the discriminator's and the generator's loss in the fake logit f; the real logit is 0.
SLOPES = {
    "minimax": (sigmoid, lambda f: -sigmoid(f)),
    "bce": (sigmoid, lambda f: -sigmoid(-f)),
    "hinge": (lambda f: float(f > -1), lambda f: -1.0),
    "lsgan": (lambda f: f, lambda f: f - 1),
    "lsgan (-1, 1, 1)": (lambda f: f + 1, lambda f: f - 1),
    "wgan": (lambda f: 1.0, lambda f: -1.0),
    "relativistic": (sigmoid, lambda f: -sigmoid(-f)),
    "relativistic_average": (lambda f: 2 * sigmoid(f), lambda f: -2 * sigmoid(-f)),
    "relativistic_average_hinge": (lambda f: 2.0 * (f > -1), lambda f: -2.0 * (f < 1)),
    "relativistic_average_lsgan": (lambda f: 4 * (f + 1), lambda f: 4 * (f - 1)),
}


def to_one(psi):
    """The slope of (|psi| - 1)^2 / 2."""
    return (abs(psi) - 1) * math.copysign(1.0, psi)


# Slopes of the weighted penalties in psi.
PULLS = {
    "none": lambda theta, psi: 0.0,
    "r1": lambda theta, psi: 0.3 * psi,
    "r2": lambda theta, psi: 0.3 * psi,
    "r1_r2": lambda theta, psi: 0.6 * psi,
    "gradient_penalty": lambda theta, psi: to_one(psi),
    "lipschitz_penalty": lambda theta, psi: to_one(psi) if abs(psi) > 1 else 0.0,
    "wgan_div": lambda theta, psi: 3 * abs(psi) ** 5 * math.copysign(1.0, psi),
    "max_gradient": lambda theta, psi: 0.6 * psi,
    "dragan": lambda theta, psi: to_one(psi),
    "weight_clip": lambda theta, psi: 0.0,
    # .3 relu(a_r - psi theta)^2 with a_r = 0: the real logit is 0 and moves with nothing.
    "lecam": lambda theta, psi: -0.6 * max(0.0, -psi * theta) * theta,
    "centring": lambda theta, psi: 0.02 * psi * theta**2,
    # .05 (psi theta + psi theta)^2 of the fakes and their mirror images; the reals are their own.
    "balanced_consistency": lambda theta, psi: 0.4 * psi * theta**2,
}


def by_hand(loss, penalty, alternating, num):
    """Return the points of so many steps of .1 from (1, -1), on floats."""
    of_discriminator, of_generator = SLOPES[loss]
    theta, psi = 1.0, -1.0
    points = [(theta, psi)]
    for _ in range(num):
        moved = theta - 0.1 * of_generator(psi * theta) * psi
        seen = moved if alternating else theta
        psi -= 0.1 * (of_discriminator(psi * seen) * seen + PULLS[penalty](seen, psi))
        psi = max(-0.3, min(0.3, psi)) if penalty == "weight_clip" else psi
        theta = moved
        points.append((theta, psi))
    return points


def game(loss, penalty, **start):
    return LAB.Dirac(LAB.LOSSES[loss](), LAB.PENALTIES[penalty](), **start)


def test_every_loss_and_penalty_of_the_laboratory_is_written_by_hand():
    assert set(SLOPES) == set(LINEAR)
    assert set(PULLS) == set(LAB.PENALTIES)


@pytest.mark.parametrize("loss", LINEAR)
def test_orbit_under_every_penalty_is_that_of_the_game_written_by_hand(loss):
    for penalty in LAB.PENALTIES:
        for alternating in (False, True):
            found = game(loss, penalty).play(alternating, num_steps=24)
            for point, expected in zip(found, by_hand(loss, penalty, alternating, 24), strict=True):
                assert point == pytest.approx(expected, abs=1e-5), penalty


def sign(x):
    return (x > 0) - (x < 0)


@pytest.mark.parametrize("alternating", [False, True])
def test_balanced_orbit_is_that_of_the_game_written_by_hand(alternating):
    theta, psi, k = 1.0, -0.73, 0.0
    found = game("began", "none", psi=psi).play(alternating, num_steps=40)
    for point in found[1:]:
        moved = theta - 0.1 * sign(theta - psi)
        seen = moved if alternating else theta
        psi -= 0.1 * (sign(psi) + k * sign(seen - psi))
        theta = moved
        k = min(1.0, max(0.0, k + 0.1 * (0.5 * abs(psi) - abs(theta - psi))))
        assert point == pytest.approx((theta, psi), abs=1e-9)


# Radii after 2,000 steps, simultaneous and alternating, as the hand-written game gives them.
END_STATES = {
    ("minimax", "none"): (3.10, 1.42),
    ("bce", "none"): (0.45, 0.20),
    ("wgan", "weight_clip"): (0.33, 0.31),
    ("wgan", "gradient_penalty"): (1.53, 1.23),
    ("bce", "r1"): (0.0, 0.0),
    ("relativistic", "r1_r2"): (0.0, 0.0),
}


@pytest.mark.parametrize("cell", END_STATES, ids=" under ".join)
def test_dirac_gan_ends_where_the_hand_written_game_ends(cell):
    for alternating, expected in zip((False, True), END_STATES[cell], strict=True):
        assert math.hypot(*by_hand(*cell, alternating, 2000)[-1]) == pytest.approx(expected, abs=0.006)
        assert math.hypot(*game(*cell).play(alternating)[-1]) == pytest.approx(expected, abs=0.006)


def analytic(loss, gamma):
    """-gamma / 2 +- sqrt(gamma^2 / 4 - a b), a and b the players' slopes at f = 0: Mescheder et al. 2018, section 2."""
    product = SLOPES[loss][0](0.0) * -SLOPES[loss][1](0.0)
    root = complex(gamma**2 / 4 - product) ** 0.5
    return sorted([-gamma / 2 - root, -gamma / 2 + root], key=lambda value: (value.imag, value.real))


@pytest.mark.parametrize("loss", LINEAR)
def test_eigenvalues_without_a_penalty_and_with_r1_are_the_analytic_ones(loss):
    assert game(loss, "none", theta=0.0, psi=0.0).eigenvalues() == pytest.approx(analytic(loss, 0.0))
    found = game(loss, "r1", theta=0.0, psi=0.0).eigenvalues()
    assert found == pytest.approx(analytic(loss, 0.3))


def test_papers_frequencies_are_among_the_analytic_ones():
    assert [analytic(loss, 0.0)[1].imag for loss in ("minimax", "bce", "wgan")] == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.0])
def test_r1_moves_the_eigenvalues_into_the_left_half_plane(gamma):
    found = LAB.Dirac(BCE(), [R1(gamma)], theta=0.0, psi=0.0).eigenvalues()
    assert found == pytest.approx(analytic("bce", gamma))
    assert max(value.real for value in found) < 0


@pytest.mark.parametrize(
    "penalty", ["lipschitz_penalty", "wgan_div", "lecam", "centring", "weight_clip", "balanced_consistency"]
)
def test_penalties_that_act_far_from_the_equilibrium_alone_leave_its_eigenvalues(penalty):
    found = game("bce", penalty, theta=0.0, psi=0.0).eigenvalues()
    assert found == pytest.approx(analytic("bce", 0.0), abs=1e-9)


def test_page_has_a_cell_for_each_pair_and_the_picture_a_panel(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["dirac_gan.py", "--steps", "2", "--out", str(tmp_path)])
    PAGE.main()
    lines = (tmp_path / "dirac_gan.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) == 2 * len(LAB.LOSSES)
    assert {row.count("|") for row in rows} == {len(LAB.PENALTIES) + 2}
    panels = ET.parse(tmp_path / "dirac_gan.svg").findall(".//*[@class='panel']")
    assert len(panels) == len(LAB.LOSSES) * len(LAB.PENALTIES)
