"""What `sample.py` is asked for: its settings, and the labels and the files that these stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING

from ganworks.errors import SettingError, check_choice, check_count, setting_path

if TYPE_CHECKING:
    from torch import Tensor

    from ganworks.sample.sampler import Sampler
    from ganworks.sample.seed import Seed

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FILMS = (".gif", ".mp4")
OTHERS = (*FILMS, ".txt", ".csv")
NUM = 64
OUT = "samples.png"  # what is written that nobody gives a place
FOLDER = "translated"  # where translations go that nobody gives a place


@dataclass
class Arguments:
    """Draw samples from a run, a checkpoint or a generator folder."""

    run: str | None = field(
        default=None,
        metadata={"help": "a run directory, a checkpoint, a generator folder or official weights"},
    )
    num: int | None = field(
        default=None,
        metadata={
            "help": f"samples to draw: {NUM}, or the rows of label=FILE; with interpolate=, pictures a strip"
        },
    )
    seed: int = field(default=0, metadata={"help": "key of the latents and labels"})
    seeds: str | None = field(
        default=None,
        metadata={
            "help": "a key for each sample, such as 0-15 or 3,8: what num=1 seed=3 draws, ...; of interpolate= two"
            " a strip"
        },
    )
    out: str | None = field(
        default=None,
        metadata={
            "help": "a picture (one grid), .npy, .pt or .csv (the values), or a folder (single files); left out:"
            f" {OUT}, and with input= the folder {FOLDER}"
        },
    )
    label: str | None = field(
        default=None,
        metadata={
            "help": "class of all samples, by number or name, or a list: 0,1,2; several at once: [0,3]; a"
            " vector: [.1,-2]; or a .npy or .csv file with a row a sample"
        },
    )
    code: str | None = field(
        default=None,
        metadata={
            "help": "of a run with regularizer=infogan: the categories' indices, then continuous codes from -1 to 1,"
            " such as 3,-.5; codes that are left out stay drawn"
        },
    )
    direction: str = field(
        default="forth",
        metadata={"help": "back translates real samples into sources, where a run learned both"},
    )
    truncation: float | None = field(
        default=None,
        metadata={
            "help": "bound of the latents, such as 1.5, and in space=w the psi toward the mean, such as .7: less"
            " variety, cleaner samples"
        },
    )
    standing: int = field(
        default=0,
        metadata={
            "help": "take the statistics of batch norms anew over so many batches of 64 samples, truncated as"
            " truncation= says, such as 100; 0: those of the training"
        },
    )
    cutoff: int | None = field(
        default=None, metadata={"help": "in space=w, layers from the first on that are truncated"}
    )
    space: str = field(
        default="z", metadata={"help": "z, or w of a generator with styles; project= knows w+ as well"}
    )
    mix: int = field(
        default=0, metadata={"help": "so many sources of a style mixing grid: rows give the coarse layers"}
    )
    crossover: int | None = field(
        default=None,
        metadata={"help": "of mix=, the first layer of the columns' style; left out: the middle"},
    )
    directions: int = field(
        default=0,
        metadata={
            "help": "strips of one sample along so many of the strongest directions; num= pictures each"
        },
    )
    strength: float = field(
        default=3.0, metadata={"help": "of directions=, the farthest step, in deviations of the latent"}
    )
    move: str | None = field(
        default=None,
        metadata={
            "help": "how far samples are moved along the strongest directions, in deviations of the latent: 2,0,-1.5"
        },
    )
    project: str | None = field(
        default=None, metadata={"help": "an image, whose latent is looked for; out= is a folder"}
    )
    steps: int = field(default=500, metadata={"help": "of project="})
    rate: float = field(default=0.1, metadata={"help": "of project=, the largest learning rate"})
    latent: str | None = field(default=None, metadata={"help": "a latent.safetensors that project= wrote"})
    temperature: float | None = field(
        default=None, metadata={"help": "of drawing tokens, such as 0.6: likelier texts, fewer of them"}
    )
    interpolate: int = field(
        default=0, metadata={"help": "strips from one latent to another instead of single samples"}
    )
    columns: int | None = field(default=None, metadata={"help": "samples a row of the grid"})
    batch_size: int = field(default=256, metadata={"help": "samples made at a time"})
    input: str | None = field(
        default=None,
        metadata={"help": "an image or a folder of images, of any size, for a run that translates"},
    )
    enlarge: int | None = field(
        default=None,
        metadata={
            "help": "enlarge the images of input= so many times first; of super-resolution: data.factor"
        },
    )
    value_range: str | None = field(
        default=None,
        metadata={
            "help": "of the images of input= that have more than 8 bits: low,high become black and white, or dtype;"
            " left out: as in the training"
        },
    )
    device: str = field(default="cpu", metadata={"help": "cpu, cuda, mps"})
    trust: str | None = field(
        default=None,
        metadata={"help": "packages that the run may use beside ganworks, torch and Lightning: mine,theirs"},
    )


def labels_of(arguments: Arguments, sampler: Sampler) -> Tensor | None:
    """Return the labels that ``label=`` asks for, one for each sample or strip: a list over and over.

    A file says how many samples there are, where ``num=`` does not.
    """
    from ganworks.sample.label import is_file

    text = arguments.label
    if text is None:
        return None
    rows = sampler.parse_label(text)
    if arguments.num is None and not arguments.interpolate and is_file(text):
        arguments.num = len(rows)
    num = arguments.interpolate or arguments.num or NUM
    return rows[[index % len(rows) for index in range(num)]]


def check_numbers(arguments: Arguments) -> None:
    """Raise `SettingError` for a count that is none."""
    for name in ("num", "columns"):
        if getattr(arguments, name) is not None:
            check_count(name, getattr(arguments, name))
    check_count("interpolate", arguments.interpolate, at_least=0)
    check_count("batch_size", arguments.batch_size)
    check_count("standing", arguments.standing, at_least=0)
    if arguments.standing and arguments.project is not None:
        raise SettingError("standing", arguments.standing, "left out with project=")
    check_count("seed", arguments.seed, at_least=0)


def check_out(out: Path) -> None:
    """Raise `SettingError` where ``out`` ends like a file of a kind that can't be written.

    Any other name without one of the known endings is that of a folder: fakes, fakes_0.5.
    """
    known = ("", ".npy", ".pt", *OTHERS, *PICTURES)
    is_file = out.suffix[1:].isalpha() or guess_type(out.name)[0] is not None
    if out.suffix.lower() not in known and is_file:
        allowed = f"a folder or a file that ends in {', '.join(PICTURES)}, .npy or .pt"
        raise SettingError("out", out, f"{allowed} ({', '.join(OTHERS)} for clips, texts and series)")
    if out.suffix.lower() == ".mp4":
        from ganworks.picture.film import check_video_writer

        check_video_writer()


def suffix_of(out: Path) -> str:
    """Return the ending of a file that can be written, in small letters; nothing for a folder."""
    suffix = out.suffix.lower()
    return suffix if suffix in (".npy", ".pt", *OTHERS, *PICTURES) else ""


def check_draws(arguments: Arguments) -> None:
    """Raise `SettingError` where nothing is drawn that chosen codes could take the place of."""
    given = {name: getattr(arguments, name) for name in ("input", "project", "latent")}
    given |= {"direction": arguments.direction == "back", "space": arguments.space != "z"}
    if names := [name for name, value in given.items() if value]:
        raise SettingError("code", arguments.code, f"left out with {names[0]}=, which draws no codes")


def load(arguments: Arguments) -> Sampler:
    """Return the generator that ``run=`` names, or its way back."""
    from ganworks.sample.direction import DIRECTIONS
    from ganworks.sample.loading import load_generator

    check_choice("direction", arguments.direction, DIRECTIONS)
    with setting_path(renamed={"path": "run"}):
        sampler = load_generator(str(arguments.run), arguments.device, arguments.trust)
    return asked_of(sampler, arguments)


def asked_of(sampler: Sampler, arguments: Arguments) -> Sampler:
    """Return the part of a generator that draws what is asked for: with chosen codes, or the way back."""
    from ganworks.sample.codes import CodedSampler, parse_code
    from ganworks.sample.direction import backwards

    if arguments.code is not None:
        check_draws(arguments)
        return CodedSampler(sampler, parse_code(arguments.code))
    return backwards(sampler) if arguments.direction == "back" else sampler


def seed_of(arguments: Arguments) -> Seed:
    """Return the key of all samples, or those of ``seeds=``."""
    from ganworks.sample.seed import parse_seeds

    return arguments.seed if arguments.seeds is None else parse_seeds(arguments.seeds)


def check_seeds(arguments: Arguments) -> None:
    """Take the number of samples from ``seeds=``; raise `SettingError` where these are not as many as are needed."""
    if arguments.seeds is None:
        return
    for name in ("input", "project", "latent"):
        if getattr(arguments, name) is not None:
            raise SettingError("seeds", arguments.seeds, f"left out with {name}=, which draws no samples")
    if arguments.seed:
        raise SettingError("seed", arguments.seed, "left out with seeds=")
    seeds = seed_of(arguments)
    assert not isinstance(seeds, int)
    needed = {
        "interpolate": 2 * arguments.interpolate,
        "mix": arguments.mix,
        "directions": int(arguments.directions > 0),
    }
    for name, num in needed.items():
        if num and len(seeds) != num:
            raise SettingError(
                "seeds", arguments.seeds, f"{num} of them with {name}={getattr(arguments, name)}"
            )
    if not any(needed.values()):
        if arguments.num not in (None, len(seeds)):
            raise SettingError("num", arguments.num, "left out with seeds=, which gives a sample of each")
        arguments.num = len(seeds)
