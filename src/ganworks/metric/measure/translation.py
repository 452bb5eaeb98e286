"""The measures of translators: how near a translation is to the true sample, and whether it keeps its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from ganworks.errors import SettingError, check_choice, setting_path
from ganworks.metric.distance.structural_similarity import BATCH_SIZE, SIGMA, check_scales, ms_ssim
from ganworks.metric.extractor.lpips import Lpips
from ganworks.metric.extractor.network import to_uint8
from ganworks.metric.measure.base import Measure
from ganworks.metric.reference import ReferenceData
from ganworks.metric.sample_set import SampleSet
from ganworks.sample.kind import kind_of

WITHOUT = "metric.measure.paired.lpips=false does without it"
WHITE = 255.0
# Of bytes, the least mean squared error that counts: the variance of what rounding takes away, uniform over one byte.
LEAST_ERROR = 1 / 12


@dataclass(frozen=True)
class Paired(Measure):
    """Distances of each translation from its true sample, the field ``real``: PSNR in dB, SSIM, L1, perhaps LPIPS.

    PSNR = 10 log10(255^2 / max(MSE, 1/12)) of the images as bytes, the mean over images; an image that is matched
    exactly, such as a white tile, has 58.9 dB (1/12 is what the rounding to bytes is worth). SSIM as in Wang et al.
    2004, equation 13, one scale of `structural_similarity`; L1 the mean absolute difference in [-1, 1]. They prefer an
    average of what is possible to a sharp guess (Blau and Michaeli 2018, https://arxiv.org/abs/1711.06077): read them
    beside a Frechet distance.

    Args:
        sigma: of SSIM's window, 1.5 in the paper, for images from 11 pixels up.
        lpips: also Zhang et al. 2018, which needs the weights of VGG16 and images from 16 pixels up.
        lpips_weights: their file; None is torch.hub's place for it.
        num_rows: images that are compared, the first ones; None: all.
    """

    sigma: float = SIGMA
    lpips: bool = False
    lpips_weights: str | None = None
    num_rows: int | None = None

    needs: ClassVar[frozenset[str]] = frozenset({"samples"})
    fields: ClassVar[tuple[str, ...]] = ("real",)

    @property
    def better(self) -> Mapping[str, str]:
        return {"psnr": "max", "ssim": "max", "l1": "min", **({"lpips": "min"} if self.lpips else {})}

    @cached_property
    def distance(self) -> Lpips:
        """LPIPS; loaded on first use."""
        return Lpips(self.lpips_weights, setting="metric.measure.paired.lpips_weights", without=WITHOUT)

    @property
    def settings(self) -> dict[str, Any]:
        own = {name: value for name, value in super().settings.items() if name != "lpips_weights"}
        own |= {"psnr": "of bytes, at most 58.9 dB an image"}
        return {**own, **(self.distance.contract if self.lpips else {})}

    def check(self) -> None:
        """Raise `GanworksError` unless LPIPS has its weights, where it is asked for."""
        if self.lpips:
            self.distance.check()

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless the samples are images large enough for the window, and for LPIPS."""
        if not kind_of(data.shape).is_image:
            allowed = f"left out (~metric.measure.paired): it compares images, and {data.name} has {tuple(data.shape)}"
            raise SettingError("measure.paired", "Paired", allowed)
        with setting_path("measure.paired"):
            check_scales(tuple(data.shape[-2:]), 1, self.sigma)
        if self.lpips:
            self.distance.check_shape(data.shape, "measure.paired.lpips")

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        assert fake.samples is not None
        made, true = fake.samples[: self.num_rows], fake.fields["real"][: self.num_rows].float()
        found: dict[str, list[Tensor]] = {name: [] for name in self.better}
        for x, y in zip(made.split(BATCH_SIZE), true.split(BATCH_SIZE), strict=True):
            difference = (x - y).double().flatten(1)
            found["psnr"].append(psnr(x, y))
            found["ssim"].append(ms_ssim(x, y, 1, self.sigma))
            found["l1"].append(difference.abs().mean(1))
            if self.lpips:
                self.distance.load()
                found["lpips"].append(self.distance(x, y))
        return {name: torch.cat(values).mean().item() for name, values in found.items()}

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return nothing: a real sample is no translation of another one's source."""
        return {}


def psnr(made: Tensor, true: Tensor) -> Tensor:
    """Return 10 log10(255^2 / max(MSE, 1/12)) (B,), float64, of images (B, C, H, W) in [-1, 1] as bytes.

    >>> psnr(torch.ones(1, 1, 2, 2), torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 1, 2, 2))
    tensor([ 0.0000, 58.9226], dtype=torch.float64)
    """
    difference = (to_uint8(made).double() - to_uint8(true).double()).flatten(1)
    return 10 * (WHITE**2 / difference.square().mean(1).clamp(min=LEAST_ERROR)).log10()


@dataclass(frozen=True)
class ClassConsistency(Measure):
    """Share of the translations that a classifier takes for the class that they should have: `class_kept`.

    Args:
        extractor: the classifier.
        field: of the data, with the class (N,) that a translation of each sample should have.
        name: of the figure.
        num_rows: translations that are looked at, the first ones; None: all.
    """

    extractor: str
    field: str = "label"
    name: str = "class_kept"
    num_rows: int | None = None

    needs: ClassVar[frozenset[str]] = frozenset({"logits"})

    @property
    def fields(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.field,)

    @property
    def better(self) -> Mapping[str, str]:
        return {self.name: "max"}

    def check_data(self, data: ReferenceData) -> None:
        """Raise `SettingError` unless a label of the data is one class."""
        if self.field == "label":
            kind = getattr(data, "label_kind", "class")
            check_choice(f"measure.{self.name}.field", "label" if kind == "class" else kind, ("label",))

    def figures(self, real: SampleSet, fake: SampleSet, rng: Generator) -> dict[str, Any]:
        return {self.name: self.share(fake)}

    def floor(self, real: SampleSet, halves: tuple[SampleSet, SampleSet], rng: Generator) -> dict[str, Any]:
        """Return the share of the reals that the classifier reads right, by their own field."""
        return {self.name: self.share(real)}

    def share(self, side: SampleSet) -> float:
        """Return the share of a set whose class by the classifier is that of its field."""
        logits = side[self.extractor].logits
        assert logits is not None
        logits = logits[: self.num_rows]
        return (logits.argmax(1) == side.fields[self.field][: len(logits)]).double().mean().item()
