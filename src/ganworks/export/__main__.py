"""`python -m ganworks.export run=RUN_DIR format=safetensors,torch,onnx`: a folder that goes anywhere."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import GanworksError, SettingError, check_choice, check_range
from ganworks.words import relative_path, tags_of

if TYPE_CHECKING:
    from ganworks.evaluation.source import Source
    from ganworks.export.folder import Exported
    from ganworks.sample.sampler import Sampler


@dataclass
class Arguments:
    """Take a trained generator out: python -m ganworks.export run=RUN_DIR format=safetensors,torch,onnx

    The folder that is written is in the layout of the Hugging Face Hub: uploading it is all there is to do.
    """

    run: str | None = field(
        default=None,
        metadata={
            "help": "a run directory, a checkpoint, a generator folder, hf://user/name or official weights"
        },
    )
    format: str = field(
        default="safetensors",
        metadata={"help": "safetensors (weights and config, for load_generator), torch (a program of torch.export,"
                          " .pt2) or onnx, several with commas"},
    )  # fmt: skip
    out: str | None = field(
        default=None,
        metadata={"help": "the folder; left out: export in the run directory, or here without a run"},
    )
    checkpoint: str | None = field(
        default=None, metadata={"help": "of the run, such as best.ckpt; left out: its last generator"}
    )
    direction: str = field(
        default="forth", metadata={"help": "back exports the way back of a run that learned both"}
    )
    opset: int = field(default=18, metadata={"help": "of ONNX, 17 to 23"})
    tolerance: float = field(
        default=1e-4, metadata={"help": "the largest error against the sampler that is accepted"}
    )
    license: str | None = field(
        default=None, metadata={"help": "of the weights, for the card, as the hub calls it: mit, cc-by-4.0"}
    )
    tags: str | None = field(default=None, metadata={"help": "of the card, with commas"})
    repo: str | None = field(
        default=None, metadata={"help": "user/name on the hub, for the card's lines that load the folder"}
    )
    trust: str | None = field(
        default=None,
        metadata={"help": "packages that the run may use beside ganworks, torch and Lightning: mine,theirs"},
    )


def main() -> None:
    """Run the command."""
    with user_errors():
        arguments, others = parse(Arguments, sys.argv[1:])
        if others:
            name, _, value = others[0].partition("=")
            raise SettingError(name, value, "left out: an export has no groups")
        exported = run(arguments)
        folder = relative_path(exported.folder)
        print(f"the folder is {folder}; to the hub: hf upload USER/NAME {shlex.quote(str(folder))}")
        if exported.failures:
            raise GanworksError(f"{' and '.join(exported.failures)} not written; the reasons stand above.")


def run(arguments: Arguments) -> Exported:
    """Write the folder that the arguments ask for; return what is in it.

    Raises:
        GanworksError: a setting, a package that is missing, or nothing that could be loaded.
    """
    from ganworks.evaluation.source import Source
    from ganworks.export.card import Words
    from ganworks.export.folder import ONNX, check_out, export, parse_formats
    from ganworks.export.onnx_file import check_onnx
    from ganworks.sample.direction import BACK, DIRECTIONS, backwards

    if not arguments.run:
        raise SettingError("run", "", "given: a run directory, a checkpoint or a generator folder")
    formats = parse_formats(arguments.format)
    check_choice("direction", arguments.direction, DIRECTIONS)
    check_range("tolerance", arguments.tolerance, 0)
    words = Words(arguments.license, tags_of(arguments.tags), arguments.repo)
    words.check()
    if ONNX in formats:
        check_onnx(arguments.opset)
    source = Source.find(str(arguments.run), arguments.checkpoint, arguments.trust)
    out = Path(arguments.out or (source.run_dir or Path()) / "export").expanduser()
    check_out(out)
    sampler = source.load("cpu")
    sampler = backwards(sampler) if arguments.direction == BACK else sampler
    exported = export(sampler, out, formats, arguments.opset, arguments.tolerance)
    write_words(exported, sampler, source, words)
    return exported


def write_words(exported: Exported, sampler: Sampler, source: Source, words: object) -> None:
    """Write the card and its picture."""
    from ganworks.export.card import Words, write_card
    from ganworks.export.figures import figures_of
    from ganworks.export.picture import save_picture
    from ganworks.report.record import read

    assert isinstance(words, Words)
    record = None if source.run_dir is None else read(source.run_dir)
    figures = figures_of(record, sampler.config.get("images_seen"), source.num_evaluations)
    pictures, how = save_picture(sampler, exported.folder, record)
    print("the card ...")
    write_card(exported, sampler, record, figures, words, pictures, how)


if __name__ == "__main__":
    main()
