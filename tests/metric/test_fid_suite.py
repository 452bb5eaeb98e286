"""The real loading path of Inception, through a weights file with random but sensible values."""

import math
from pathlib import Path

import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3
from torchmetrics.image.kid import KernelInceptionDistance

from ganworks.errors import GanworksError, SettingError
from ganworks.metric import Inception, Suite, terms_of
from ganworks.metric.inception import WEIGHTS_ADDRESS, WEIGHTS_NAME, to_uint8_rgb
from ganworks.metric.weights import file_sha256

NUM = 6


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A state dict of the true network, its convolutions drawn so that the features are of order 1."""
    from torch_fidelity import feature_extractor_inceptionv3 as inception

    class Initialized(inception.FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict):  # nothing to load: keep what the constructor drew
            return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "load_state_dict_from_url", lambda *args, **kwargs: {})
        network = Initialized("inception-v3-compat", ["2048"])
    rng = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=rng)
    path = tmp_path_factory.mktemp("hub") / WEIGHTS_NAME
    torch.save(network.state_dict(), path)
    return path


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
        fid.update(to_uint8_rgb(batch), real=is_real)
        kid.update(to_uint8_rgb(batch), real=is_real)
    assert values["fid"] > 1e-2  # control: the network sees something
    assert values["fid"] == pytest.approx(float(fid.compute()), rel=1e-3)
    assert values["kid"] == pytest.approx(float(kid.compute()[0]), rel=1e-3)


def test_each_resize_gives_the_features_of_torchmetrics_with_it(weights, images):
    features = {}
    for antialias in (False, True):
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights), antialias)
        features[antialias] = _features(weights, antialias, images[0][:2])
        expected = network(to_uint8_rgb(images[0][:2]))
        torch.testing.assert_close(features[antialias], expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(features[False], features[True], rtol=1e-3, atol=1e-4)  # control


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
        str(tmp_path / "hub" / "checkpoints" / WEIGHTS_NAME),
        WEIGHTS_ADDRESS,
        "metric=none",
        "digits",
    ):
        assert part in message


def test_weights_with_another_hash_are_refused(make_fid):
    with pytest.raises(GanworksError, match=r"has SHA-256 .* expected 6726825d"):
        make_fid(extractor__inception__sha256="6726825d" + "0" * 56).check()


def test_gray_images_count_as_rgb_and_vectors_are_refused(make_fid, in_memory):
    gray = torch.linspace(-1, 1, 12).view(3, 1, 2, 2)
    assert torch.equal(to_uint8_rgb(gray), to_uint8_rgb(gray.expand(-1, 3, -1, -1)))
    assert not torch.equal(to_uint8_rgb(gray), to_uint8_rgb(-gray))
    make_fid().check_data(in_memory(gray))
    with pytest.raises(SettingError, match=r"metric=fid.*mixture"):
        make_fid().check_data(in_memory(torch.zeros(4, 2)))


def _features(weights: Path, antialias: bool, images: torch.Tensor) -> torch.Tensor:
    extractor = Inception(str(weights), file_sha256(weights), antialias, batch_size=1, device="cpu")
    extractor.load()
    return extractor(images).features


class _Shared(torch.nn.Module):
    """An extractor that torchmetrics takes as one of the user's own."""

    num_features = 2048

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)
