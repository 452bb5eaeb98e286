"""`python -m ganworks.convert FILE out=FOLDER`: official weights as a generator folder, or as .safetensors."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.cli.arguments import parse
from ganworks.cli.errors import user_errors
from ganworks.errors import SettingError
from ganworks.words import relative_path

if TYPE_CHECKING:
    from ganworks.official.read import Official

TENSORS = ".safetensors"


@dataclass
class Arguments:
    """Convert official weights (.pkl, .pth, .pt): python -m ganworks.convert FILE out=FOLDER

    Several files, such as the G_ema.pth and the D.pth of one training, become one .safetensors file for init_from=.
    """

    out: str | None = field(
        default=None,
        metadata={
            "help": "a folder for the generator; or a .safetensors file for all networks, or for the one of player="
        },
    )
    player: str | None = field(
        default=None,
        metadata={"help": "generator, ema_generator or discriminator; left out: all that fit in out="},
    )


def main() -> None:
    """Run the command."""
    with user_errors():
        files = [argument for argument in sys.argv[1:] if is_file(argument)]
        arguments, _ = parse(Arguments, [a for a in sys.argv[1:] if not is_file(a)])
        if not files:
            raise SettingError("file", "", "given: a file of official weights (.pkl, .pth, .pt)")
        if not arguments.out:
            raise SettingError("out", "", "given: a folder for the generator, or a .safetensors file")
        print(convert(files, Path(arguments.out).expanduser(), arguments.player))


def is_file(argument: str) -> bool:
    """Say whether an argument is a file rather than a setting."""
    return Path(argument).expanduser().exists() or ("=" not in argument and not argument.startswith("-")
                                                    and argument != "help")  # fmt: skip


def convert(files: list[str], out: Path, player: str | None = None) -> str:
    """Write what ``files`` hold to ``out``; return in words what was written."""
    from ganworks.digest import save_tensors
    from ganworks.official.read import AVERAGE, GENERATOR

    officials = [read_file(Path(file).expanduser()) for file in files]
    if out.suffix.lower() == TENSORS:
        tensors = {
            name: t.contiguous().clone() for each in officials for name, t in each.state(player).items()
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(tensors, out)
        names = dict.fromkeys(name.partition(".")[0] for name in tensors)
        return f"{', '.join(names)} in {relative_path(out)}; a run starts from them by init_from={relative_path(out)}"
    if player not in (None, GENERATOR, AVERAGE):
        raise SettingError("out", out, f"a {TENSORS} file for a {player}: a folder holds a generator")
    if len(officials) > 1:
        raise SettingError("out", out, f"a {TENSORS} file for several files: a folder holds one generator")
    officials[0].sampler(player).save(out)
    place = relative_path(out)
    return f"{officials[0].player(player).family} in {place}; samples of it: python sample.py run={place}"


def read_file(path: Path) -> Official:
    """Return the networks of a file.

    Raises:
        SettingError: there is none.
    """
    from ganworks.official.read import read
    from ganworks.sample.loading import siblings

    if not path.is_file():
        raise SettingError(
            "file", path, "an existing file of official weights (.pkl, .pth, .pt)", siblings(path)
        )
    return read(path)


if __name__ == "__main__":
    main()
