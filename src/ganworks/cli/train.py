"""`python train.py`: compose the configuration, or take that of the run to resume, and hand it to `run`."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

LAUNCHED_AT = time.time()

import hydra  # noqa: E402
from hydra.core.hydra_config import HydraConfig  # noqa: E402
from hydra.types import RunMode  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

from ganworks.cli.errors import user_errors  # noqa: E402
from ganworks.run.compose import CONF, VERSION  # noqa: E402
from ganworks.run.resolvers import register  # noqa: E402

PARTS = {
    *("experiment", "data", "model", "loss", "regularizer", "augment", "optimizer", "task", "debug"),
    *("--config-name", "-cn", "--config-path", "-cp"),
}


def main() -> None:
    """Train, or continue the run that ``resume=`` names."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach user_errors instead of Hydra's own printer
    register()
    with user_errors():
        path, overrides = split_resume([spelled_out(argument) for argument in sys.argv[1:]])
        if path is None:
            sys.argv[1:] = with_directory(with_recipe(overrides))
            return main_of_hydra()
        from ganworks.run.fit import exit_code
        from ganworks.run.resume import resume

        sys.exit(exit_code(resume(path, overrides, LAUNCHED_AT)))


def train_here(arguments: list[str]) -> None:
    """Be `python train.py` with ``arguments`` in a process that is not new, from now on."""
    global LAUNCHED_AT
    LAUNCHED_AT, sys.argv = time.time(), ["train.py", *arguments]
    main()


@hydra.main(config_path=f"pkg://{CONF}", config_name="train", version_base=VERSION)
def main_of_hydra(config: DictConfig) -> float | None:
    """Train with a composed configuration; return the metric that a sweep compares."""
    from ganworks.run.fit import exit_code
    from ganworks.run.start import start

    hydra_config = HydraConfig.get()
    with user_errors():  # here too: Hydra prints what it sees pass
        outcome = start(config, Path(hydra_config.runtime.output_dir), LAUNCHED_AT)
    if hydra_config.mode == RunMode.MULTIRUN:
        gc.collect()  # trainer and task hold each other, and with them memory that the next job needs
    # One run that diverges does not end a sweep; an interrupt does.
    goes_on = hydra_config.mode == RunMode.MULTIRUN and outcome.status == "diverged"
    if exit_code(outcome) and not goes_on:
        sys.exit(exit_code(outcome))
    return outcome.value


def with_recipe(arguments: list[str]) -> list[str]:
    """Return the command line, with the tuned recipe for the digits where it chooses no parts of its own.

    Whoever chooses a part (``loss=wgan_gp``) gets the plain defaults of train.yaml around it: settings that were
    tuned for one loss and one penalty do not carry over to others. ``experiment=null`` asks for those defaults.
    """
    names = {argument.lstrip("+~").partition("=")[0] for argument in arguments if argument != "data=digits"}
    recipe = [] if names & PARTS else ["experiment=digits_dcgan"]
    # Flags go first: behind a setting, argparse takes what follows them for something else.
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    others = [a for a in arguments if a not in (*flags, "experiment=null")]
    # Beside the other settings: argparse takes them in one piece.
    place = next((i + 1 for i, a in enumerate(others) if "=" in a and not a.startswith("-")), len(others))
    return [*flags, *others[:place], *recipe, *others[place:]]


def spelled_out(argument: str) -> str:
    """Return the argument with ``strategy=`` as the setting of the trainer that it is."""
    return f"trainer.{argument}" if argument.startswith("strategy=") else argument


def with_directory(arguments: list[str]) -> list[str]:
    """Return the arguments; to another rank than the first, that torchrun or srun started, with a passing directory.

    The first rank alone writes, and the name of its directory tells the second at which it was made.
    """
    is_first = all(os.environ.get(name, "0") == "0" for name in ("RANK", "SLURM_PROCID"))
    if is_first or any(argument.startswith(("hydra.run.dir=", "hydra.sweep.dir=")) for argument in arguments):
        return arguments
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return [*arguments, f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}"]


def split_resume(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return the value of ``resume=`` (None where it is absent or null) and the other arguments."""
    values = [argument.removeprefix("resume=") for argument in arguments if argument.startswith("resume=")]
    others = [argument for argument in arguments if not argument.startswith("resume=")]
    return (values[-1] if values and values[-1] not in ("", "null") else None), others


if __name__ == "__main__":
    main()
