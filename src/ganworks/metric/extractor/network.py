"""What every extractor with published weights does: bytes, resize, normalize, network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from ganworks.errors import GanworksError, SettingError, check_choice, check_count
from ganworks.metric.extractor.base import Extractor, Features, joined
from ganworks.metric.extractor.passes import Passes
from ganworks.metric.extractor.resize import find_resizer
from ganworks.metric.weights import WeightsFile, verify_sha256
from ganworks.sample.kind import kind_of
from ganworks.sample.loading import reason
from ganworks.sample.visible import MOST_IN_PNG, visible

WITHOUT = (
    "metric=[spectrum,memorisation] compares pixels, metric=digits measures 8x8 digits with weights that ship, and"
    " metric=none trains without figures"
)


class ImageExtractor(Extractor):
    """Gray or RGB images in [-1, 1] to features, through a network with published weights.

    Images are rounded to bytes first: published figures are those of image files. The network runs in float32
    (never TF32 or autocast), in channels_last.

    A subclass says which ``networks`` it knows, the pixels' ``mean`` and ``std`` in [0, 255], what a pass takes
    for each image, and how a file becomes a network.

    Args:
        network: which of the networks.
        weights: its weights file; None is torch.hub's place for it.
        sha256: what the file must be; None is the published file's.
        resize: legacy, clean or antialias, see `ganworks.metric.extractor.resize`.
        batch_size: images in one pass; None takes what the device has room for, see `Passes`.
        device: where it runs; None takes a GPU if there is one.

    Raises:
        SettingError: no such network or resizer, a batch size that is no positive integer.
        GanworksError: (in `check`) the weights are missing or have another hash.
    """

    name: str
    networks: tuple[WeightsFile, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    image_bytes: int  # of a pass on a GPU, for each image

    def __init__(
        self,
        network: str,
        weights: str | None = None,
        sha256: str | None = None,
        resize: str = "legacy",
        batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        names = [file.network for file in self.networks]
        self.file = self.networks[names.index(check_choice("network", network, names))]
        self.path = self.file.path if weights is None else Path(weights)
        self.sha256 = self.file.sha256 if sha256 is None else str(sha256)
        self.resize, self.resizer = resize, find_resizer(resize)
        size = None if batch_size is None else check_count("batch_size", batch_size)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.passes = Passes(self.name, size, self.device, self.image_bytes)
        self.model: nn.Module | None = None

    def check(self) -> None:
        """Raise `GanworksError` unless the right weights are where they belong; note their whole hash."""
        remedy = self.file.remedy(f"metric.extractor.{self.name}.weights", WITHOUT)
        self.sha256 = verify_sha256(self.path, self.sha256, remedy)

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless samples of ``shape`` are gray or RGB images, perhaps with opacity."""
        if not kind_of(shape).is_image or shape[0] > MOST_IN_PNG:
            seen = f"{type(self).__name__} sees gray or RGB images, on white where they have opacity"
            allowed = f"mixture (ring, grid) or none for samples of {tuple(shape)}; {seen}"
            raise SettingError("metric", self.name, allowed)

    def load(self) -> None:
        """Read the weights, once; they are checked before."""
        if self.model is None:
            self.check()
            with readable(self.path, self.file.network):
                model = self.build(self.path)
            model = model.eval().requires_grad_(False).to(self.device)
            self.model = model.to(memory_format=torch.channels_last)

    def __call__(self, images: Tensor) -> Features:
        """Return the features of images (B, 1 or 3, H, W) in [-1, 1]."""
        return joined([self.features(self.prepared(part)) for part in images.split(self.pass_size)])

    @property
    def pass_size(self) -> int:
        """How many images one pass takes."""
        return self.passes.size

    def prepared(self, images: Tensor) -> Tensor:
        """Return images (B, C, H, W) in [-1, 1] resized, of any H and W: (B, C, size, size) in [0, 255]."""
        return self.resizer(to_uint8(visible(images.to(self.device))), self.size)  # gray is repeated later

    def features(self, samples: Tensor) -> Features:
        """Return the features of images that are `prepared`."""
        return joined(self.passes.map(self._features, samples))

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        """Network, hash of its weights, resizer."""
        return {"extractor": self.file.network, "weights_sha256": self.sha256, "resizer": self.resize}

    @abstractmethod
    def build(self, path: Path) -> nn.Module:
        """Return the network with the weights at ``path``, float32, on the CPU."""

    def run(self, model: nn.Module, pixels: Tensor) -> Features:
        """Return what ``model`` makes of normalized pixels (B, 3, size, size)."""
        return Features(model(pixels))

    def normalized(self, images: Tensor) -> Tensor:
        """Return images that are `prepared` as pixels (B, 3, size, size) of the network's mean and deviation."""
        pixels = (images.expand(-1, 3, -1, -1) - _row(self.mean, images)) / _row(self.std, images)
        return pixels.contiguous(memory_format=torch.channels_last)

    def _features(self, images: Tensor) -> Features:
        assert self.model is not None, "load() comes before the first images"
        with full_float32():
            seen = self.run(self.model, self.normalized(images))
        return Features(seen.features.cpu(), None if seen.logits is None else seen.logits.cpu())


def to_uint8(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8, rounded and clamped.

    >>> to_uint8(torch.tensor([-1.2, -1.0, 0.0, 1.0, 1.1])).tolist()
    [0, 0, 128, 255, 255]
    """
    return ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@contextmanager
def full_float32() -> Iterator[None]:
    """Neither TF32 nor autocast nor gradients, whatever surrounds the extraction."""
    with (
        torch.backends.cudnn.flags(enabled=True, allow_tf32=False),
        torch.autocast("cuda", enabled=False),
        torch.autocast("cpu", enabled=False),
        torch.no_grad(),
    ):
        yield


@contextmanager
def readable(path: Path, network: str) -> Iterator[None]:
    """Turn what reading a file raises that holds something else into an error that names it."""
    try:
        yield
    except (
        AttributeError,
        EOFError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
        UnpicklingError,
    ) as error:
        raise GanworksError(f"{path} holds no weights of {network}: {reason(error)}.") from error


def _row(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device).view(1, 3, 1, 1)
