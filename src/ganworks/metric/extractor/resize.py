"""The three resizers behind published figures, by name.

They differ enough to decide a comparison (Parmar et al. 2022, https://arxiv.org/abs/2104.11222): `legacy` is what
TensorFlow 1 did, and with it the FID of most papers, torch-fidelity and StyleGAN; `clean` is clean-fid's;
`antialias` is torchmetrics' default.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ganworks.errors import check_choice

Resizer = Callable[[Tensor, int], Tensor]


def legacy(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, H, W) in [0, 255] as float32 (B, C, size, size): bilinear, TensorFlow 1.

    Pixel i of the result lies at i * H / size of the source: no half-pixel centres, no antialiasing.
    """
    from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

    return interpolate_bilinear_2d_like_tensorflow1x(images.float(), (size, size), align_corners=False)


def clean(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, H, W) in [0, 255] as float32 (B, C, size, size): Pillow's bicubic, antialiased.

    Each channel is resized as floats and clipped to [0, 255], never rounded.
    """
    planes = images.flatten(0, 1).float().cpu().numpy()
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:  # Pillow lets go of the interpreter's lock
        resized = list(pool.map(lambda plane: _bicubic(plane, size), planes))
    return (
        torch.from_numpy(np.stack(resized))
        .clamp_(0, 255)
        .view(*images.shape[:2], size, size)
        .to(images.device)
    )


def _bicubic(plane: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC))


def antialias(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, H, W) in [0, 255] as float32 (B, C, size, size): bilinear, antialiased."""
    return F.interpolate(images.float(), (size, size), mode="bilinear", align_corners=False, antialias=True)


RESIZERS: dict[str, Resizer] = {"legacy": legacy, "clean": clean, "antialias": antialias}


def find_resizer(name: str) -> Resizer:
    """Return the resizer called ``name``; raise `SettingError` where there is none."""
    return RESIZERS[check_choice("resize", name, RESIZERS)]
