"""One picture: the accuracy of every seed on each line, and real images of each class over fakes of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from ganworks.augmentation.lines import BOTH, GAN, Labelled
from ganworks.augmentation.table import Accuracies, digits
from ganworks.picture.plot import FAKE, REAL, finish, new_plot
from ganworks.picture.samples import to_uint8
from ganworks.sample.visible import visible

NUM_SHOWN = 5  # images of a class
NUM_CLASSES = 8  # classes that are shown


def picture(accuracies: Accuracies, real: Labelled, fake: Labelled, names: Sequence[str]) -> Image.Image:
    """Return the picture of accuracies, and of the images of one seed."""
    groups = accuracies.groups
    figure, axes = new_plot(3.6 * (len(groups) + 1) + 1.6, 4.2, len(groups) + 1, is_shared=False)
    for column, group in enumerate(groups):
        dots(axes[column], accuracies, group, is_named=column == 0)
    shown, rows = sheet(real, fake)
    axes[-1].imshow(shown.numpy(), aspect="equal", interpolation="nearest")
    axes[-1].set_title(f"{NUM_SHOWN} real, {NUM_SHOWN} fake", fontsize=10)
    side = shown.shape[0] / len(rows)
    axes[-1].set_yticks([side * (index + 0.5) for index in range(len(rows))], [names[row] for row in rows])
    axes[-1].set_xticks([])
    axes[-1].tick_params(length=0)
    for spine in axes[-1].spines.values():
        spine.set_visible(False)
    note = "A dot is a seed, a bar their mean. Accuracy on held-out real images."
    return finish(figure, "What the fakes are worth to a classifier", note)


def dots(axes: object, accuracies: Accuracies, group: str, is_named: bool) -> None:
    """Draw one group of classes: a row of dots for each line, its mean as a bar and in numbers."""
    ax: object = axes
    lines = list(accuracies.values)
    for place, line in enumerate(reversed(lines)):
        values = list(accuracies.values[line][group])
        color = FAKE if line in (GAN, BOTH) else REAL
        mean = statistics.fmean(values)
        ax.plot(values, [place] * len(values), "o", color=color, alpha=0.6, markersize=5, markeredgewidth=0)  # type: ignore[attr-defined]
        ax.plot([mean, mean], [place - 0.25, place + 0.25], color=color, linewidth=2.5)  # type: ignore[attr-defined]
        ax.annotate(digits(mean), (mean, place + 0.33), ha="center", fontsize=8, color="#1a1a1a")  # type: ignore[attr-defined]
    labels = [line.replace(" (control)", "\n(control)") for line in reversed(lines)]
    ax.set_yticks(range(len(lines)), labels if is_named else [""] * len(lines))  # type: ignore[attr-defined]
    ax.set_ylim(-0.5, len(lines) - 0.3)  # type: ignore[attr-defined]
    ax.set_title(f"{group}", fontsize=10)  # type: ignore[attr-defined]
    ax.grid(axis="x", color="#e5e5e5")  # type: ignore[attr-defined]
    ax.set_axisbelow(True)  # type: ignore[attr-defined]


def sheet(real: Labelled, fake: Labelled) -> tuple[Tensor, list[int]]:
    """Return a sheet (H, W, 3) uint8, a row for each class that has fakes, and those classes."""
    classes = fake.labels.unique().tolist()[:NUM_CLASSES]
    rows = [torch.cat([strip(real.of([label])), gap(real), strip(fake.of([label]))], 2) for label in classes]
    return torch.cat(rows, 1).permute(1, 2, 0), classes


def strip(data: Labelled) -> Tensor:
    """Return the first images side by side, (3, H + 1, NUM_SHOWN * (W + 1)), white where there are fewer."""
    _, _, height, width = data.images.shape
    canvas = torch.full((NUM_SHOWN, 3, height + 1, width + 1), 255, dtype=torch.uint8)
    images = to_uint8(visible(data.images[:NUM_SHOWN]))
    canvas[: len(images), :, :height, :width] = images.expand(-1, 3, -1, -1)
    return canvas.permute(1, 2, 0, 3).flatten(2)


def gap(data: Labelled) -> Tensor:
    """Return white between reals and fakes."""
    height, width = data.images.shape[2:]
    return torch.full((3, height + 1, max(1, width // 2)), 255, dtype=torch.uint8)
