"""The measure of the way back against its definition, and what the class-keeping share reads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganworks.data import PrintedDigits
from ganworks.errors import SettingError
from ganworks.metric import BackDistance, ClassConsistency, DigitsExtractor, FrechetDistance, Suite, evaluate
from ganworks.model import ResnetTranslator
from ganworks.sample.direction import Reversed, backwards
from ganworks.sample.sampler import Sampler
from ganworks.task import CycleTask

SMALL = {"width": 4, "num_down": 1, "num_blocks": 1, "from_source": True}


def suite(**measures: object) -> Suite:
    extractor = {"digits": DigitsExtractor()}
    return Suite(extractor, measures, num_samples=300, every_images=1, seed=0, floor=True)  # type: ignore[arg-type]


def player(seed: int = 0) -> nn.ModuleDict:
    """Two translators that invert what they see, a little differently."""
    torch.manual_seed(seed)
    networks = {name: ResnetTranslator((1, 8, 8), **SMALL) for name in ("forth", "back")}  # type: ignore[arg-type]
    for network in networks.values():
        nn.init.normal_(network.last[1].weight, std=0.1)  # type: ignore[arg-type]
    return nn.ModuleDict(networks)


def frechet(first: Tensor, second: Tensor) -> float:
    """The Frechet distance by eigenvalues of the product of both covariances."""
    means, covariances = zip(
        *((x.mean(0), x.T.cov()) for x in (first.double(), second.double())), strict=True
    )
    root = torch.linalg.eigvals(covariances[0] @ covariances[1]).real.clamp_min(0).sqrt().sum()
    traces = sum(covariance.trace() for covariance in covariances)
    return float((means[0] - means[1]).square().sum() + traces - 2 * root)


def test_the_way_back_is_measured_from_the_held_out_reals_to_the_sources() -> None:
    data, found = PrintedDigits(), player()
    measured = suite(back=BackDistance(DigitsExtractor(), name="fd_digits_back"))
    measured.prepare(data)
    value = evaluate(measured, Sampler(found, {}, CycleTask.produce), data).values["fd_digits_back"]
    extractor = DigitsExtractor()
    extractor.load()
    with torch.no_grad():
        reals = torch.cat([batch["real"] for batch in data.reference_batches()])
        made = extractor(found["back"](reals)).features
        other = extractor(found["forth"](reals)).features
    sources = extractor(data.draw_conditions(["source"], 300, seed=0)["source"]).features
    assert value == pytest.approx(frechet(made, sources), rel=1e-4)
    assert value != pytest.approx(frechet(other, sources), rel=1e-2)


def test_the_lines_beside_a_translator_are_those_of_its_sources_and_of_real_digits() -> None:
    data = PrintedDigits()
    measured = suite(
        kept=ClassConsistency("digits", field="digit"), fd=FrechetDistance("digits", name="fd_digits")
    )
    measured.prepare(data)
    drawn = data.draw_conditions(["source", "digit"], 300, seed=0)
    extractor = DigitsExtractor()
    extractor.load()
    read = extractor(drawn["source"])
    right = (read.logits.argmax(1) == drawn["digit"]).double().mean()
    assert measured.baselines["source"]["class_kept"] == pytest.approx(float(right))
    reals = torch.cat([batch["real"] for batch in data.reference_batches()])
    assert measured.baselines["source"]["fd_digits"] == pytest.approx(
        frechet(read.features, extractor(reals).features), rel=1e-4
    )
    assert measured.floor["class_kept"] > 0.98
    identity = Sampler(ResnetTranslator((1, 8, 8), **SMALL), {})  # type: ignore[arg-type]
    kept = evaluate(measured, identity, data).values["class_kept"]
    assert kept == pytest.approx(measured.baselines["source"]["class_kept"], abs=0.03)


def test_a_generator_without_a_way_back_is_refused_before_the_training() -> None:
    measured = suite(back=BackDistance(DigitsExtractor()))
    measured.check_generator(player())
    with pytest.raises(SettingError, match="task=cycle"):
        measured.check_generator(player()["forth"])
    with pytest.raises(SettingError, match="folders of images"):
        measured.check_generator(None)


def test_the_way_back_takes_reals_for_its_sources() -> None:
    data, found = PrintedDigits(), player()
    sampler = backwards(Sampler(found, {}, CycleTask.produce))
    made = sampler.beside(Reversed(data)).sample(5, seed=2)
    reals = data.draw_conditions(["real"], 5, seed=2)["real"]
    assert torch.equal(made, found["back"](reals))
    with pytest.raises(SettingError, match="forth"):
        backwards(Sampler(found["forth"], {}))
