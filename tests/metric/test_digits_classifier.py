import sys

import pytest
import torch
from safetensors import safe_open

from ganworks.errors import GanworksError
from ganworks.metric.extractor import train_digits_classifier
from ganworks.metric.extractor.digits import (
    WEIGHTS,
    DigitsClassifier,
    digits_half,
    digits_images,
    load_digits_classifier,
)
from ganworks.metric.extractor.train_digits_classifier import (
    accuracy,
    initialized,
    made_with,
    shifted,
    train_classifier,
)


def same_weights(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_shipped_classifier_is_right_on_the_half_that_it_has_not_seen():
    images, labels = digits_half(train=False)
    assert accuracy(load_digits_classifier(), images, labels) >= 0.985
    assert accuracy(initialized(DigitsClassifier()).eval(), images, labels) < 0.5  # control: untrained


def test_two_halves_are_stratified_and_share_no_row():
    images, _ = digits_images()
    (train, train_labels), (held_out, held_out_labels) = digits_half(train=True), digits_half(train=False)
    assert len(train) + len(held_out) == len(images) == 1797
    assert torch.equal(images.amin(), torch.tensor(-1.0))
    assert torch.equal(images.amax(), torch.tensor(1.0))
    halves = torch.cat([train, held_out]).flatten(1)
    assert torch.equal(halves.unique(dim=0), images.flatten(1).unique(dim=0))
    difference = train_labels.bincount() - held_out_labels.bincount()
    assert difference.abs().max() <= 1


def test_training_the_classifier_again_gives_the_shipped_one_but_for_rounding():
    images, labels = digits_half(train=False)
    shipped = load_digits_classifier().features(images)

    def distance(classifier: DigitsClassifier) -> float:
        return ((classifier.features(images) - shipped).norm() / shipped.norm()).item()

    again = train_classifier()
    assert accuracy(again, images, labels) >= 0.985
    # Another CPU or PyTorch rounds differently, and 420 updates make .02 to .07 of it: the bound is three times that.
    assert distance(again) < 0.2
    assert distance(train_classifier(num_epochs=2)) > 0.3  # control; another seed's features are 1.2 away


def test_shipped_weights_say_what_made_them():
    with safe_open(WEIGHTS, "pt") as file:
        assert file.metadata().keys() == made_with().keys()


def test_training_twice_gives_equal_bits_whatever_the_global_seed_and_the_threads():
    num_threads = torch.get_num_threads()
    try:
        torch.manual_seed(1)
        torch.set_num_threads(1)
        first = train_classifier(num_epochs=1).state_dict()
        torch.manual_seed(2)
        torch.set_num_threads(2)
        second = train_classifier(num_epochs=1).state_dict()
        assert torch.get_num_threads() == 2
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_num_threads(num_threads)
    assert same_weights(first, second)
    assert not same_weights(first, initialized(DigitsClassifier()).state_dict())


def test_shifted_moves_half_of_the_images_by_at_most_one_pixel(rng):
    images = torch.full((400, 1, 8, 8), -1.0)
    images[:, :, 4, 4] = 1.0
    moved = shifted(images, rng)
    rows, columns = moved.flatten(1).argmax(1) // 8, moved.flatten(1).argmax(1) % 8
    assert set(rows.tolist()) == set(columns.tolist()) == {3, 4, 5}
    stayed = ((rows == 4) & (columns == 4)).float().mean()
    assert 0.45 < stayed < 0.67  # one half and a ninth of the other: .56


def test_changed_or_missing_weights_give_an_error_with_the_hash_and_the_remedy(tmp_path):
    changed = tmp_path / "changed.safetensors"
    data = bytearray(WEIGHTS.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    with pytest.raises(GanworksError, match=r"has SHA-256 [0-9a-f]{64}, expected .*metric=none"):
        load_digits_classifier(changed)
    with pytest.raises(GanworksError, match="is missing"):
        load_digits_classifier(tmp_path / "nothing.safetensors")


def test_script_writes_the_weights_and_says_their_hash(tmp_path, monkeypatch, capsys):
    path = tmp_path / "weights.safetensors"
    briefly = train_classifier(num_epochs=1)
    monkeypatch.setattr(train_digits_classifier, "train_classifier", lambda: briefly)
    monkeypatch.setattr(sys, "argv", ["train_digits_classifier", "--out", str(path)])
    train_digits_classifier.main()
    printed_hash = capsys.readouterr().out.split()[-1]
    loaded = load_digits_classifier(path, printed_hash)
    assert same_weights(loaded.state_dict(), briefly.state_dict())
    monkeypatch.setattr(sys, "argv", ["train_digits_classifier"])
    with pytest.raises(SystemExit):
        train_digits_classifier.main()  # control: without --out
