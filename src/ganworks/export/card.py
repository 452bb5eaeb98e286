"""The model card: README.md in the layout of the Hugging Face Hub, written from what the run's files say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ganworks.errors import SettingError, nearest
from ganworks.export.figures import Figures
from ganworks.export.folder import Exported
from ganworks.export.places import without_places
from ganworks.export.words import of_figures, of_files, of_run
from ganworks.report.record import Record
from ganworks.sample.sampler import Sampler
from ganworks.staged import write_text

CARD = "README.md"
# Identifiers of https://huggingface.co/docs/hub/repositories-licenses
LICENSES = ("apache-2.0", "mit", "openrail", "creativeml-openrail-m", "afl-3.0", "agpl-3.0", "artistic-2.0", "bsd",
            "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0",
            "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0",
            "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "ecl-2.0",
            "epl-1.0", "epl-2.0", "etalab-2.0", "eupl-1.1", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "isc", "lgpl",
            "lgpl-2.1", "lgpl-3.0", "mpl-2.0", "ms-pl", "ncsa", "odbl", "odc-by", "ofl-1.1", "osl-3.0", "pddl",
            "postgresql", "unlicense", "wtfpl", "zlib", "other", "unknown")  # fmt: skip


@dataclass
class Words:
    """What a run does not say of itself.

    Args:
        license: of the weights, as the hub calls it; None leaves it out.
        tags: more of them, for the hub's search.
        repo: ``user/name`` on the hub, for the lines that load the folder.
    """

    license: str | None = None
    tags: list[str] = field(default_factory=list)
    repo: str | None = None

    def check(self) -> None:
        """Raise `SettingError` where the hub would not take them."""
        if self.license is not None and self.license not in LICENSES:
            allowed = "an identifier of https://huggingface.co/docs/hub/repositories-licenses, such as mit"
            error = SettingError("license", self.license, allowed)
            error.nearest = nearest(self.license.lower(), LICENSES)  # it is often written in capitals
            raise error
        if self.repo is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repo):
            raise SettingError("repo", self.repo, "written as user/name")


def write_card(
    exported: Exported, sampler: Sampler, record: Record | None, figures: Figures, words: Words,
    pictures: Iterable[Path] = (), picture_words: str = "",
) -> Path:  # fmt: skip
    """Write README.md; return its path.

    Args:
        record: of the run; None for a generator without one.
        pictures: that lie in the folder; of texts a file of them.
        picture_words: how they were made.
    """
    names = [path.name for path in pictures]
    texts = [exported.folder / name for name in names if name.endswith(".txt")]
    shown = sorted((name for name in names if not name.endswith(".txt")), key=lambda name: ".gif" not in name)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "template"),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    body = environment.get_template("card.md.jinja").render(
        title=title_of(sampler),
        picture=shown[0] if shown else None,
        picture_words=picture_words,
        text_samples="\n".join(texts[0].read_text(encoding="utf-8").splitlines()[:16]) if texts else None,
        repo=words.repo or "USER/NAME",
        **of_files(exported, sampler),
        **of_run(sampler, record),
        **of_figures(figures, record),
    )
    body = re.sub(r"\n{3,}", "\n\n", body)
    write_text(exported.folder / CARD, f"---\n{front_matter(sampler, figures, words)}---\n\n{body}")
    return exported.folder / CARD


def title_of(sampler: Sampler) -> str:
    """Return the name of the run, or of the network."""
    return str(sampler.config.get("name") or type(sampler.generator).__name__)


def task_of(sampler: Sampler) -> tuple[str | None, str]:
    """Return the hub's name of what the generator does, where it has one, and ours."""
    is_translator = "source" in sampler.conditions
    if sampler.kind.name == "image" or sampler.kind.name == "latent":
        name = "image-to-image" if is_translator else "unconditional-image-generation"
        return name, name
    return None, f"{sampler.kind.name}-generation"


def front_matter(sampler: Sampler, figures: Figures, words: Words) -> str:
    """Return the card's head in YAML: https://huggingface.co/docs/hub/model-cards#model-card-metadata ."""
    pipeline, task = task_of(sampler)
    tags = ["gan", "ganworks", "pytorch", task, *words.tags]
    head: dict[str, Any] = {"license": words.license, "library_name": "ganworks", "pipeline_tag": pipeline}
    head |= {"tags": list(dict.fromkeys(tags))}
    if figures.values:
        data = data_name(sampler)
        results = {
            "task": {"type": task},
            "dataset": {"type": data.lower().replace(" ", "-"), "name": data},
            "metrics": [{"type": k, "name": k, "value": float(v)} for k, v in figures.values.items()],
        }
        head["model-index"] = [{"name": title_of(sampler), "results": [results]}]
    kept = {name: value for name, value in head.items() if value is not None}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)


def data_name(sampler: Sampler) -> str:
    """Return what the data are called: their class, and the folder or file where there is one."""
    data = without_places(sampler.config.get("data") or {})
    name = str(data.get("_target_", "unknown")).rpartition(".")[2]
    place = data.get("root") or data.get("path")
    return (
        f"{name} {Path(str(place)).name}" if place and name in ("Folder", "Text", "Pairs", "Clips") else name
    )
