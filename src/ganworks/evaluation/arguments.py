"""What `evaluate.py` is asked for, and which of it goes together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ganworks.errors import SettingError, check_count


@dataclass
class Arguments:
    """Measure a generator, or a folder of images. metric.x=value and data.x=value change a setting."""

    run: str | None = field(
        default=None, metadata={"help": "a run directory, a checkpoint or a generator folder"}
    )
    checkpoint: str | None = field(
        default=None, metadata={"help": "another checkpoint of the run, such as best.ckpt"}
    )
    real: str | None = field(
        default=None, metadata={"help": "a folder of real images or a .npz file of their statistics"}
    )
    fake: str | None = field(
        default=None, metadata={"help": "the same of generated images, in place of run="}
    )
    metric: str | None = field(
        default=None, metadata={"help": "another metric than the run's: an option, or several: [fid,kid]"}
    )
    data: str | None = field(
        default=None, metadata={"help": "other data than the run's: an option of the group"}
    )
    seed: int | None = field(
        default=None, metadata={"help": "key of the latents; the metric's own if left out"}
    )
    seeds: int = field(
        default=1, metadata={"help": "so many evaluations, from that key on: mean and deviation"}
    )
    truncation: float | None = field(default=None, metadata={"help": "bound of the latents"})
    temperature: float | None = field(
        default=None, metadata={"help": "of drawing tokens, such as 0.6: likelier texts, fewer of them"}
    )
    against: str | None = field(
        default=None, metadata={"help": "a run directory or an out= file to compare with"}
    )
    figures: bool = field(
        default=False, metadata={"help": "true: pictures too, in figures/ of the run or here"}
    )
    resolution: str | None = field(
        default=None,
        metadata={
            "help": "side or HEIGHTxWIDTH that images of folders are brought to; their own if left out"
        },
    )
    channels: int | None = field(default=None, metadata={"help": "of the images of folders; 3 if left out"})
    device: str = field(default="cpu", metadata={"help": "cpu, cuda, mps"})
    devices: int = field(
        default=1, metadata={"help": "processes that share the work: one a GPU, or so many on the CPUs"}
    )
    save_real: str | None = field(
        default=None, metadata={"help": "a .npz file for mean and covariance of the real features"}
    )
    save_fake: str | None = field(default=None, metadata={"help": "the same of the fake ones"})
    trust: str | None = field(
        default=None,
        metadata={"help": "packages that the run may use beside ganworks, torch and Lightning: mine,theirs"},
    )
    out: str | None = field(
        default=None, metadata={"help": "a .json file for the figures and their contract"}
    )


def check(arguments: Arguments) -> None:
    """Raise `SettingError` for arguments that are missing, out of range or do not go together."""
    if arguments.run is None and not (arguments.real and arguments.fake):
        allowed = "given: a run directory, a checkpoint or a generator folder, or real=FOLDER and fake=FOLDER"
        raise SettingError("run", "", allowed)
    if arguments.seed is not None:
        check_count("seed", arguments.seed, at_least=0)
    check_count("seeds", arguments.seeds)
    others: list[tuple[str, object]]
    if arguments.run is None:
        others = [
            ("seeds", 1),
            ("data", None),
            ("checkpoint", None),
            ("truncation", None),
            ("temperature", None),
        ]
        refuse(arguments, others, "left out: two folders have no generator to draw from")
    else:
        others = [("fake", None), ("resolution", None), ("channels", None)]
        refuse(
            arguments, others, "left out: run= gives the fakes, and real images are brought to their shape"
        )
    if arguments.real and arguments.run:
        refuse(arguments, [("data", None)], f"left out: the reals are real={arguments.real}")
    for path in (arguments.real, arguments.fake):
        if path and path.endswith(".npz"):
            refuse(arguments, [("figures", False)], f"left out: {path} has no images to show")
    if arguments.seeds > 1:
        allowed = f"left out with seeds={arguments.seeds}: it is of a single draw"
        refuse(arguments, [("save_fake", None), ("figures", False)], allowed)
    for name in ("save_real", "save_fake"):
        if not (getattr(arguments, name) or ".npz").endswith(".npz"):
            raise SettingError(name, getattr(arguments, name), "a file that ends in .npz")


def refuse(arguments: Arguments, others: Iterable[tuple[str, object]], allowed: str) -> None:
    """Raise `SettingError` for the first argument that is not left at its default."""
    for name, default in others:
        if getattr(arguments, name) != default:
            raise SettingError(name, getattr(arguments, name), allowed)
