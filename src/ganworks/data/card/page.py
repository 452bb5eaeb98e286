"""A data card on the terminal, and as a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ganworks.data.card.card import Card
from ganworks.data.sample_format import CROP
from ganworks.data.samples import to_float
from ganworks.picture.samples import image_grid
from ganworks.report.render import render, write

TEMPLATES = Path(__file__).parent / "template"
NUM_LISTED = 12
LARGEST = 192  # pixels of a sample on the page; larger ones are made smaller
LOSSLESS = 96  # up to here they are exact
FEW = 10_000  # images below which a discriminator knows them by heart
NARROW = 0.5  # of the range of 2 from black to white
UNEVEN = 10  # times as many samples of one class as of another


def facts_of(card: Card) -> list[tuple[str, str]]:
    """Return what is said of the data set, as name and value."""
    rows = [("samples", f"{card.num:,}")]
    if card.num_train != card.num:
        rows.append(("trained on", f"{card.num_train:,}"))
    rows += [
        ("labels", labels_said(card)),
        ("mirrored", "half of them, anew in every epoch" if card.is_mirrored else "no"),
    ]
    rows += card.settings.items()
    if (facts := card.facts) is not None:
        rows += [
            ("files", f"{facts.num:,}, {size_said(facts.num_bytes)}"),
            ("that cannot be read", f"{len(facts.corrupt):,}"),
            ("exact copies of another file", f"{facts.num_copies:,}"),
            ("sizes, height x width", sizes_said(card)),
            ("formats and modes", ", ".join(f"{num:,} {mode}" for mode, num in facts.modes.most_common(6))),
        ]
    if card.num_copies is not None:
        rows.append(("exact copies as the networks see them", f"{card.num_copies:,}"))
    return rows


def labels_said(card: Card) -> str:
    """Return what the labels are."""
    if card.label_kind == "none":
        return "none"
    if card.label_kind == "vector":
        return f"vectors of {card.seen['label'].shape[-1]} numbers"
    return f"{len(card.classes):,} classes" + ", several at once" * (card.label_kind == "multi")


def size_said(num_bytes: float) -> str:
    """Return bytes in a unit that suits them.

    >>> size_said(999), size_said(25_300_000)
    ('999 B', '25.3 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000 or unit == "GB":
            break
        num_bytes /= 1000
    return f"{num_bytes:.3g} {unit}"


def sizes_said(card: Card) -> str:
    """Return the most common sizes of the files, or how far they reach."""
    assert card.facts is not None
    sizes = card.facts.sizes
    if not sizes:
        return "none"
    if len(sizes) <= 4:
        return ", ".join(f"{num:,} of {h} x {w}" for (h, w), num in sizes.most_common())
    (height, width), num = sizes.most_common(1)[0]
    heights, widths = zip(*sizes, strict=True)
    reach = (
        f"{len(sizes):,} different ones, {min(heights)} to {max(heights)} x {min(widths)} to {max(widths)}"
    )
    return f"{reach}; {num:,} of {height} x {width}"


def remarks(card: Card) -> list[str]:
    """Return what a person should know before training on it."""
    found = file_remarks(card) if card.facts else []
    if card.num_copies and not card.facts:
        found.append(f"Exact copies of other samples: {card.num_copies:,}.")
    counts = [num for _, num in card.classes]
    if card.label_kind == "class" and counts and max(counts) >= UNEVEN * max(1, min(counts)):
        name, num = min(card.classes, key=lambda each: each[1])
        found.append(
            f"The classes are uneven: the smallest, {name}, has {num:,}, and the largest {max(counts):,}."
        )
    widest = max(high - low for low, high, _, _ in card.values)
    if widest < NARROW:
        found.append(
            f"The values fill {widest / 2:.1%} of the range from black to white: look at data.value_range."
        )
    if card.num_train < FEW:
        found.append("With fewer than about 10,000 images augment=ada or augment=diffaugment is advised.")
    return found


def file_remarks(card: Card) -> list[str]:
    """Return what a person should know of the files."""
    facts, (_, height, width) = card.facts, card.shape
    assert facts is not None
    num_enlarged = facts.num_enlarged(height, width, card.settings.get("fit", CROP))
    rows = [
        ("Files that cannot be read, and are left out", len(facts.corrupt)),
        (
            f"Files with too few pixels for {height} x {width}, which are enlarged and so blurred",
            num_enlarged,
        ),
        ("Files that are exact copies of others, and so are seen more often", facts.num_copies),
    ]
    return [f"{what}: {num:,} of {facts.num:,}." for what, num in rows if num]


def print_card(card: Card) -> None:
    """Print the facts, the classes and the remarks."""
    table = Table(title=f"data: {card.name}", title_justify="left", show_header=False)
    for name, value in facts_of(card):
        table.add_row(name, value)
    for index, row in enumerate(card.values):
        table.add_row(
            f"values of channel {index}", "{:.3f} to {:.3f}, mean {:.3f}, deviation {:.3f}".format(*row)
        )
    largest = sorted(card.classes, key=lambda each: -each[1])
    for name, num in largest[:NUM_LISTED]:
        table.add_row(f"class {name}", f"{num:,}")
    if len(largest) > NUM_LISTED:
        table.add_row(f"{len(largest) - NUM_LISTED:,} more classes", f"down to {largest[-1][1]:,}")
    console = Console(width=max(100, Console().width))
    console.print(table)
    for text in remarks(card):
        console.print(f"- {text}")
    for name, reason in list((card.facts.corrupt if card.facts else {}).items())[:NUM_LISTED]:
        console.print(f"  {name}: {reason}")


def write_page(card: Card, path: Path, command: str) -> Path:
    """Write the page of a card, a single file."""
    most = max((num for _, num in card.classes), default=1)
    classes = sorted(card.classes, key=lambda each: -each[1])
    facts = card.facts
    page = render(
        "card.html",
        TEMPLATES,
        name=card.name,
        command=command,
        facts=facts_of(card),
        values=[(index, *(f"{value:.3f}" for value in row)) for index, row in enumerate(card.values)],
        num_measured=f"{card.num_measured:,}",
        remarks=remarks(card),
        classes=[(name, f"{num:,}", round(100 * num / max(1, most), 1)) for name, num in classes[:200]],
        num_more=max(0, len(classes) - 200),
        corrupt=list((facts.corrupt if facts else {}).items())[:50],
        copies=[names[:6] for names in (facts.copies if facts else [])[:20]],
        grids=[grid(card, name) for name in card.seen if name != "label"],
        is_mirrored=card.is_mirrored,
        beside=[
            (name, encode(picture), encode(sample_picture(sample))) for name, picture, sample in card.beside
        ],
    )
    return write(page, path)


def grid(card: Card, name: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the name of a field of the batch, and its samples as pictures with their labels."""
    samples = card.seen[name]
    return name, [(encode(sample_picture(sample)), card.class_of(row)) for row, sample in enumerate(samples)]


def sample_picture(sample: Tensor) -> Image.Image:
    """Return a sample (C, H, W), uint8 or in [-1, 1], as a picture."""
    picture = image_grid(to_float(sample)[None], zoom=1, gap=0)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return picture


def encode(picture: Image.Image) -> str:
    """Return a picture as a source for a page: exact where it is small."""
    content = io.BytesIO()
    if max(picture.size) <= LOSSLESS:
        picture.save(content, "png")
        return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    picture.save(content, "webp", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"
