"""`python train.py`: compose the configuration, or take that of the run to resume, and hand it to `run`."""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

LAUNCHED_AT = time.time()

import hydra  # noqa: E402
from hydra.core.hydra_config import HydraConfig  # noqa: E402
from hydra.types import RunMode  # noqa: E402
from omegaconf import DictConfig  # noqa: E402

from ganworks.cli.errors import user_errors  # noqa: E402
from ganworks.errors import SettingError  # noqa: E402
from ganworks.run.compose import CONF, NO_EXPERIMENT, VERSION, primary_config  # noqa: E402
from ganworks.run.resolvers import register  # noqa: E402


def main() -> None:
    """Train, or continue the run that ``resume=`` names."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach user_errors instead of Hydra's own printer
    register()
    with user_errors():
        path, overrides = split_resume([spelled_out(argument) for argument in sys.argv[1:]])
        if path is None:
            sys.argv[1:] = for_hydra(overrides)
            start_from = hydra.main(f"pkg://{CONF}", primary_config(overrides), version_base=VERSION)
            return start_from(train_composed)()
        from ganworks.run.fit import exit_code
        from ganworks.run.resume import resume

        sys.exit(exit_code(resume(path, overrides, LAUNCHED_AT)))


def train_here(arguments: list[str]) -> None:
    """Be `python train.py` with ``arguments``, in a process that has imported it before; its clock starts now."""
    global LAUNCHED_AT
    LAUNCHED_AT, sys.argv = time.time(), ["train.py", *arguments]
    main()


def train_composed(config: DictConfig) -> float | None:
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


def spelled_out(argument: str) -> str:
    """Return the argument with ``strategy=`` as the setting of the trainer that it is."""
    return f"trainer.{argument}" if argument.startswith("strategy=") else argument


def for_hydra(arguments: list[str]) -> list[str]:
    """Return the arguments as Hydra's own parser takes them: the flag of a sweep first, and no null for a group."""
    flags = [argument for argument in arguments if argument in ("-m", "--multirun")]
    return [*flags, *(argument for argument in arguments if argument not in (*flags, NO_EXPERIMENT))]


def split_resume(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Return the value of ``resume=`` (None where it is absent or null) and the other arguments."""
    values = [argument.removeprefix("resume=") for argument in arguments if argument.startswith("resume=")]
    others = [argument for argument in arguments if not argument.startswith("resume=")]
    if values and not values[-1]:
        raise SettingError(
            "resume", "", "a run directory or a checkpoint (is it an empty shell variable?), or null"
        )
    return (values[-1] if values and values[-1] != "null" else None), others


if __name__ == "__main__":
    main()
