"""What stands beside a generator's figures: fields, a reference of its own, baselines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Generator, Tensor, nn

from ganworks.data import GanDataModule, TensorSamples
from ganworks.errors import SettingError
from ganworks.metric import FeatureCache, Identity, Measure, SampleSet, Suite, evaluate
from ganworks.metric.collect import Keep
from ganworks.sample.sampler import Sampler

NUM = 41


class Pairs(GanDataModule):
    """Vectors whose source is their double; 60 are trained on, 41 others kept apart."""

    name = "pairs"

    def __init__(self) -> None:
        super().__init__((3,), 0, batch_size=8)

    def load(self) -> TensorSamples:
        return self.pairs(60, seed=0)

    def load_reference(self) -> TensorSamples:
        return self.pairs(NUM, seed=1)

    def baselines(self, num: int, seed: int) -> dict[str, dict[str, Tensor]]:
        drawn = self.draw_conditions(["source", "real"], num, seed)
        return {"source": {**drawn, "real": drawn["source"], "truth": drawn["real"]}}

    @staticmethod
    def pairs(num: int, seed: int) -> TensorSamples:
        values = torch.randn(num, 3, generator=torch.Generator().manual_seed(seed))
        return TensorSamples(values, source=2 * values)


@dataclass(frozen=True)
class Error(Measure):
    """Mean distance of each fake from the half of its source."""

    extractor: str = "identity"
    needs: ClassVar[frozenset[str]] = frozenset({"samples", "moments"})
    fields: ClassVar[tuple[str, ...]] = ("source",)

    @property
    def better(self) -> dict[str, str]:
        return {"error": "min", "shift": "min"}

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        assert fake.samples is not None
        error = (fake.samples - fake.fields["source"] / 2).abs().mean()
        return {"error": error, "shift": (real["identity"].mean - fake["identity"].mean).abs().sum()}


class Halve(nn.Module):
    """A translator: the source halved, and ``off`` added."""

    shape, noise, conditions = (3,), {}, ("source",)

    def __init__(self, off: float = 0.0) -> None:
        super().__init__()
        self.off = nn.Parameter(torch.tensor(off))

    def forward(self, source: Tensor) -> Tensor:
        return source / 2 + self.off


def suite(**changes: Any) -> Suite:
    settings: dict[str, Any] = {"num_samples": NUM, "every_images": 1, "seed": 0, "floor": True}
    return Suite({"identity": Identity()}, {"error": Error()}, **{**settings, **changes})


def measured(off: float, num: int = NUM, cache: Path | None = None) -> Any:
    found, data = suite(num_samples=num), Pairs()
    found.prepare(data)
    features = None if cache is None else FeatureCache(cache, part_size=10)
    return evaluate(found, Sampler(Halve(off), {}), data, batch_size=7, cache=features)


def test_a_measure_sees_the_field_that_each_fake_was_made_from() -> None:
    assert measured(0.0).values["error"] == pytest.approx(0, abs=1e-6)
    assert measured(0.25).values["error"] == pytest.approx(0.25)


def test_fields_go_round_when_there_are_fewer_than_fakes() -> None:
    assert measured(0.0, num=2 * NUM + 5).values["error"] == pytest.approx(0, abs=1e-6)


def test_fields_survive_the_cache(tmp_path: Path) -> None:
    assert measured(0.25, cache=tmp_path).values["error"] == pytest.approx(0.25)


def test_the_metrics_compare_with_the_reference_and_training_with_its_own_samples() -> None:
    data = Pairs()
    assert (data.num_reals, len(data.samples)) == (NUM, 60)
    batch = next(data.reference_batches(NUM))
    assert torch.equal(batch["source"], 2 * batch["real"])
    kept_apart = {tuple(row) for row in data.pairs(NUM, 1).values.tolist()}
    assert {tuple(row) for row in batch["real"].tolist()} == kept_apart
    trained = {tuple(row) for b in data.training_data().reference_batches() for row in b["real"].tolist()}
    assert trained == {tuple(row) for row in data.samples.values.tolist()}
    assert data.fingerprint != data.training_data().fingerprint


def test_the_floor_of_a_reference_is_what_training_samples_get() -> None:
    found = suite()
    found.prepare(Pairs())
    reference = Pairs.pairs(NUM, 1).values.mean(0)
    trained = next(Pairs().training_data().reference_batches(NUM))["real"].mean(0)
    assert found.floor["shift"] == pytest.approx((reference - trained).abs().sum().item(), rel=1e-4)


def test_a_baseline_is_measured_like_the_fakes() -> None:
    line = measured(0.0).baselines["source"]
    sources = Pairs().draw_conditions(["source"], NUM, 0)["source"]
    assert line["error"] == pytest.approx((sources / 2).abs().mean().item(), rel=1e-5)
    assert line["error"] > 0.1  # control: an untranslated source is not its half


def test_baselines_are_measured_only_with_the_floor() -> None:
    found = suite(floor=False)
    found.prepare(Pairs())
    assert (found.floor, found.baselines) == ({}, {})


def test_a_field_that_the_data_do_not_have_is_refused() -> None:
    class Single(Pairs):
        @staticmethod
        def pairs(num: int, seed: int) -> TensorSamples:
            return TensorSamples(torch.zeros(num, 3))

    with pytest.raises(SettingError, match="the field source, which the data do not have"):
        suite().check_data(Single())


def test_rows_and_joined_sets_keep_their_fields() -> None:
    keep = Keep.for_measures([Error()], NUM)
    assert keep.fields == {"source"}
    assert keep.num_samples == NUM
    values = torch.arange(6.0)[:, None]
    whole = SampleSet(6, samples=values, fields={"source": 2 * values})
    assert whole.at(torch.tensor([4, 1])).fields["source"].flatten().tolist() == [8.0, 2.0]
