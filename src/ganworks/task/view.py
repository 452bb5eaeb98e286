"""What a critic sees of a batch: the sample, the sample beside its source, some frames, half the size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganworks.errors import SettingError, check_count
from ganworks.sample.motion import centres, masses, windows

Batch = dict[str, Tensor]


class View:
    """The sample as it is; a subclass shows the critic something else.

    Attributes:
        fields: names of the batch's fields that the view reads beside the sample. An augmentation changes them with
            the same draws as the sample.
        together: samples that one row of what it shows is made of.
    """

    fields: tuple[str, ...] = ()
    together: int = 1

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        """Return what the critic judges of samples (B, *shape), differentiable in them.

        Args:
            batch: the other fields of the batch.
            rng: for views that draw, such as some frames of a clip.
        """
        return sample


class Beside(View):
    """The sample beside another field of the batch, one above the other in the channels.

    The conditional discriminator of Isola et al. 2017 (pix2pix), equation 1 (https://arxiv.org/abs/1611.07004).

    Args:
        field: of the batch, with the sample's height and width.
    """

    def __init__(self, field: str = "source") -> None:
        self.field, self.fields = field, (field,)

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        return torch.cat([batch[self.field], sample], dim=1)


class Frames(View):
    """Some frames of each clip (B, C, T, H, W), drawn without repeats: images (B * num, C, H, W).

    The image discriminator of Tulyakov et al. 2018 (MoCoGAN), equation 4 (https://arxiv.org/abs/1707.04993).

    Args:
        num: frames of a clip.
    """

    def __init__(self, num: int = 1) -> None:
        self.num = check_count("num", num)

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        num_clips, num_frames = len(sample), sample.shape[2]
        order = torch.rand((num_clips, num_frames), generator=rng, device=rng.device).argsort(1)
        chosen = order[:, : self.num].to(sample.device)
        rows = torch.arange(num_clips, device=sample.device)[:, None]
        return sample.movedim(2, 1)[rows, chosen].flatten(0, 1)


class CentredFrames(Frames):
    """Some frames of each clip, cut out about the centre of their brightness: images (B * num, C, size, size).

    What moves is judged wherever it is, so that its critic need not learn it for every place.

    Args:
        size: side of the window, in pixels; beyond the frame it is dark (-1).
        num: frames of a clip.
    """

    def __init__(self, size: int, num: int = 1) -> None:
        super().__init__(num)
        self.size = check_count("size", size)

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        frames = super().__call__(sample, batch, rng)
        return windows(frames, centres(frames[:, :, None])[:, 0], self.size)


class Trajectory(View):
    """The way that the brightness of each clip (B, C, T, H, W) takes: (B, T, 3).

    Row and column of its centre, -1 to 1 from edge to edge, and the mean brightness of the frame, 0 to 1.

    Args:
        apart: show the way down and the way across one by one, (B * 2, T, 2): place and brightness.
    """

    def __init__(self, apart: bool = False) -> None:
        self.apart = apart

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        path, mass = centres(sample), masses(sample)[..., None]
        path = (2 * path + 1) / torch.tensor(sample.shape[-2:]).to(path) - 1
        if not self.apart:
            return torch.cat([path, mass], dim=-1)
        ways = [torch.cat([path[..., axis : axis + 1], mass], dim=-1) for axis in (0, 1)]
        return torch.stack(ways, dim=1).flatten(0, 1)


class Smaller(View):
    """The images (B, C, H, W) at a fraction of their size, by averages.

    The multi-scale discriminators of Wang et al. 2018 (pix2pixHD), section 3.2 (https://arxiv.org/abs/1711.11585).

    Args:
        factor: 2 halves height and width.
    """

    def __init__(self, factor: int = 2) -> None:
        self.factor = check_count("factor", factor)

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        return interpolate(sample, scale_factor=1 / self.factor, mode="area")


class Packed(View):
    """Neighbours of a batch (B, C, ...), one behind the other in the channels: (B / num, num C, ...); of vectors longer
    ones. Lin et al. 2018 (PacGAN), section 3 (https://arxiv.org/abs/1712.04086).

    Args:
        num: samples of a pack.
        shape: what the network takes, (num C, ...); None does not compare.
        setting: of that shape.

    Raises:
        SettingError: when called, for samples that are no vectors, images or clips, that are no whole number of packs,
            or of which a pack has not ``shape``.
    """

    def __init__(self, num: int, shape: Sequence[int] | None = None, setting: str = "shape") -> None:
        self.num = self.together = check_count("num", num)
        self.shape, self.setting = None if shape is None else tuple(shape), setting

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        num, channels, *rest = sample.shape
        if num % self.num or len(rest) not in (0, 2, 3) or num != len(next(iter(batch.values()))):
            allowed = f"1 for {num} samples of {(channels, *rest)}: vectors, images, clips, one a row"
            raise SettingError("regularizer.packing.num", self.num, allowed)
        packed = sample.reshape(-1, self.num * channels, *rest)
        if self.shape not in (None, packed.shape[1:]):
            allowed = f"{list(packed.shape[1:])} under regularizer.packing.num={self.num}"
            raise SettingError(self.setting, list(self.shape or ()), allowed)
        return packed


class Chain(View):
    """Several views, each of what the one before it shows: beside its source, and that at half the size.

    Args:
        views: by name, in their order.
    """

    def __init__(self, **views: View) -> None:
        self.views = list(views.values())
        self.together = math.prod(view.together for view in self.views)
        self.fields = tuple(dict.fromkeys(name for view in self.views for name in view.fields))

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Tensor:
        for view in self.views:
            sample = view(sample, batch, rng)
        return sample
