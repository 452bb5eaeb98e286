"""The classifier of clothes that ships with the package, and the figures that it carries."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ganworks.data.vision import FashionMNIST
from ganworks.errors import GanworksError, SettingError
from ganworks.metric import FashionExtractor, frechet_distance_of_features
from ganworks.metric.extractor import train_fashion_classifier
from ganworks.metric.extractor.fashion import WEIGHTS, FashionClassifier
from ganworks.metric.extractor.shipped import load_shipped
from ganworks.metric.extractor.train_digits_classifier import accuracy, made_with
from ganworks.metric.extractor.train_fashion_classifier import images_of, moved, train_classifier

needs_the_data = pytest.mark.skipif(
    not Path(FashionMNIST.installed[0]).is_dir(), reason="Debian's dataset-fashion-mnist is not installed"
)


@pytest.fixture
def extractor() -> FashionExtractor:
    extractor = FashionExtractor()
    extractor.check()
    extractor.load()
    return extractor


def write_idx(folder: Path, name: str, num: int) -> None:
    images = torch.randint(
        256, (num, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(num)
    )
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", num, 28, 28)
    (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
    labels = bytes(index % 10 for index in range(num))
    (folder / f"{name}-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", num) + labels)


@needs_the_data
def test_the_shipped_classifier_knows_clothes_that_it_has_not_seen_and_measures_how_far_they_are_changed(
    extractor,
):
    images, labels = (part[:3000] for part in images_of(None, test=False))
    assert accuracy(extractor.classifier, images, labels) > 0.89
    features = extractor(images).features
    first, second = features[:1500], features[1500:]
    floor = frechet_distance_of_features(first, second)
    noisy = extractor(images[:1500] + 0.3 * torch.randn(1500, 1, 32, 32)).features
    without = second[labels[1500:] != 9]
    assert floor < 1
    assert frechet_distance_of_features(noisy, second) > 10 * floor
    assert frechet_distance_of_features(without, first) > 3 * floor


def test_the_extractor_reads_gray_images_of_32_pixels_alone_and_says_so(extractor):
    assert extractor(torch.zeros(3, 1, 32, 32)).features.shape == (3, 64)
    with pytest.raises(SettingError, match=r"fashion measures images of \(1, 32, 32\) only"):
        extractor.check_shape((3, 32, 32))


def test_shipped_weights_say_what_made_them_and_changed_ones_are_refused(tmp_path):
    with safe_open(WEIGHTS, "pt") as file:
        assert file.metadata().keys() == made_with().keys()
    with pytest.raises(GanworksError, match="SHA-256"):
        load_shipped(FashionClassifier(), WEIGHTS, "0" * 64)


def test_training_twice_gives_equal_bits_and_the_script_says_their_hash(tmp_path, monkeypatch, capsys):
    for name, num in (("train", 40), ("t10k", 200)):
        write_idx(tmp_path, name, num)
    images, labels = images_of(tmp_path, test=True)
    assert images.shape == (200, 1, 32, 32)
    states = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        states.append(train_classifier(images, labels, num_epochs=1).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])

    monkeypatch.setattr(train_fashion_classifier, "NUM_EPOCHS", 1)
    monkeypatch.setattr(train_fashion_classifier, "train_classifier", lambda x, y: train_classifier(x, y, 1))
    out = tmp_path / "weights.safetensors"
    monkeypatch.setattr(sys, "argv", ["train", "--out", str(out), "--root", str(tmp_path)])
    train_fashion_classifier.main()
    loaded = load_shipped(FashionClassifier(), out, capsys.readouterr().out.split()[-1])
    assert all(torch.equal(tensor, states[0][name]) for name, tensor in loaded.state_dict().items())
    with pytest.raises(SettingError, match="t10k"):
        images_of(tmp_path / "nowhere", test=True)


def test_images_are_mirrored_and_moved_by_at_most_two_pixels(rng):
    images = torch.full((400, 1, 32, 32), -1.0)
    images[:, :, 10, 20] = 1.0
    places = moved(images, rng).flatten(1).argmax(1)
    rows, columns = places // 32, places % 32
    assert set(rows.tolist()) == set(range(8, 13))
    assert set(columns.tolist()) == {*range(18, 23), *range(9, 14)}
