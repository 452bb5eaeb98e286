"""Runs whose discriminator sees frozen features, and what regularizers and losses do with them."""

from types import SimpleNamespace

import pytest
import torch

from digit_files import write_images
from ganworks.errors import GanworksError
from ganworks.metric import FashionExtractor
from ganworks.model import ProjectedDiscriminator
from ganworks.run.leak import leaks
from running import checkpoint, differences, train, train_on

SHORT = ("num_images=256", "callback.sample_grid.num=4", "model.width=4", "metric.num_samples=16")
PROJECTED = ("model=projected", "data=digits", "loss=hinge", "model.discriminator.width=2", *SHORT)


def resumes_to_the_bit(folder, *arguments):
    """Return the weights of a run after holding that one which broke off after two steps ends with the same."""
    train(folder / "whole", *arguments)
    train(folder / "parts", *arguments, "trainer.max_steps=2")
    train_on(folder / "parts", "trainer.max_steps=-1")
    whole, parts = (checkpoint(folder / run) for run in ("whole", "parts"))
    assert whole["global_step"] > 2
    assert not differences(whole["state_dict"], parts["state_dict"])
    assert not differences(whole["optimizer_states"], parts["optimizer_states"])
    return whole["state_dict"]


def test_projected_run_resumes_to_the_bit_and_the_frozen_network_is_in_no_checkpoint(tmp_path):
    settings = ("augment=diffaugment", "callback.checkpoint.every_images=64", "model.conditional=true")
    names = resumes_to_the_bit(tmp_path, *PROJECTED, *settings)
    assert not [name for name in names if name.startswith("discriminator.features")]
    assert [name for name in names if name.startswith("discriminator.projection")]


def test_run_of_fastgan_resumes_to_the_bit_with_the_parts_that_its_decoders_rebuild(tmp_path):
    write_images(tmp_path / "images", torch.rand(8, 1, 32, 32) * 2 - 1)
    arguments = ("data=folder", f"data.root={tmp_path / 'images'}", f"data.cache={tmp_path / 'cache'}")
    sizes = ("data.resolution=32", "data.batch_size=4", "model.width=4", "num_images=16")
    parts = ("model=fastgan", "loss=hinge", "regularizer=reconstruction", "augment=diffaugment")
    resumes_to_the_bit(tmp_path, *arguments, *sizes, *parts, "callback.checkpoint.every_images=8")


def test_discriminator_sees_the_features_of_the_classifier_of_clothes():
    discriminator = ProjectedDiscriminator((1, 32, 32), FashionExtractor(), width=2)
    x = torch.randn(2, 1, 32, 32, requires_grad=True)
    discriminator(x).sum().backward()
    assert x.grad.abs().amax((1, 2, 3)).min() > 0
    assert len(discriminator.heads) == 4
    critic = SimpleNamespace(network=discriminator)
    suite = SimpleNamespace(extractors={"fashion": FashionExtractor()})
    (line,) = leaks(SimpleNamespace(critics=[critic]), suite)
    assert "metric.extractor.fashion is the network whose features the discriminator sees" in line


def test_metric_in_the_network_of_the_discriminator_is_told(tmp_path, capsys):
    train(tmp_path / "run", *PROJECTED[:-1], "metric=digits", "dry_run=true")
    assert "network whose features the discriminator sees" in " ".join(capsys.readouterr().out.split())


def test_networks_of_the_same_data_are_told_and_others_are_not():
    from ganworks.metric import DigitsExtractor
    from ganworks.metric.extractor import DinoV2, Identity, Inception

    features = SimpleNamespace(extractor=Inception())
    critic = SimpleNamespace(network=SimpleNamespace(features=features))
    task = SimpleNamespace(critics=[critic])
    suite = SimpleNamespace(
        extractors={"dino": DinoV2("dinov2-vit-s-14"), "digits": DigitsExtractor(), "pixels": Identity()}
    )
    (line,) = leaks(task, suite)
    assert "metric.extractor.dino" in line
    assert "ImageNet" in line


def test_batch_norm_of_the_heads_is_refused_under_a_penalty_and_left_out_by_itself(tmp_path):
    penalty = ("regularizer=r1", "dry_run=true")
    assert train(tmp_path / "one", *PROJECTED, *penalty).status == "dry_run"
    with pytest.raises(GanworksError, match="batch norm mixes the samples"):
        train(tmp_path / "two", *PROJECTED, *penalty, "model.discriminator.norm=batch")


@pytest.mark.parametrize("loss", ["hinge", "relativistic", "bce"])
def test_direction_trains_beside_a_penalty_and_stays_of_length_one(tmp_path, loss):
    arguments = ("data=digits", "model=dcgan", f"loss={loss}", "regularizer=[r1,san]", "metric=none")
    outcome = train(tmp_path / "run", *arguments, *SHORT[:3], "model.conditional=true")
    assert outcome.status == "finished"
    state = checkpoint(tmp_path / "run")["state_dict"]
    weight = state["discriminator.head.weight"]
    assert torch.allclose(weight.norm(dim=1), torch.ones(10), atol=1e-5)
