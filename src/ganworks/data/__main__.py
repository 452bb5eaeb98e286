"""python -m ganworks.data show|pack|encode data=... data.root=...: look at a data set, or write it another way."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import GanworksError, check_count, nearest, setting_path

if TYPE_CHECKING:
    from ganworks.data.base import GanDataModule

COMMANDS = ("show", "pack", "encode")


@dataclass
class Show:
    """show: print what is in a data set of images, and write a page with what the networks will see of it.

    Settings of the data set are set as in training: data=folder data.root=FOLDER data.resolution=64.
    """

    data: str = field(default="folder", metadata={"help": "option of the group data"})
    out: str = field(default="data.html", metadata={"help": "the page that is written"})
    num: int = field(default=64, metadata={"help": "samples to show"})


@dataclass
class Pack:
    """pack: write a data set of images as one zip file in StyleGAN's layout, as tar shards or as a table.

    Settings of the data set are set as in training: data=folder data.root=FOLDER data.resolution=64.
    """

    data: str = field(default="folder", metadata={"help": "option of the group data"})
    out: str = field(default="", metadata={"help": "FILE.zip, FILE.parquet, or a new folder for shards"})
    keep: bool = field(
        default=False, metadata={"help": "pack the files as they are, not what the networks see"}
    )
    shard: int = field(default=1000, metadata={"help": "samples in a shard"})


def data_module(option: str, settings: list[str]) -> GanDataModule:
    """Return the data set that a command line names, checked as before a training."""
    from ganworks.run.compose import compose
    from ganworks.run.instantiate import make
    from ganworks.run.log import log_to_terminal

    for setting in settings:
        if not setting.lstrip("+~").startswith(("data.", "paths.")):
            raise GanworksError(f"{setting!r} is no setting of the data: they begin with data.")
    config = compose([f"data={option}", *settings])
    # The least batch: what is looked at need not be as many samples as a batch of the training.
    overrides = (
        {} if any(setting.startswith("data.batch_size=") for setting in settings) else {"batch_size": 1}
    )
    log_to_terminal()
    data = make("data", config.data, **overrides)
    with setting_path("data"):
        data.check()
    return data


def show(arguments: list[str]) -> None:
    """Print the card of a data set, and write its page."""
    own, settings = parse(Show, arguments)
    check_count("num", own.num)
    from ganworks.data.card.card import look_at
    from ganworks.data.card.page import print_card, write_page

    card = look_at(data_module(own.data, settings), own.num)
    print_card(card)
    command = f"data={own.data} {' '.join(settings)}".strip()
    print(f"the page: {write_page(card, Path(own.out), command)}")


def pack(arguments: list[str]) -> None:
    """Write a data set another way."""
    own, settings = parse(Pack, arguments)
    from ganworks.data.pack import check_out, write_pack
    from ganworks.run.explain import typed

    check_count("shard", own.shard)
    out = check_out(own.out or None)
    num = write_pack(data_module(own.data, settings), out, own.keep, own.shard)
    option = {".zip": "folder", ".parquet": "hf"}.get(out.suffix, "webdataset")
    print(f"{num:,} images in {out}: python train.py data={option} {typed('data.root', out)}")


def encode(arguments: list[str]) -> None:
    """Encode a folder of images; see `ganworks.data.encode`."""
    from ganworks.data.encode.__main__ import run

    run(arguments)


def main() -> None:
    """Run the command; a mistake is one line."""
    name, *arguments = sys.argv[1:] or ["--help"]
    with user_errors():
        if name in ("-h", "--help", "help"):
            print(f"{__doc__}\n\npython -m ganworks.data COMMAND --help says what each takes.")
            return
        if name not in COMMANDS:
            near = nearest(name, COMMANDS)
            hint = f" Did you mean {near!r}?" if near else ""
            raise GanworksError(f"there is no command {name!r}; there are {', '.join(COMMANDS)}.{hint}")
        {"show": show, "pack": pack, "encode": encode}[name](arguments)


if __name__ == "__main__":
    main()
