"""The folder that an export writes: the generator in each format, what it takes and returns, examples, a picture."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.export import ExportedProgram

from ganworks.digest import save_tensors
from ganworks.errors import SettingError, check_choice
from ganworks.export.baked import baked
from ganworks.export.interface import Exportable, describe, example_inputs
from ganworks.export.onnx_file import OPSET, check_onnx, save_onnx
from ganworks.export.places import without_places
from ganworks.export.program import save_program, traced
from ganworks.export.verify import SIZES_WORDS, TOLERANCE, ExportError, error_words, largest_error
from ganworks.sample.direction import forwards
from ganworks.sample.latent import Latent
from ganworks.sample.loading import load_generator
from ganworks.sample.sampler import Sampler
from ganworks.staged import write_text

SAFETENSORS, TORCH, ONNX = "safetensors", "torch", "onnx"
FORMATS = (SAFETENSORS, TORCH, ONNX)
FILES = {SAFETENSORS: "model.safetensors", TORCH: "model.pt2", ONNX: "model.onnx"}
EXPORT, EXAMPLE, DECODER = "export.json", "example.safetensors", "vae"
WEIGHTS = "weights_sha256"
NUM_EXAMPLES = 4
Say = Callable[[str], None]


@dataclass
class Exported:
    """What a folder holds.

    Attributes:
        folder: where it is.
        information: see `describe`.
        errors: the largest error of each format that was written.
        failures: why the other formats were not.
    """

    folder: Path
    information: dict[str, Any]
    errors: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def parse_formats(text: str) -> list[str]:
    """Return the formats that a text names, each once.

    >>> parse_formats("onnx, torch,onnx"), parse_formats("[safetensors]")
    (['onnx', 'torch'], ['safetensors'])
    """
    names = [part.strip() for part in text.strip("[] ").split(",")]
    return list(dict.fromkeys(check_choice("format", name, FORMATS) for name in names))


def check_out(out: Path) -> None:
    """Raise `SettingError` where ``out`` is no place for a folder of its own."""
    if out.is_file() or (out.is_dir() and (out / "checkpoints").is_dir()):
        raise SettingError("out", out, "a folder of its own, neither a file nor a run directory")
    if out.is_dir() and any(out.iterdir()) and not (out / EXPORT).is_file():
        raise SettingError("out", out, f"a new folder, or one of an earlier export, with {EXPORT} in it")


def export(
    sampler: Sampler, out: Path, formats: Iterable[str], opset: int = OPSET, tolerance: float = TOLERANCE,
    say: Say = print,
) -> Exported:  # fmt: skip
    """Write a generator to the folder ``out``, each format verified; what fails its test is not left there.

    Args:
        sampler: on the CPU; its weights become float32.
        formats: of `FORMATS`.
        opset: of ONNX.
        tolerance: the largest error that is accepted.
        say: takes a line about each format as it is done.

    Raises:
        SettingError: ``out`` or ``opset``.
        GanworksError: a package is missing.
    """
    formats = list(formats)
    check_out(out)
    if ONNX in formats:
        check_onnx(opset)
    sampler.generator.float()
    inputs = example_inputs(sampler, NUM_EXAMPLES, seed=0)
    with torch.inference_mode():
        outputs = Exportable(sampler).eval()(inputs)
    information = {**describe(sampler, inputs, outputs), WEIGHTS: digest_of(sampler)}
    out.mkdir(parents=True, exist_ok=True)
    exported = Exported(out, information, kept_formats(out, information[WEIGHTS], formats))
    program = cache(
        lambda: traced(baked(forwards(sampler)))
    )  # one for two formats, and only where one is asked for
    for name in formats:
        say(f"{name} ...")
        try:
            if name == SAFETENSORS:
                worst = save_weights(sampler, out)
            else:
                worst = save_verified(name, program(), sampler, exported, opset, tolerance)
        except ExportError as failure:
            exported.failures[name] = str(failure)
            say(str(failure))
            continue
        exported.errors[name] = worst
        say(f"{out / FILES[name]}: verified at batches of {SIZES_WORDS}, largest error {error_words(worst)}")
    examples = {
        **{f"input.{k}": v for k, v in inputs.items()},
        **{f"output.{k}": v for k, v in outputs.items()},
    }
    save_tensors({name: rows.contiguous().clone() for name, rows in examples.items()}, out / EXAMPLE)
    results = {"largest_error": exported.errors, "not_exported": exported.failures}
    write_text(out / EXPORT, json.dumps({**exported.information, **results}, indent=2) + "\n")
    return exported


def kept_formats(out: Path, digest: str, formats: Collection[str]) -> dict[str, float]:
    """Return the errors of formats that an earlier export of the same weights wrote; remove what is of others."""
    try:
        earlier = json.loads((out / EXPORT).read_text(encoding="utf-8"))
        errors = dict(earlier["largest_error"]) if earlier[WEIGHTS] == digest else {}
    except (OSError, ValueError, KeyError, TypeError):
        errors = {}
    kept = {name: errors[name] for name in errors if name not in formats and (out / FILES[name]).is_file()}
    for name, file in FILES.items():
        if name not in kept:
            for other in (out / file, out / f"{file}.data", *[out / "config.json"] * (name == SAFETENSORS)):
                other.unlink(missing_ok=True)
    return kept


def digest_of(sampler: Sampler) -> str:
    """Return the SHA-256 of a generator's weights and of how samples are made of them."""
    made = hashlib.sha256(
        repr((sampler.produce.__qualname__, sorted(sampler.kind.settings.items()))).encode()
    )
    for name, tensor in sorted(sampler.generator.state_dict().items()):
        made.update(name.encode())
        made.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


def save_verified(
    name: str, program: ExportedProgram, sampler: Sampler, exported: Exported, opset: int, tolerance: float
) -> float:
    """Write the program in the format ``name`` to the folder once it is verified; return the largest error."""
    with TemporaryDirectory(dir=exported.folder, prefix=".") as place:  # ONNX may write several files
        file = Path(place) / FILES[name]
        if name == TORCH:
            worst = save_program(program, sampler, exported.information, file, tolerance)
        else:
            worst = save_onnx(program, sampler, exported.information, file, opset, tolerance)
        for written in Path(place).iterdir():
            written.replace(exported.folder / written.name)
    return worst


def save_weights(sampler: Sampler, out: Path) -> float:
    """Write the generator's folder, with the decoder of latents that its kind names; return the largest error.

    Places on this machine stay out of it: the folder is for others.
    """
    kept, config = sampler.config, {"kind": sampler.kind.settings, **sampler.config}
    if isinstance(sampler.kind, Latent) and sampler.kind.vae:
        copy_decoder(Path(sampler.kind.vae), out / DECODER)
        config["kind"] = {**sampler.kind.settings, "vae": DECODER}
    try:
        sampler.config = {**without_places(config), "generator": config["generator"]}
        sampler.save(out)
    finally:
        sampler.config = kept
    again = load_generator(out, trust=packages_of(sampler))
    return largest_error(Exportable(again).eval(), sampler)


def packages_of(sampler: Sampler) -> set[str]:
    """Return the packages of a generator's classes: what was loaded once was trusted."""
    parts = [*sampler.generator.modules(), sampler.kind]
    return {type(part).__module__.partition(".")[0] for part in parts}


def copy_decoder(folder: Path, to: Path) -> None:
    """Copy the files of an autoencoder that `load_vae` reads."""
    to.mkdir(exist_ok=True)
    for file in folder.iterdir():
        if file.suffix in (".json", ".safetensors") and file.is_file():
            shutil.copyfile(file, to / file.name)
