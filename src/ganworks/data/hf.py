"""Images in a table of Hugging Face's `datasets`: parquet files, saved data sets, copies of a repository of the Hub."""

from __future__ import annotations

from typing import Any

from ganworks.data.cells import Cells
from ganworks.data.extras import extra
from ganworks.data.files import ImageFiles
from ganworks.data.hf_table import files_of, image_column, label_column, open_table
from ganworks.data.packed import HINT, NONE, Packed, labelled


class HuggingFace(Packed):
    """Images of a data set of Hugging Face on this machine (https://huggingface.co/docs/datasets), read by `datasets`.

    Args:
        root: a folder that ``save_to_disk`` wrote, a .parquet file or a folder of them, an .arrow file, or a folder
            that ``load_dataset`` reads, such as a copy of a repository of the Hub.
        image: the column with the images; None: the only one of the type ``Image``.
        label_source: the column with the labels; "auto": ``label`` or ``labels``, or the only one of the type
            ``ClassLabel``; "none".
        split: "auto": the one for training, or the only one; "all"; or its name.
        others: see `Packed`.
    """

    name = "hf"

    def find(self) -> ImageFiles:
        """Find the images and their labels in the table."""
        root, table = open_table(self.root, self.split, self.cache.folder / "datasets")
        image = image_column(table, self.image)
        source = NONE if self.wanted_classes == 0 else label_column(table, self.label_source)
        images = table.select_columns([image]).cast_column(image, extra("datasets", "hf").Image(decode=False))
        blobs = Cells(images, image, f"{self.split} {image}", files_of(root))
        files = ImageFiles(root, blobs.names(), blobs=blobs)
        if source == NONE:
            return files
        values, feature = table.data.column(source).to_pylist(), table.features[source]
        names = getattr(feature, "names", None)  # of a ClassLabel
        if (
            names
            and self.label in (None, "class")
            and all(value is not None and value >= 0 for value in values)
        ):
            return files.with_labels(values, names)
        return labelled(files, [as_written(value, feature) for value in values], self.label, HINT)


def as_written(value: Any, feature: Any) -> Any:
    """Return classes by their names where a column has them, and None for the -1 that stands for none."""
    if isinstance(value, list):
        names = getattr(getattr(feature, "feature", None), "names", None)
        return [names[each] for each in value] if names else value
    is_class = bool(getattr(feature, "names", None))
    return None if is_class and value is not None and value < 0 else value
