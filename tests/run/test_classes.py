"""Class heads are refused before training where the data or the generator have no such classes."""

from types import SimpleNamespace

import pytest
import torch

from games import SHAPE, fit, make_task
from ganworks.doctor import Probe
from ganworks.errors import SettingError
from ganworks.loss import MultiHinge
from ganworks.model import MLPDiscriminator, MLPGenerator
from ganworks.regularizer import AuxiliaryClassifier, ClassHead, Contrastive
from ganworks.run.classes import check_classes

WIDTH = {"width": 16, "depth": 2}


def make(regularizers, num_classes=10, condition=0, **settings):
    torch.manual_seed(0)
    generator = MLPGenerator(SHAPE, 4, num_classes, **WIDTH)
    discriminator = MLPDiscriminator(SHAPE, condition, **WIDTH)
    return make_task(generator=generator, discriminator=discriminator, regularizers=regularizers, **settings)


def data(label_kind="class", num_classes=10):
    return SimpleNamespace(name="some", label_kind=label_kind, num_classes=num_classes)


@pytest.mark.parametrize("kind", ["class", "multi"])
def test_labels_that_fit_pass(kind):
    check_classes(make({"head": AuxiliaryClassifier(10)}), data(kind))
    check_classes(make({}, num_classes=0), data("none", 0))


@pytest.mark.parametrize(
    ("head", "has", "message"),
    [
        (
            AuxiliaryClassifier(10),
            data("none", 0),
            "regularizer.head=on: .* no labels, and it takes a class or",
        ),
        (AuxiliaryClassifier(10), data("vector"), "regularizer.head=on: .* a vector of numbers"),
        (Contrastive(10), data("multi"), "regularizer.head=on: .* several classes, and it takes a class"),
        (ClassHead(10), data("multi"), "regularizer.head=on: .* several classes"),
        (Contrastive(7), data(), "regularizer.head.num_classes=7: must be 10"),
    ],
)
def test_data_without_such_labels_is_refused(head, has, message):
    with pytest.raises(SettingError, match=message):
        check_classes(make({"head": head}), has)


def test_generator_that_is_told_no_class_is_refused():
    with pytest.raises(SettingError, match=r"model\.conditional=False: must be true under regularizer\.head"):
        check_classes(make({"head": AuxiliaryClassifier(10)}, num_classes=0), data())


def watched(task):
    """Return what the critic of a task saw in a short run, and the doctor's probe of it."""
    task.is_watched = True
    fit(task, max_steps=2)
    probe = object.__new__(Probe)
    probe.task, probe.num_samples = task, 64
    return task.looks[0], probe


@pytest.mark.parametrize(
    ("head", "loss"),
    [(AuxiliaryClassifier(10), None), (Contrastive(10), None), (ClassHead(10), MultiHinge())],
)
def test_doctor_says_how_often_the_head_names_the_class_of_a_real(head, loss):
    look, probe = watched(make({"head": head}, loss=loss, num_steps=2))
    named = head.class_logits(look.batch[f"real_{head.head}"]).argmax(1)
    expected = (named == look.batch["real_label"]).float().mean()
    assert probe._classes(look) == {"class_accuracy": expected}


def test_doctor_asks_a_conditional_discriminator_class_by_class():
    task = make({}, condition=10, num_steps=2)
    look, probe = watched(task)
    real, label = look.batch["real"], look.batch["label"]
    said = torch.stack([task.discriminator(real, torch.full_like(label, y)) for y in range(10)], 1)
    expected = (said.argmax(1) == label)[: 64 // 2].float().mean()
    assert probe._classes(look) == {}
    assert torch.allclose(probe._class_accuracy(look, real, label), expected)
