"""Labels of image files: what a file beside them says, or the subfolders that they lie in."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Sequence

from ganworks.data.files import ImageFiles, label_by_folder, natural
from ganworks.data.label_file import FILES, Row, Table, find_table
from ganworks.data.label_values import from_rows
from ganworks.errors import GanworksError, SettingError, check_choice, nearest

log = logging.getLogger(__name__)

KINDS = ("class", "multi", "vector")
FOLDERS, AS_TEXT = "folders", "folders_as_text"
MAX_COMPARED = 10_000  # names among which the nearest is looked for


def with_labels(
    files: ImageFiles, source: str, kind: str | None = None, max_stray: float = 0.0
) -> ImageFiles:
    """Return ``files`` with their labels.

    Args:
        source: "auto" (one of `FILES` in the folder, or else the subfolders), the name of a label file, "folders" (the
            subfolders in natural order: 2 before 10), or "folders_as_text" (in the order of text: 10 before 2).
        kind: "class", "multi" (several classes at once), "vector" (numbers), or None: what the labels look like.
        max_stray: share of the images that are left out where they lie beside subfolders that are classes.

    Raises:
        SettingError: a ``source`` that is not there, or a ``kind`` that its labels are not.
        GanworksError: a row that is wrong, named with its file.
    """
    if kind is not None:
        check_choice("label", kind, KINDS)
    table = None if source in (FOLDERS, AS_TEXT) else find_table(files.place, source)
    if table is not None:
        labelled = unlabelled(files) if table.rows is None else from_table(files, table, kind)
    else:
        labelled = label_by_folder(without_stray(files, max_stray), str if source == AS_TEXT else natural)
    if kind is not None and labelled.label_kind != kind:
        there = "its subfolders are classes" if labelled.classes else "it has no labels"
        needed = f"{', '.join(FILES)} in it would say more"
        allowed = "class or null" if labelled.classes else "null"
        raise SettingError("label", kind, f"{allowed} for {files.root}: {there}; {needed}")
    return labelled


def without_stray(files: ImageFiles, max_share: float) -> ImageFiles:
    """Return the files in subfolders that would be classes without a few images beside them, which are named.

    More of them than the share ``max_share`` are part of the data set: then nothing is left out, and said.
    """
    stray = [name for name in files.names if "/" not in name]
    if not stray or len({name.split("/")[0] for name in files.names if "/" in name}) < 2:
        return files
    num, whole = f"{len(stray):,}", f"{len(files):,}"
    named = ", ".join(stray[:3]) + (", ..." if len(stray) > 3 else "")
    if len(stray) > max_share * len(files):
        log.warning(
            "%s: the subfolders are no classes, as %s of %s images lie beside them, such as %s (data.max_corrupt=%g"
            " lets no more than that share be left out)",
            *(files.root, num, whole, stray[0], max_share),
        )
        return files
    log.warning(
        "%s: %s of %s images are left out, as they lie beside the class folders: %s (data.num_classes=0 keeps them)",
        *(files.root, num, whole, named),
    )
    return files.only([index for index, name in enumerate(files.names) if "/" in name])


def unlabelled(files: ImageFiles) -> ImageFiles:
    """Return ``files`` without labels."""
    return files.with_labels(None)


def from_table(files: ImageFiles, table: Table, kind: str | None) -> ImageFiles:
    """Return ``files`` with the labels of a label file, and say what they are."""
    labelled = from_rows(files, table, match(table, files.names), kind)
    what = "numbers a label" if labelled.label_kind == "vector" else "classes"
    several = ", several at once" if labelled.label_kind == "multi" else ""
    log.info("%s: %s %s%s", table.file, f"{labelled.num_classes:,}", what, several)
    return labelled


def match(table: Table, names: Sequence[str]) -> list[Row]:
    """Return the rows in the order of the images ``names``, one for each."""
    known, found = set(names), dict[str, Row]()
    for row in table.rows or ():
        name = row.path if row.path in known else posixpath.normpath(row.path.replace("\\", "/"))
        if name not in known:
            alike = [other for other in names if posixpath.basename(other) == posixpath.basename(name)]
            near = alike[0] if alike else nearest(name, names[:MAX_COMPARED])
            hint = f" (did you mean {near!r}?)" if near else ""
            raise table.fault(row, f"there is no image {row.path!r} in the folder{hint}")
        if name in found:
            raise table.fault(row, f"{row.path!r} has a label already, at {found[name].place}")
        found[name] = row
    if lacking := [name for name in names if name not in found]:
        raise GanworksError(
            f"{table.file}: {len(lacking):,} of {len(names):,} images have no row, such as {lacking[0]!r}; give each of"
            " them a row, or leave the labels out with data.num_classes=0."
        )
    return [found[name] for name in names]
