"""Features that are computed once, and go on after an interruption."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganworks.metric import Extractor, FeatureCache, Features
from ganworks.metric.collect import Batch, Keep, collect
from ganworks.metric.feature_cache import load

NUM, DIM = 23, 3
# Small whole numbers: their products and sums are exact, so that features are equal for batches of any size.
SAMPLES = torch.randint(-9, 10, (NUM, 5), generator=torch.Generator().manual_seed(0)).float()
KEEP = Keep({"first": 8, "second": 23}, frozenset({"first"}))


@dataclass
class Counting(Extractor):
    """A fixed projection that counts what it is asked for, and may fail once it has seen so many samples."""

    name: str
    fails_at: int = 10**9
    num_seen: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def contract(self) -> dict[str, Any]:
        return {"extractor": self.name, "weights_sha256": "0", "resizer": "none", **self.settings}

    def __call__(self, samples: Tensor) -> Features:
        self.num_seen += len(samples)
        if self.num_seen > self.fails_at:
            raise KeyboardInterrupt
        rng = torch.Generator().manual_seed(len(self.name))
        return Features(samples @ torch.randint(-9, 10, (5, DIM), generator=rng).float())


def read(start: int, stop: int) -> Iterator[Batch]:
    yield from ((batch, {}) for batch in SAMPLES[start:stop].split(2))


def extractors(**settings: Any) -> dict[str, Extractor]:
    return {"first": Counting("first", **settings), "second": Counting("second")}


def collected(folder: Path, found: dict[str, Extractor], source: str = "a", keep: Keep = KEEP) -> Any:
    return FeatureCache(folder, part_size=5).collect(source, read, range(NUM), NUM, found, keep)


def test_features_in_parts_and_from_the_cache_equal_those_of_one_pass(tmp_path: Path) -> None:
    whole = collect(read(0, NUM), NUM, extractors(), KEEP)
    for again in (False, True):
        used = extractors()
        found = collected(tmp_path, used)
        assert used["first"].num_seen == (0 if again else NUM)
        assert found["first"].features.shape == (8, DIM)
        assert torch.equal(found["first"].features, whole["first"].features)
        assert torch.equal(found["second"].features, whole["second"].features)
        for part in ("mean", "covariance"):  # sums in another order, in float64: 1e-12 of the largest
            one, other = getattr(found["first"], part), getattr(whole["first"], part)
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * other.abs().max().item())
    kept = {path.name for path in tmp_path.glob("*.safetensors")}
    assert len(kept) == 2  # one an extractor, and no parts


def test_work_that_was_interrupted_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        collected(tmp_path, extractors(fails_at=13))
    used = extractors()
    found = collected(tmp_path, used)
    assert used["first"].num_seen == NUM - 10  # two parts of five were there
    whole = collect(read(0, NUM), NUM, extractors(), KEEP)
    assert torch.equal(found["second"].features, whole["second"].features)


def test_another_extractor_alone_is_computed_beside_those_that_are_there(tmp_path: Path) -> None:
    collected(tmp_path, extractors(), keep=KEEP.without({"second"}))
    used = extractors()
    collected(tmp_path, used)
    assert (used["first"].num_seen, used["second"].num_seen) == (0, NUM)


def test_other_samples_settings_or_demands_are_not_taken_from_the_cache(tmp_path: Path) -> None:
    collected(tmp_path, extractors())
    for change in ({"source": "b"}, {"keep": Keep({"first": 9, "second": 23}, frozenset({"first"}))}):
        used = extractors()
        collected(tmp_path, used, **change)
        assert used["first"].num_seen == NUM, change
    used = extractors(settings={"resizer": "clean"})
    collected(tmp_path, used)
    assert used["first"].num_seen == NUM


def test_damaged_file_is_computed_again(tmp_path: Path) -> None:
    collected(tmp_path, extractors())
    path = next(tmp_path.glob("features-first-*.safetensors"))
    path.write_bytes(path.read_bytes()[:100])
    assert load(path) is None
    used = extractors()
    collected(tmp_path, used)
    assert used["first"].num_seen == NUM
    assert load(path) is not None


def test_samples_and_labels_are_read_though_all_features_are_there(tmp_path: Path) -> None:
    collected(tmp_path, extractors())
    used = extractors()
    found = collected(tmp_path, used, keep=Keep(KEEP.num_features, KEEP.moments, num_samples=7))
    assert torch.equal(found.samples, SAMPLES[:7])
    assert used["first"].num_seen == 0
    assert len(found["second"].features) == NUM


def test_no_flipped_bit_is_read_as_other_features(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = collected(tmp_path, extractors())
    rng = random.Random(0)
    files = sorted(tmp_path.glob("features-*.safetensors"))
    for path in files:
        content = path.read_bytes()
        assert load(path) is not None
        for _ in range(40):
            flipped = bytearray(content)
            flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            path.write_bytes(flipped)
            assert load(path) is None
    again = collected(tmp_path, extractors())
    assert f"{files[0].name} is damaged" in caplog.text.replace("\n", " ")
    assert torch.equal(again["first"].features, whole["first"].features)
    assert load(files[0]) is not None
