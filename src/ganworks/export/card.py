"""The model card: README.md in the layout of the Hugging Face Hub, written from what the run's files say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ganworks.errors import SettingError, nearest
from ganworks.export.figures import Figures
from ganworks.export.folder import FILES, Exported
from ganworks.export.places import without_places
from ganworks.export.recipe import recipe
from ganworks.export.verify import SIZES_WORDS, error_words
from ganworks.metric.contract import contract_lines
from ganworks.report.record import Record
from ganworks.report.settings import text
from ganworks.sample.sampler import Sampler
from ganworks.staged import write_text
from ganworks.task.player import num_parameters

CARD = "README.md"
# Settings of the data that change nothing in them, or are said elsewhere.
UNSAID = ("_target_", "batch_size", "min_batches", "cache", "cache_limit_gb", "classes", "name", "changed")
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
            "dataset": {"type": data.lower(), "name": data},
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


def of_files(exported: Exported, sampler: Sampler) -> dict[str, Any]:
    """Return what the card says of the files: how they are loaded, what they take, how far they were verified."""
    information, inputs = exported.information, exported.information["inputs"]
    outputs = information["outputs"]
    ports = [("takes", name, each) for name, each in inputs.items()]
    ports += [("returns", name, each) for name, each in outputs.items()]
    needs = [name for name in sampler.conditions if name != "label"]
    limits = outputs["samples"]["range"]
    checks = [(name, FILES[name], error_words(error)) for name, error in exported.errors.items()]
    checks += [(name, "–", reason) for name, reason in exported.failures.items()]
    return {
        "formats": list(exported.errors),
        "needs": "{" + ", ".join(f'"{name}": {name}' for name in needs) + "}" if needs else "",
        "range_words": f" # in [{limits[0]:g}, {limits[1]:g}]" if None not in limits else "",
        "ports": [(s, name, shape_words(each), each["dtype"], meaning(each)) for s, name, each in ports],
        "calls": ", ".join(f'{name}=example["input.{name}"]' for name in inputs),
        "feeds": "{" + ", ".join(f'"{name}": example["input.{name}"]' for name in inputs) + "}",
        "checks": checks,
        "sizes": SIZES_WORDS,
    }


def shape_words(port: Mapping[str, Any]) -> str:
    """Return a shape such as `(batch, 3, 32, 32)`."""
    return f"({', '.join(map(str, port['shape']))})".replace("(batch)", "(batch,)")


def meaning(port: Mapping[str, Any]) -> str:
    """Return what a tensor means, with its range."""
    low, high = port.get("range", (None, None))
    return f"in [{low:g}, {high:g}]: {port['meaning']}" if low is not None else str(port["meaning"])


def of_run(sampler: Sampler, record: Record | None) -> dict[str, Any]:
    """Return what the card says of generator, data and training."""
    shape = " x ".join(map(str, sampler.shape))
    classes = f", conditional on {sampler.num_classes} classes" if sampler.label_kind == "class" else ""
    own = f"A generator of {sampler.kind.noun} ({shape}){classes}: {type(sampler.generator).__name__}"
    seen = sampler.config.get("images_seen")
    after = f", the averaged weights after {seen:,} real {sampler.kind.noun}" if isinstance(seen, int) else ""
    return {
        "summary": f"{own}, {num_parameters(sampler.generator):,} parameters{after}. Trained with ganworks.",
        "data": data_words(sampler, record),
        "command": command_of(record) if record is not None and record.config else None,
        "training": training_words(record) if record is not None else "Nothing is known of the training.",
    }


def command_of(record: Record) -> str:
    """Return the command that trains such a run."""
    return " ".join(["python train.py", *map(shell_word, recipe(record.config))])


def shell_word(override: str) -> str:
    """Return an override as it is typed in a shell."""
    return override if "'" in override or shlex.quote(override) == override else f"'{override}'"


def data_words(sampler: Sampler, record: Record | None) -> str:
    """Return what the data are: what they say of themselves, their settings, their classes."""
    told = (record.summary.get("data") if record is not None else None) or {}
    data = without_places({**told, **(sampler.config.get("data") or {})})
    lines = [
        f"- {name}: {text(value)}"
        for name, value in data.items()
        if name not in UNSAID and value not in (None, []) and not isinstance(value, Mapping)
        if len(text(value)) < 200
    ]
    classes = [str(name) for name in sampler.config.get("classes") or ()]
    if classes:
        lines.append(f"- classes: {', '.join(classes[:20])}{', ...' if len(classes) > 20 else ''}")
    return "\n".join([f"`{data.get('_target_', 'unknown')}`", "", *lines])


def training_words(record: Record) -> str:
    """Return how the run went: its status, its length, its machine, its versions, what the doctor said."""
    summary = record.summary
    versions = ", ".join(f"{name} {number}" for name, number in (summary.get("versions") or {}).items())
    said = {
        "status": record.status,
        "real samples seen": f"{record.images_seen:,}",
        "seconds": summary.get("seconds"),
        "device": f"{summary.get('num_devices', 1)} x {summary['device']}" if summary.get("device") else None,
        "precision": summary.get("precision"),
        "seed": summary.get("seed"),
        "versions": versions or None,
        "code": summary.get("git_commit"),
        "doctor": record.doctor.get("verdict"),
    }
    return "\n".join(f"- {name}: {value}" for name, value in said.items() if value is not None)


def of_figures(figures: Figures, record: Record | None) -> dict[str, Any]:
    """Return what the card says of the figures."""
    why = "Nothing was measured of these weights"
    elsewhere = record is not None and bool(record.metrics) and not figures.values
    return {
        "figures": [
            (name, [number(value), *(number(line.get(name)) for line in figures.beside.values())])
            for name, value in figures.values.items()
        ],
        "lines": list(figures.beside),
        "contract": contract_lines(figures.contract) if figures.contract else ["not said by the run"],
        "no_figures": f"{why}: the run measured others of its own." if elsewhere else f"{why}.",
    }


def number(value: Any) -> str:
    """Return a figure in four digits."""
    return "" if value is None else f"{value:.4g}"
