"""Real and fake samples as two clouds in a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganworks.errors import check_choice
from ganworks.noise import keyed_rng, keyed_seed
from ganworks.picture.plot import FAKE, REAL, finish, new_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("pca", "tsne")
MAX_POINTS = 2000  # of each kind, as many reals as fakes: more hide each other


@dataclass(frozen=True)
class Plane:
    """Real and fake points in the plane, (N, 2) and (M, 2).

    Args:
        axes: their names.
        is_unitless: whether numbers on the axes would mean nothing.
    """

    real: Tensor
    fake: Tensor
    axes: tuple[str, str] = ("First coordinate", "Second coordinate")
    is_unitless: bool = False


def embed(real: Tensor, fake: Tensor, method: str = "pca", seed: int = 0) -> Plane:
    """Return both clouds, (N, D) and (M, D), in one plane.

    Args:
        method: "pca", the two directions in which the union of both spreads most, or "tsne", which keeps
            neighbours together and forgets how far apart the clusters are. Both are scikit-learn's.
        seed: of the method's own draws.

    Raises:
        SettingError: another method.
    """
    check_choice("embedding", method, METHODS)
    points = torch.cat([real, fake]).flatten(1).float().cpu().numpy()
    state = keyed_seed(seed, "picture/embedding") % 2**32
    plane, axes = (principal_plane if method == "pca" else neighbour_plane)(points, state)
    real, fake = torch.from_numpy(plane).double().split([len(real), len(fake)])
    return Plane(real, fake, axes, is_unitless=method == "tsne")


def principal_plane(points: np.ndarray, state: int) -> tuple[np.ndarray, tuple[str, str]]:
    """Return points (N, D) on their first two principal axes."""
    from sklearn.decomposition import PCA  # a second to import

    pca = PCA(2, random_state=state)
    plane = pca.fit_transform(points)
    first, second = pca.explained_variance_ratio_
    return plane, (
        f"First principal axis ({first:.0%} of the variance)",
        f"Second principal axis ({second:.0%})",
    )


def neighbour_plane(points: np.ndarray, state: int) -> tuple[np.ndarray, tuple[str, str]]:
    """Return points (N, D) in the plane of t-SNE, van der Maaten and Hinton 2008."""
    from sklearn.manifold import TSNE

    tsne = TSNE(perplexity=min(30.0, (len(points) - 1) / 3), init="pca", random_state=state)
    return tsne.fit_transform(points), ("First t-SNE axis", "Second t-SNE axis")


def cloud_plot(plane: Plane, title: str, note: str = "", classes: Tensor | None = None) -> Image.Image:
    """Return the points of both kinds over each other, and each kind alone beside it.

    Args:
        classes: of the reals, (N,); the number of each stands in the middle of its points.
    """
    real, fake = plane.real.numpy(), plane.fake.numpy()
    figure, panels = new_plot(10.5, 4.2, columns=3)
    num_outside = frame(panels[0], real, fake)
    order = torch.randperm(len(real) + len(fake), generator=keyed_rng("picture/order")).numpy()
    colors = np.repeat([REAL, FAKE], [len(real), len(fake)])
    outside = f"; {num_outside} outside" if num_outside else ""
    for panel, name, points, color in (
        (
            panels[0],
            "Both",
            np.concatenate([real, fake])[order],
            colors[order],
        ),  # mixed, so that neither hides the other
        (panels[1], f"Real ({len(real):,})", real, REAL),
        (panels[2], f"Fake ({len(fake):,}{outside})", fake, FAKE),
    ):
        panel.scatter(points[:, 0], points[:, 1], s=6, c=color, alpha=0.6, linewidths=0)
        panel.set_title(name, loc="left", fontsize=10)
        panel.set_xlabel(plane.axes[0])
        if plane.is_unitless:
            panel.set(xticks=[], yticks=[])
        if classes is not None:
            name_classes(panel, real, classes)
    panels[0].set_ylabel(plane.axes[1])
    return finish(figure, title, note)


def frame(axis: Axes, real: np.ndarray, fake: np.ndarray) -> int:
    """Show all reals and what is not far out of the fakes; return how many fakes lie outside."""
    middle = np.quantile(fake, [0.02, 0.98], axis=0)
    low, high = np.minimum(real.min(0), middle[0]), np.maximum(real.max(0), middle[1])
    pad = 0.06 * (high - low) + 1e-9
    low, high = low - pad, high + pad
    axis.set_xlim(low[0], high[0])
    axis.set_ylim(low[1], high[1])
    return int(((fake < low) | (fake > high)).any(1).sum())


def name_classes(axis: Axes, points: np.ndarray, classes: Tensor) -> None:
    """Write the number of each class where the median of its points is."""
    from matplotlib.patheffects import withStroke

    for label in classes.unique().tolist():
        x, y = np.median(points[(classes == label).numpy()], axis=0)
        halo = [withStroke(linewidth=2.5, foreground="white")]
        axis.text(x, y, str(label), ha="center", va="center", fontsize=10, path_effects=halo)
