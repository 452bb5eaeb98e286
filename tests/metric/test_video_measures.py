"""Figures of clips: the shipped classifier, motion, recognised digits and FVD, each with what must fail."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from ganworks.data import MovingDigits
from ganworks.errors import GanworksError, SettingError
from ganworks.metric import (
    FeatureSet,
    MotionStatistics,
    MovingDigitsExtractor,
    Recognised,
    SampleSet,
    frechet_distance_of_features,
    load_moving_digits_classifier,
)
from ganworks.metric.distance.motion import NAMES, motion_statistics
from ganworks.metric.extractor import I3D
from ganworks.metric.extractor.moving_digits import WEIGHTS, MovingDigitsClassifier
from ganworks.metric.extractor.train_digits_classifier import made_with
from ganworks.metric.extractor.train_moving_digits_classifier import (
    accuracies,
    initialized,
    train_classifier,
)
from ganworks.noise import keyed_rng

ROOT = Path(__file__).parents[2]


def clips(num: int = 64) -> Tensor:
    return MovingDigits().samples.read(torch.arange(num))


def test_shipped_classifier_tells_held_out_digits_and_velocities() -> None:
    digit, velocity = accuracies(load_moving_digits_classifier())
    assert digit > 0.95
    assert velocity > 0.75  # .79 is the most: a clip that starts at a wall does not tell its direction
    assert accuracies(initialized(MovingDigitsClassifier()).eval())[0] < 0.3  # control: untrained


def test_training_twice_gives_equal_bits_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    first = train_classifier(num_updates=3).state_dict()
    torch.manual_seed(2)
    second = train_classifier(num_updates=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    untrained = initialized(MovingDigitsClassifier()).state_dict()
    assert not torch.equal(first["hidden.weight"], untrained["hidden.weight"])


def test_shipped_weights_say_what_made_them() -> None:
    with safe_open(WEIGHTS, "pt") as file:
        assert file.metadata().keys() == made_with().keys()


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(WEIGHTS.read_bytes()[:-1] + b"x")
    with pytest.raises(GanworksError, match=r"has SHA-256 .*metric=none"):
        load_moving_digits_classifier(path)


def test_the_classifier_refuses_other_clips() -> None:
    with pytest.raises(SettingError, match="measures clips of"):
        MovingDigitsExtractor().check_shape((3, 16, 64, 64))


def naive_statistics(clip: Tensor) -> list[float]:
    """Return the statistics of one gray clip (T, H, W), pixel by pixel and in plain Python."""
    light = ((clip.double() + 1) / 2).tolist()
    path, mass, windows = [], [], []
    for frame in light:
        total = sum(map(sum, frame))
        row = sum(y * value for y, line in enumerate(frame) for value in line) / total
        column = sum(x * value for line in frame for x, value in enumerate(line)) / total
        path.append((row, column))
        mass.append(total / (len(frame) * len(frame[0])))
    size = len(light[0])
    for frame, (row, column) in zip(light, path, strict=True):
        top, left = round(row - (size - 1) / 2), round(column - (size - 1) / 2)
        inside = range(size)
        windows.append(
            [
                frame[y][x] if y in inside and x in inside else 0.0
                for y in range(top, top + size)
                for x in range(left, left + size)
            ]
        )
    pairs = list(itertools.pairwise(path))
    speed = torch.tensor([((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5 for a, b in pairs])
    cosines = [
        sum(p * q for p, q in zip(a, b, strict=True)) / (sum(p * p for p in a) * sum(q * q for q in b)) ** 0.5
        for a, b in itertools.pairwise(windows)
    ]
    masses = torch.tensor(mass)
    deviation = masses.std(correction=0)
    return [
        float(v) for v in (speed.mean(), speed.std(correction=0), masses.mean(), deviation, sum(cosines) / 7)
    ]


def test_motion_statistics_equal_a_naive_computation() -> None:
    noised = (clips(6) + 0.2 * torch.randn(6, 1, 8, 16, 16, generator=keyed_rng(0))).clamp(-1, 1)
    for some in (clips(6), noised):
        expected = torch.tensor([naive_statistics(clip[0]) for clip in some], dtype=torch.float64)
        assert torch.allclose(motion_statistics(some), expected, atol=1e-6)


def test_shape_constancy_is_one_for_rigid_shapes_alone() -> None:
    column = NAMES.index("shape_constancy")
    assert torch.allclose(motion_statistics(clips())[:, column], torch.ones(64).double())
    changing = torch.cat([clips()[:, :, :4], clips(65)[1:, :, 4:]], dim=2)  # another digit from the middle on
    assert motion_statistics(changing)[:, column].mean() < 0.97


def test_the_motion_measure_sees_frozen_and_shuffled_frames() -> None:
    data = MovingDigits(num_clips=512)
    real = SampleSet(512, samples=next(data.reference_batches(512))["real"])

    def figures(samples: Tensor) -> dict[str, float]:
        return MotionStatistics().figures(real, SampleSet(len(samples), samples=samples), keyed_rng(0))

    floor = figures(data.samples.read(torch.arange(512)))
    assert floor["fd_motion"] < 0.02
    lines = data.baselines(512, 0)
    spoiled = {name: figures(fields["real"]) for name, fields in lines.items()}
    assert all(found["fd_motion"] > 0.5 for found in spoiled.values())
    assert spoiled["noise .3"]["shape_constancy"] < 0.8 < spoiled["frozen frames"]["shape_constancy"]
    first, second = (motion_statistics(samples) for samples in (real.samples, lines["frozen frames"]["real"]))
    expected = frechet_distance_of_features(first, second)
    assert spoiled["frozen frames"]["fd_motion"] == pytest.approx(expected)


def test_the_motion_measure_refuses_images() -> None:
    from ganworks.data import Digits

    with pytest.raises(SettingError, match="it measures clips"):
        MotionStatistics().check_data(Digits())


def test_recognised_is_the_share_of_labels_that_the_classifier_says() -> None:
    logits = torch.eye(4)[[0, 1, 2, 3, 0]]
    fake = SampleSet(5, {"x": FeatureSet(5, logits, logits)}, labels=torch.tensor([0, 1, 2, 0, 1]))
    assert Recognised("x").figures(fake, fake, keyed_rng(0)) == {"recognised": 0.6}


def test_real_clips_are_recognised_and_those_with_other_labels_are_not() -> None:
    extractor = MovingDigitsExtractor()
    extractor.load()
    samples = MovingDigits().samples
    found = extractor(samples.read(torch.arange(500)))
    sets = {"moving_digits": FeatureSet(500, found.features, found.logits)}

    def share(labels: Tensor) -> float:
        side = SampleSet(500, sets, labels=labels)
        return Recognised("moving_digits").figures(side, side, keyed_rng(0))["recognised"]

    assert share(samples.labels[:500]) > 0.95
    assert share((samples.labels[:500] + 1) % 10) < 0.05


class Scripted(nn.Module):
    """What the file of I3D takes and returns, with means in the place of a network."""

    def forward(
        self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> Tensor:
        assert rescale
        assert resize
        assert return_features
        x = x * 2.0 / 255.0 - 1.0
        return torch.cat([x.mean((2, 3, 4)), x.std((1, 2, 3, 4))[:, None], torch.zeros(len(x), 396)], dim=1)


@pytest.fixture
def scripted(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "i3d_torchscript.pt"
    torch.jit.script(Scripted()).save(str(path))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_i3d_reads_a_scripted_file_and_sees_rounded_rgb_clips(scripted: tuple[Path, str]) -> None:
    path, sha256 = scripted
    extractor = I3D(weights=str(path), sha256=sha256, batch_size=2, device="cpu")
    extractor.check()
    extractor.load()
    gray = torch.rand(5, 1, 16, 8, 8, generator=keyed_rng(0)) * 2 - 1
    found = extractor(gray).features
    expected = Scripted()(((gray + 1) * 127.5).round().expand(-1, 3, -1, -1, -1), True, True, True)
    assert torch.allclose(found, expected, atol=1e-6)
    assert extractor.contract["weights_sha256"] == sha256
    assert extractor.contract["frames"] == 16


def test_i3d_is_refused_without_its_file_or_with_another(tmp_path: Path, scripted: tuple[Path, str]) -> None:
    with pytest.raises(GanworksError, match=r"is missing; download .*i3d_torchscript.pt"):
        I3D(weights=str(tmp_path / "nothing.pt")).check()
    with pytest.raises(GanworksError, match="has SHA-256"):
        I3D(weights=str(scripted[0])).check()


@pytest.mark.parametrize(
    ("shape", "words"),
    [((3, 64, 64), "I3D sees gray or RGB clips"), ((3, 8, 64, 64), "frames=16: must be the 8 of the clips")],
)
def test_i3d_refuses_what_it_cannot_see(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        I3D().check_shape(shape)


def test_every_figure_of_clips_sees_some_failure_and_fvd_digits_sees_all() -> None:
    spec = importlib.util.spec_from_file_location("quality_ladder", ROOT / "benchmarks" / "quality_ladder.py")
    assert spec is not None
    assert spec.loader is not None
    ladder = importlib.util.module_from_spec(spec)
    sys.modules["quality_ladder"] = ladder
    spec.loader.exec_module(ladder)
    with torch.no_grad():
        figures, margin = ladder.climb_clips(901)
    wrong = ladder.misranked(figures, margin, ladder.better_of(ladder.CLIP_MEASURES))
    assert wrong["fvd_digits"] == wrong["fd_motion"] == []
    assert wrong["shape_constancy"] == ["frozen frames", "shuffled frames"]  # rigid, however they move
