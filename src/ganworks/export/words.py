"""The words of a model card: what it says of the files, of data and training, of the figures."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ganworks.export.figures import Figures
from ganworks.export.folder import FILES, Exported
from ganworks.export.places import without_places
from ganworks.export.recipe import recipe
from ganworks.export.verify import SIZES_WORDS, error_words
from ganworks.metric.contract import contract_lines
from ganworks.report.record import Record
from ganworks.report.settings import text
from ganworks.sample.sampler import Sampler
from ganworks.task.player import num_parameters

# Settings of the data that change nothing in them, or are said elsewhere.
UNSAID = ("_target_", "batch_size", "min_batches", "cache", "cache_limit_gb", "classes", "name", "changed")


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
        "names": ", ".join(shortened(list(inputs))),
        "checks": checks,
        "sizes": SIZES_WORDS,
    }


def shortened(names: Sequence[str]) -> list[str]:
    """Return the names of inputs, of more than four the first three and the last.

    >>> shortened(["latent", "label"]), shortened(list("abcde"))
    (['latent', 'label'], ['a', 'b', 'c', '...', 'e'])
    """
    return list(names) if len(names) <= 4 else [*names[:3], "...", names[-1]]


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
    """Return an override as it is typed in a shell.

    >>> print(shell_word("seed=1"), shell_word("data.resolution=[32,48]"), shell_word("data.root='my cats'"))
    seed=1 'data.resolution=[32,48]' "data.root='my cats'"
    """
    return f'"{override}"' if "'" in override and not set(override) & set('"$`!\\') else shlex.quote(override)


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
        "weights at the start": without_places(str(began))
        if (began := record.config.get("init_from"))
        else None,
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
