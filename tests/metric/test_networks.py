"""The networks behind published figures, loaded as always from files with values drawn anew."""

from __future__ import annotations

from pathlib import Path

import lpips
import pytest
import torch
import torch.nn.functional as F
from torch_fidelity.feature_extractor_clip import MODEL_METADATA, FeatureExtractorCLIP
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import NoTrainInceptionV3

import weights_files
from ganworks.errors import GanworksError, SettingError
from ganworks.metric.extractor import Clip, DinoV2, ImageExtractor, Inception, Lpips
from ganworks.metric.extractor.network import to_uint8
from ganworks.metric.extractor.vision_transformer import VisionTransformer
from ganworks.metric.weights import file_sha256

FILES = {
    "inception": weights_files.save_inception,
    "dinov2": weights_files.save_dinov2,
    "clip": weights_files.save_clip,
    "vgg16": weights_files.save_vgg16,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {name: save(folder / f"{name}.pth") for name, save in FILES.items()}


def extractor(kind: type, saved: dict[str, Path], **settings: object) -> ImageExtractor:
    path = saved[kind.name]
    made = kind(weights=str(path), sha256=file_sha256(path), device="cpu", **settings)
    made.check()
    made.load()
    return made


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return (0.5 * torch.randn(3, 3, 24, 32, generator=rng)).cumsum(3) / 3  # some values beyond [-1, 1]


def test_inception_has_the_features_and_logits_of_torch_fidelity(
    saved: dict[str, Path], images: torch.Tensor
) -> None:
    names = ["2048", "logits_unbiased"]
    theirs = FeatureExtractorInceptionV3("inception-v3-compat", names, str(saved["inception"]))
    features, logits = theirs(to_uint8(images))
    ours = extractor(Inception, saved, batch_size=2)(images)
    torch.testing.assert_close(ours.features, features, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.logits, logits, rtol=1e-4, atol=1e-4)
    assert features.std(0).mean() > 1e-3  # control: the network sees something


def test_inception_with_antialias_has_the_features_of_torchmetrics(
    saved: dict[str, Path], images: torch.Tensor
) -> None:
    theirs = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(saved["inception"]), antialias=True)
    ours = extractor(Inception, saved, resize="antialias")(images[:1]).features
    torch.testing.assert_close(ours, theirs(to_uint8(images[:1])), rtol=1e-3, atol=1e-4)
    legacy = extractor(Inception, saved)(images[:1]).features
    assert not torch.allclose(ours, legacy, rtol=1e-2, atol=1e-3)  # control


def test_gray_images_have_the_features_of_rgb(saved: dict[str, Path], images: torch.Tensor) -> None:
    clip, gray = extractor(Clip, saved, network="clip-vit-b-32"), images[:, :1]
    # Resized with one channel and with three, perhaps by other kernels.
    torch.testing.assert_close(
        clip(gray).features, clip(gray.expand(-1, 3, -1, -1)).features, rtol=1e-4, atol=1e-4
    )
    assert not torch.allclose(clip(gray).features, clip(-gray).features, rtol=1e-2)


def test_clip_has_the_features_of_torch_fidelity(saved: dict[str, Path], images: torch.Tensor) -> None:
    ours = extractor(Clip, saved, network="clip-vit-b-32", resize="legacy")
    (features,) = FeatureExtractorCLIP("clip-vit-b-32", ["clip"], str(saved["clip"]))(to_uint8(images))
    assert ours.size == 64  # read from the file
    torch.testing.assert_close(ours(images).features, features, rtol=1e-4, atol=1e-4)


def test_clip_files_are_those_of_torch_fidelity() -> None:
    for file in Clip.networks:
        known = MODEL_METADATA[file.network]
        assert (file.sha256, file.file_name) == (known["hash"], f"{file.network}-{known['hash']}.pt")


def test_vision_transformer_equals_a_naive_one() -> None:
    network = VisionTransformer(dim=128, depth=2, patch=14, num_positions=4)
    weights_files._draw(network)
    weights = {name: tensor.detach().double() for name, tensor in network.state_dict().items()}
    images = torch.randn(2, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([_naive_transformer(weights, image.double()) for image in images])
    torch.testing.assert_close(network.double()(images.double()), expected, rtol=1e-9, atol=1e-9)


def _naive_transformer(weights: dict[str, torch.Tensor], image: torch.Tensor) -> torch.Tensor:
    """One image, patch by patch, head by head; weights are those of two blocks with two heads of 64."""

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    kernel = weights["patch_embed.proj.weight"].flatten(1)
    corners = [(0, 0), (0, 14), (14, 0), (14, 14)]
    patches = [kernel @ image[:, top : top + 14, left : left + 14].flatten() for top, left in corners]
    patches = [patch + weights["patch_embed.proj.bias"] for patch in patches]
    x = torch.stack([weights["cls_token"][0, 0], *patches]) + weights["pos_embed"][0]
    for block in ("blocks.0", "blocks.1"):
        query, key, value = linear(f"{block}.attn.qkv", norm(f"{block}.norm1", x)).chunk(3, dim=-1)
        heads = []
        for head in (slice(0, 64), slice(64, 128)):
            attention = (query[:, head] @ key[:, head].T / 8).softmax(-1)
            heads.append(attention @ value[:, head])
        x = x + linear(f"{block}.attn.proj", torch.cat(heads, -1)) * weights[f"{block}.ls1.gamma"]
        hidden = linear(f"{block}.mlp.fc1", norm(f"{block}.norm2", x))
        hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
        x = x + linear(f"{block}.mlp.fc2", hidden) * weights[f"{block}.ls2.gamma"]
    return norm("norm", x[0])


def test_positions_are_sampled_with_the_tenth_that_dinov2_adds() -> None:
    network = VisionTransformer(dim=64, depth=1, patch=14, num_positions=37**2)
    ramp = torch.arange(37.0).square() / 37
    network.pos_embed.data[0, 1:, 0] = ramp.repeat_interleave(37)
    positions = network.positions(16, 16)[0, 1:, 0].view(16, 16)[1:-1, 5]
    torch.testing.assert_close(positions, _cubic(ramp, 37 / 16.1)[1:-1], rtol=1e-4, atol=1e-4)
    assert (positions - _cubic(ramp, 37 / 16)[1:-1]).abs().max() > 0.1  # control: without the tenth
    assert network.positions(37, 37) is network.pos_embed


def _cubic(values: torch.Tensor, step: float) -> torch.Tensor:
    """Sixteen samples at ``step`` by the cubic convolution with a = -3/4 (Keys 1981, eq. 4)."""
    places = (torch.arange(16) + 0.5) * step - 0.5
    distance = (places[:, None] - torch.arange(len(values))).abs()
    near = 1.25 * distance**3 - 2.25 * distance**2 + 1
    far = -0.75 * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0)) @ values


