"""What a critic sees of a batch: the sample, the sample beside its source, some frames, half the size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ganworks.errors import SettingError, check_count, check_range
from ganworks.model.flow import draw_times, noised
from ganworks.sample.motion import centres, masses, windows

Batch = dict[str, Tensor]
Seen = Tensor | dict[str, Tensor]


class View:
    """The sample as it is; a subclass shows the critic something else.

    Attributes:
        fields: names of the batch's fields that the view reads beside the sample. An augmentation changes them with
            the same draws as the sample.
        together: samples that one row of what it shows is made of.
        shares_draws: the reals and the fakes of a loss are shown with the same draws.
    """

    fields: tuple[str, ...] = ()
    together: int = 1
    shares_draws: bool = False

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Seen:
        """Return what the critic judges of samples (B, *shape), differentiable in them.

        That is a tensor, or a dict with it as ``x`` and, by name, what else the critic's network is told of it.

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

        self.shares_draws = any(view.shares_draws for view in self.views)

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Seen:
        seen: Seen = sample
        for view in self.views:
            if not isinstance(seen, Tensor):
                raise SettingError(
                    "view", type(view).__name__, "before the one that tells the critic more than x"
                )
            seen = view(seen, batch, rng)
        return seen


class Noised(View):
    """The samples under noise, and how much: x_t = (1 - t) x + t z with t uniform in [low, high), and ``t`` (B,).

    A critic that is told t judges what is left to see at it: the layout at much noise, the texture at little. LADD
    (https://arxiv.org/abs/2403.12015), section 3.1; noised inputs keep D from winning, Wang et al. 2023 (Diffusion-GAN,
    https://arxiv.org/abs/2206.02262). A penalty that calls the critic twice sees the same (t, z) in both.

    Args:
        low, high: bounds of t, in [0, 1].
        shared: a real and the fake that it is paired with have the same (t, z).

    Raises:
        SettingError: a bound outside of [0, 1], or ``high`` not above ``low``.
    """

    def __init__(self, low: float = 0.0, high: float = 0.5, shared: bool = True) -> None:
        self.low, self.high = check_range("low", low, 0.0, 1.0), check_range("high", high, 0.0, 1.0)
        if not low < high:
            raise SettingError("high", high, f"a number above low={low} and up to 1")
        self.shares_draws = shared

    def __call__(self, sample: Tensor, batch: Mapping[str, Tensor], rng: torch.Generator) -> Seen:
        t = draw_times(len(sample), self.low, self.high, rng).to(sample)
        noise = torch.randn(sample.shape, generator=rng, device=rng.device).to(sample)
        return {"x": noised(sample, t, noise), "t": t}
