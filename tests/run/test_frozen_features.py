"""Runs whose discriminator sees frozen features, and what regularizers and losses do with them."""

import pytest
import torch

from ganworks.errors import GanworksError
from ganworks.run.leak import leaks
from running import train

SHORT = ("num_images=256", "callback.sample_grid.num=4", "model.width=4", "metric.num_samples=16")
PROJECTED = ("model=projected", "data=digits", "loss=hinge", "model.discriminator.width=2", *SHORT)


def test_projected_discriminator_trains_on_digits_and_resumes_without_the_frozen_network(tmp_path):
    outcome = train(tmp_path / "run", *PROJECTED)
    assert outcome.status == "finished"
    checkpoint = next((tmp_path / "run").rglob("last.ckpt"))
    names = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    assert not [name for name in names if name.startswith("discriminator.features")]
    assert [name for name in names if name.startswith("discriminator.projection")]


def test_metric_in_the_network_of_the_discriminator_is_told(tmp_path, capsys):
    train(tmp_path / "run", *PROJECTED[:-1], "metric=digits", "dry_run=true")
    assert "network whose features the discriminator sees" in " ".join(capsys.readouterr().out.split())


def test_networks_of_the_same_data_are_told_and_others_are_not():
    from types import SimpleNamespace

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
    checkpoint = next((tmp_path / "run").rglob("last.ckpt"))
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")["state_dict"]
    weight = state["discriminator.head.weight"]
    assert torch.allclose(weight.norm(dim=1), torch.ones(10), atol=1e-5)
