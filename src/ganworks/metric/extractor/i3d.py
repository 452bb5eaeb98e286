"""I3D on Kinetics-400, whose 400 logits carry the Frechet video distance (FVD)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganworks.errors import SettingError, check_count
from ganworks.metric.extractor.base import Extractor, Features, joined
from ganworks.metric.extractor.network import full_float32, readable, to_uint8
from ganworks.metric.extractor.passes import Passes
from ganworks.metric.weights import verify_sha256
from ganworks.metric.weights.known import I3D_KINETICS
from ganworks.sample.kind import Video, kind_of

WITHOUT = (
    "metric=moving_digits measures data=moving_digits with weights that ship, metric=none measures nothing"
)
MIN_FRAMES = 10  # fewer do not outlive the network's poolings in time
CLIP_BYTES = 2**29  # of a pass on a GPU, for each clip of 16 frames


class I3D(Extractor):
    """Inflated 3-D Inception (Carreira and Zisserman 2017, https://arxiv.org/abs/1705.07750) for FVD.

    Unterthiner et al. 2018 (https://arxiv.org/abs/1812.01717), in the variant of StyleGAN-V (Skorokhodov et al. 2022,
    https://arxiv.org/abs/2112.14683): the TorchScript file ``i3d_torchscript.pt`` takes bytes, scales and resizes them
    to 224 pixels itself, and gives the activations before the softmax. Figures of other variants (VideoGPT's other
    weights, 128 pixels and a crop) differ by about a tenth, so that the variant stands in the contract.

    Args:
        frames: of the clips, 16 in published figures.
        weights: the file; None is torch.hub's place for it.
        sha256: what the file must be; None is the published file's.
        batch_size: clips in one pass; None takes what the device has room for.
        device: where it runs; None takes a GPU if there is one.

    Raises:
        SettingError: ``frames`` below 10, or a batch size that is no count.
        GanworksError: (in `check`) the weights are missing or have another hash.
    """

    name = "i3d"
    num_features = 400

    def __init__(
        self,
        frames: int = 16,
        weights: str | None = None,
        sha256: str | None = None,
        batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        self.frames = check_count("frames", frames, at_least=MIN_FRAMES)
        self.path = I3D_KINETICS.path if weights is None else Path(weights)
        self.sha256 = I3D_KINETICS.sha256 if sha256 is None else str(sha256)
        size = None if batch_size is None else check_count("batch_size", batch_size)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.passes = Passes(self.name, size, self.device, CLIP_BYTES * self.frames // 16)
        self.model: Any = None

    @property
    def contract(self) -> dict[str, str | int | float | bool]:
        """Network, hash of its weights, the variant of FVD."""
        return {
            "extractor": I3D_KINETICS.network,
            "weights_sha256": self.sha256,
            "resizer": "224, inside the network's file",
            "frames": self.frames,
        }

    def check(self) -> None:
        """Raise `GanworksError` unless the right weights are where they belong; note their whole hash."""
        remedy = I3D_KINETICS.remedy(f"metric.extractor.{self.name}.weights", WITHOUT)
        self.sha256 = verify_sha256(self.path, self.sha256, remedy)

    def check_shape(self, shape: Sequence[int]) -> None:
        """Raise `SettingError` unless the samples are gray or RGB clips of so many frames."""
        if not isinstance(kind_of(shape), Video) or shape[0] not in (1, 3):
            allowed = f"fid (images) or none for samples of {tuple(shape)}: I3D sees gray or RGB clips"
            raise SettingError("metric", self.name, allowed)
        if shape[1] != self.frames:
            allowed = (
                f"the {shape[1]} of the clips, which must be {MIN_FRAMES} or more (published figures have 16)"
            )
            raise SettingError(f"metric.extractor.{self.name}.frames", self.frames, allowed)

    def load(self) -> None:
        """Read the network, once; its hash is checked before."""
        if self.model is None:
            self.check()
            with readable(self.path, I3D_KINETICS.network):
                self.model = torch.jit.load(str(self.path), map_location=self.device).eval()

    def __call__(self, samples: Tensor) -> Features:
        """Return the features (B, 400) of clips (B, 1 or 3, T, H, W) in [-1, 1], which are rounded to bytes first."""
        return joined(self.passes.map(self._features, samples))

    def _features(self, clips: Tensor) -> Features:
        assert self.model is not None, "load() comes before the first clips"
        pixels = to_uint8(clips.to(self.device)).float().expand(-1, 3, -1, -1, -1)
        with full_float32():  # rescale: from [0, 255]; resize: to 224 x 224
            features = self.model(pixels, rescale=True, resize=True, return_features=True)
        return Features(features.flatten(1).float().cpu())
