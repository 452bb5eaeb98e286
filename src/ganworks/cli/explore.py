"""`python -m ganworks.explore run=RUN`: serve the page that draws by the settings of `sample.py`."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.cli.sample import Arguments as SampleArguments
from ganworks.cli.sample_arguments import (
    NUM,
    OUT,
    asked_of,
    check_numbers,
    check_out,
    labels_of,
    load,
    seed_of,
)
from ganworks.errors import GanworksError, SettingError, check_count

if TYPE_CHECKING:
    from torch import Tensor

    from ganworks.sample.sampler import Sampler

# What a page may ask for: of `sample.py`, all settings that name no file.
SETTINGS = (
    "num", "seed", "seeds", "label", "code", "direction", "truncation", "cutoff", "space", "mix", "crossover",
    "directions", "strength", "move", "temperature", "interpolate", "columns", "enlarge",
)  # fmt: skip
MAX_SAMPLES, MAX_POINTS = 400, 10_000  # of a view: with a picture each, and in one cloud


@dataclass
class Arguments:
    """Look around in a trained generator, on a page that this machine alone can reach."""

    run: str | None = field(
        default=None,
        metadata={"help": "a run directory, a checkpoint, a generator folder or official weights"},
    )
    port: int | None = field(default=None, metadata={"help": "of the page; left out: one that is free"})
    device: str = field(default="cpu", metadata={"help": "cpu, cuda, mps"})
    trust: str | None = field(
        default=None,
        metadata={"help": "packages that the run may use beside ganworks, torch and Lightning: mine,theirs"},
    )
    open: bool = field(default=False, metadata={"help": "open the page in the browser"})


def main() -> None:
    """Run the command."""
    from ganworks.interrupt import ended_by_signals

    with user_errors(), ended_by_signals():
        arguments, others = parse(Arguments, sys.argv[1:])
        if others:
            name, _, value = others[0].partition("=")
            raise SettingError(name, value, "left out: the page has no groups")
        if arguments.run is None:
            allowed = "given: a run directory, a checkpoint, a generator folder or official weights"
            raise SettingError("run", "", allowed)
        if arguments.port is not None:
            check_count("port", arguments.port)
        serve(arguments)


def serve(arguments: Arguments) -> None:
    """Serve the page until a signal ends it."""
    from ganworks.explore.server import address_of, server_of

    print(f"Reading {arguments.run}", flush=True)
    server = server_of(Explorer(arguments), arguments.port or 0)
    address = address_of(server)
    print(f"Look around at {address} (Ctrl-C ends)", flush=True)
    if arguments.open:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    with server:
        server.serve_forever()


class Explorer:
    """Draws for the page as `sample.py` does, from a generator that is loaded once; see `explore.server.Explorer`.

    Raises:
        GanworksError: what `load_generator` raises.
    """

    def __init__(self, arguments: Arguments) -> None:
        fixed = {"run": arguments.run, "trust": arguments.trust}
        fixed |= {"device": arguments.device} if arguments.device != "cpu" else {}
        self.fixed = {name: value for name, value in fixed.items() if value is not None}
        self.lock = threading.Lock()  # one at a time: a browser asks for the next before it has the last
        self.sampler = beside_data(load(self.arguments({})), self.arguments({}))

    def facts(self) -> dict[str, Any]:
        """Return what the page has to know of the generator."""
        from ganworks.explore.facts import facts_of

        with self.lock:
            return {"name": self.fixed["run"], **facts_of(self.sampler)}

    def draw(self, settings: Mapping[str, str]) -> dict[str, Any]:
        """Return samples in plain types, their labels and columns, and the command line that draws the same."""
        from ganworks.cli.sample import draw
        from ganworks.explore.shown import pictures, shown

        arguments = self.arguments(settings)
        check_num(arguments, MAX_POINTS if self.sampler.kind.is_cloud else MAX_SAMPLES)
        with self.lock:
            drawn = draw(arguments, self.sampler)
            found = shown(drawn.whole(), drawn.kind)
            if (sources := self.sources(arguments)) is not None:
                found["sources"] = pictures(sources)
        found |= {"labels": drawn.labels or [], "columns": arguments.columns or drawn.columns}
        return {**found, "command": self.command(settings)}

    def sources(self, arguments: SampleArguments) -> Tensor | None:
        """Return the images (B, C, H, W) that a translator makes its samples of; None of any other generator."""
        sampler = asked_of(self.sampler, arguments)
        if "source" not in sampler.conditions or arguments.num is None:
            return None
        sources = sampler.inputs(arguments.num, seed_of(arguments), labels_of(arguments, sampler))["source"]
        return sources if sources.dim() == 4 else None

    def save(self, settings: Mapping[str, str]) -> bytes:
        """Return the content of the file that the command line writes."""
        from ganworks.cli.sample import draw, write

        arguments = self.arguments(settings)
        with self.lock, TemporaryDirectory() as folder:
            arguments.out = str(Path(folder) / str(arguments.out or OUT))
            check_out(Path(arguments.out))
            file = write(draw(arguments, self.sampler), arguments)
            if not file.is_file():
                raise SettingError("out", file.name, "a file, not a folder: its name ends in .png or .npy")
            return file.read_bytes()

    def translate(self, settings: Mapping[str, str], name: str, content: bytes) -> dict[str, Any]:
        """Return what a translator makes of the image file ``name``, and the command line that makes the same."""
        from ganworks.cli.translate import translations
        from ganworks.explore.shown import url
        from ganworks.sample.translate import Images, source_channels

        arguments = self.arguments(settings)
        with self.lock, TemporaryDirectory() as folder:
            sampler = asked_of(self.sampler, arguments)
            source_channels(sampler)
            file = Path(folder) / plain("input", name)
            file.write_bytes(content)
            try:
                ((_, made),) = translations(arguments, sampler, Images.find(file))
            except GanworksError as error:  # it names the file by where it lies for a moment
                raise GanworksError(str(error).replace(f"{file.parent}{os.sep}", "")) from error
            picture = url(sampler.kind.save(made, Path(folder) / "made"))
        return {"pictures": [picture], "command": self.command({**settings, "input": name})}

    def arguments(self, settings: Mapping[str, str]) -> SampleArguments:
        """Return the settings of `sample.py` that the page asks for.

        Raises:
            SettingError: a setting that a page does not have, or a value that it cannot have.
        """
        from ganworks.cli.latent import check_arguments
        from ganworks.sample.label import is_file

        for name, value in settings.items():
            if name not in (*SETTINGS, "out"):
                raise SettingError(name, value, "left out: the page has no such setting")
        if settings.get("out"):
            plain("out", settings["out"])
        if is_file(settings.get("label", "")):
            raise SettingError("label", settings["label"], "a class or numbers: the page reads no files")
        texts = [f"{name}={value}" for name, value in {**self.fixed, **settings}.items()]
        arguments, _ = parse(SampleArguments, texts)
        check_numbers(arguments)
        check_arguments(arguments)
        return arguments

    def command(self, settings: Mapping[str, str]) -> str:
        """Return the command line that draws what the settings say, from here."""
        program = "python sample.py" if Path("sample.py").is_file() else "ganworks-sample"
        settings = {**self.fixed, **settings}
        settings = {name: settings[name] for name in sorted(settings, key=lambda name: name == "out")}
        return " ".join([program, *(shlex.quote(f"{name}={value}") for name, value in settings.items())])


def check_num(arguments: SampleArguments, at_most: int) -> None:
    """Raise `SettingError` where there are more samples than a page shows at once."""
    num = arguments.num or NUM
    num = arguments.mix**2 or (arguments.interpolate or arguments.directions) * num or num
    if num > at_most:
        raise SettingError("num", num, f"at most {at_most:,} samples on a page")


def plain(setting: str, name: str) -> str:
    """Return the name of a file without a folder; raise `SettingError` where it is none."""
    if not name or name != PurePath(name).name or "\\" in name or name.startswith("."):
        raise SettingError(setting, name, "the plain name of a file, without a folder")
    return name


def beside_data(sampler: Sampler, arguments: SampleArguments) -> Sampler:
    """Return a translator beside the data of its run, whose sources it can show, where these are at hand."""
    from ganworks.cli.sample import data_of

    if not set(sampler.conditions) - {"label"}:
        return sampler
    try:
        return sampler.beside(data_of(arguments))
    except GanworksError as error:
        print(f"The page takes your images alone: {error}")
        return sampler
