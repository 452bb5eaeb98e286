"""The real loading path of Inception, through a weights file with random but sensible values."""

import math
from pathlib import Path

import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

import weights_files
from ganworks.errors import GanworksError, SettingError
from ganworks.metric import Suite, terms_of
from ganworks.metric.extractor.network import to_uint8
from ganworks.metric.weights import file_sha256
from ganworks.metric.weights.known import INCEPTION

NUM = 6


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A state dict of the true network, drawn so that the features are of order 1."""
    return weights_files.save_inception(tmp_path_factory.mktemp("hub") / INCEPTION.file_name)


@pytest.fixture
def make_fid(weights, make_suite):
    def make(**changes) -> Suite:
        settings = {
            "num_samples": NUM,
            "extractor__inception__weights": weights,
            "extractor__inception__sha256": file_sha256(weights),
            "extractor__inception__batch_size": 4,
            "measure__kid__num_subsets": 1,
            "measure__kid__subset_size": NUM,
        }
        return make_suite("fid", **(settings | changes))

    return make


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    real = torch.rand(NUM, 3, 16, 16, generator=rng) * 2 - 1
    fake = (0.5 * torch.randn(NUM, 3, 16, 16, generator=rng)).cumsum(3) / 3  # some values beyond [-1, 1]
    return real, fake


def test_fid_and_kid_equal_torchmetrics_on_the_same_images_and_weights(make_fid, weights, images, in_memory):
    real, fake = images
    suite = make_fid()
    suite.check()
    suite.prepare(in_memory(real))
    values = suite.evaluate(fake.split(4)).values

    fid = FrechetInceptionDistance(2048, feature_extractor_weights_path=str(weights), antialias=False)
    kid = KernelInceptionDistance(feature=_Shared(fid.inception), subsets=1, subset_size=NUM)
    for batch, is_real in ((real, True), (fake, False)):
        fid.update(to_uint8(batch), real=is_real)
        kid.update(to_uint8(batch), real=is_real)
    assert values["fid"] > 1e-2  # control: the network sees something
    assert values["fid"] == pytest.approx(float(fid.compute()), rel=1e-3)
    assert values["kid"] == pytest.approx(float(kid.compute()[0]), rel=1e-3)


def test_contract_names_network_weights_and_resizer(make_fid, images, in_memory):
    suite = make_fid()
    suite.prepare(in_memory(images[0]))
    terms = terms_of(suite.evaluate([images[1]]).contract, "fid")
    assert terms["weights_sha256"] == suite.extractors["inception"].sha256
    assert terms["num_real"] == terms["num_fake"] == NUM
    assert "legacy" in terms["resizer"]


def test_fakes_that_are_not_finite_have_no_fid(make_fid, images, in_memory):
    suite = make_fid(num_samples=2)
    suite.prepare(in_memory(images[0][:2]))
    bad = images[1][:2].clone()
    bad[0, 0, 0, 0] = torch.nan
    evaluation = suite.evaluate([bad])
    assert evaluation.values.keys() == {"fid", "kid"}
    assert all(math.isnan(value) for value in evaluation.values.values())
    assert evaluation.notes == {"num_not_finite": 1}


def test_missing_weights_say_where_to_put_them_and_what_does_without(make_fid, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(GanworksError) as error:
        make_fid(extractor__inception__weights="null").check()
    message = str(error.value)
    for part in (
        str(tmp_path / "hub" / "checkpoints" / INCEPTION.file_name),
        INCEPTION.address,
        "metric=none",
        "digits",
    ):
        assert part in message


def test_weights_with_another_hash_are_refused(make_fid):
    with pytest.raises(GanworksError, match=r"has SHA-256 .* expected 6726825d"):
        make_fid(extractor__inception__sha256="6726825d" + "0" * 56).check()


def test_gray_images_are_taken_and_vectors_are_refused(make_fid, in_memory):
    gray = torch.linspace(-1, 1, 12).view(3, 1, 2, 2)
    make_fid().check_data(in_memory(gray))
    with pytest.raises(SettingError, match=r"mixture.*Inception sees gray or RGB images"):
        make_fid().check_data(in_memory(torch.zeros(4, 2)))


class _Shared(torch.nn.Module):
    """An extractor that torchmetrics takes as one of the user's own."""

    num_features = 2048

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)