def test_dinov2_reads_its_size_from_the_file(saved: dict[str, Path], images: torch.Tensor) -> None:
    dinov2 = extractor(DinoV2, saved, network="dinov2-vit-s-14", resize="clean")
    features = dinov2(images).features
    assert features.shape == (3, 384)
    assert len(dinov2.model.blocks) == 12
    assert not torch.allclose(features[0], features[1], rtol=0.1)


def test_lpips_equals_that_of_its_authors(saved: dict[str, Path], images: torch.Tensor) -> None:
    ours = Lpips(weights=str(saved["vgg16"]), sha256=file_sha256(saved["vgg16"]), device="cpu")
    ours.load()
    theirs = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval()
    convolutions = torch.load(saved["vgg16"], weights_only=True)
    for part in (
        theirs.net.slice1,
        theirs.net.slice2,
        theirs.net.slice3,
        theirs.net.slice4,
        theirs.net.slice5,
    ):
        part.load_state_dict({name: convolutions[f"features.{name}"] for name in part.state_dict()})
    with torch.no_grad():
        expected = theirs(images, images.flip(0)).flatten()
    torch.testing.assert_close(ours(images, images.flip(0)), expected, rtol=1e-3, atol=1e-5)
    assert expected[0] > 1e-2
    assert ours(images, images).abs().max() == 0


def test_contract_says_network_weights_and_resizer(saved: dict[str, Path]) -> None:
    dinov2 = extractor(DinoV2, saved, network="dinov2-vit-s-14", resize="clean")
    assert dinov2.contract == {
        "extractor": "dinov2-vit-s-14",
        "weights_sha256": file_sha256(saved["dinov2"]),
        "resizer": "clean",
    }
    path = saved["dinov2"]
    known_in_part = DinoV2("dinov2-vit-s-14", str(path), sha256=file_sha256(path)[:8])
    known_in_part.check()
    assert known_in_part.contract["weights_sha256"] == file_sha256(path)


@pytest.mark.parametrize("kind", [Inception, DinoV2, Clip, Lpips], ids=lambda kind: kind.name)
def test_missing_weights_say_where_to_put_them_and_what_does_without(
    kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    made = kind(network=kind.networks[-1].network) if kind in (DinoV2, Clip) else kind()
    with pytest.raises(GanworksError) as error:
        made.check()
    message = str(error.value)
    where = "measure.path_length.distance" if kind is Lpips else f"extractor.{kind.name}"
    for part in (
        str(tmp_path / "hub" / "checkpoints"),
        "https://",
        f"metric.{where}.weights=PATH",
        "metric=none",
        "metric=digits",
    ):
        assert part in message


def test_weights_of_another_network_are_refused_without_a_traceback(saved: dict[str, Path]) -> None:
    for kind, other in ((Inception, "vgg16"), (DinoV2, "vgg16"), (Clip, "vgg16"), (Lpips, "dinov2")):
        path = saved[other]
        network = {"network": kind.networks[0].network} if kind in (DinoV2, Clip) else {}
        made = kind(weights=str(path), sha256=file_sha256(path), **network)
        made.check()
        with pytest.raises(GanworksError, match=r"holds no weights of"):
            made.load()


def test_vectors_and_unknown_networks_are_refused() -> None:
    inception = Inception(device="cpu")
    inception.check_shape((1, 8, 8))
    inception.check_shape((3, 299, 200))
    for shape in ((2,), (5, 8, 8)):
        with pytest.raises(SettingError, match=r"inception.*mixture"):
            inception.check_shape(shape)
    with pytest.raises(SettingError, match=r"network=dinov2-vit-x-14.*Did you mean 'dinov2-vit-.-14'"):
        DinoV2("dinov2-vit-x-14")


def test_bytes_are_rounded_and_clamped() -> None:
    values = torch.tensor([-1.2, -1.0, 0.0, 0.004, 1.0, 1.1])
    assert to_uint8(values).tolist() == [0, 0, 128, 128, 255, 255]
    assert F.mse_loss(to_uint8(torch.linspace(-1, 1, 256)).float(), torch.arange(256.0)) == 0
