"""`python train.py`: compose the configuration, or take that of the run to resume, and hand it to `run`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

LAUNCHED_AT = time.time()

from ganworks.cli.flags import split_flags  # noqa: E402
from ganworks.cli.sweep import Sweep  # noqa: E402
from ganworks.errors import GanworksError, SettingError  # noqa: E402
from ganworks.interrupt import ended_by_signals  # noqa: E402

if TYPE_CHECKING:
    from omegaconf import DictConfig

SWEEP = Sweep()


def main() -> None:
    """Train, or continue the run that ``resume=`` names."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach user_errors instead of Hydra's own printer
    with ended_by_signals():  # from the first import on, which are made here for that reason
        from ganworks.cli.errors import user_errors
        from ganworks.run.directory import release
        from ganworks.started import leave_no_rank_by_chance

        try:
            with user_errors():
                leave_no_rank_by_chance()
                train_or_resume(sys.argv[1:])
        finally:
            release()


def train_or_resume(arguments: list[str]) -> None:
    """Compose a run from ``arguments`` and train it, or continue the run that ``resume=`` names."""
    import hydra

    from ganworks.run.compose import CONF, VERSION, primary_config, with_local
    from ganworks.run.resolvers import register

    register()
    flags, settings = split_flags(arguments)
    is_sweep = "--multirun" in flags
    path, overrides = split_resume([spelled_out(setting, is_sweep) for setting in settings])
    if path is None or {"--help", "--hydra-help", "--version"} & set(flags):
        SWEEP.jobs.clear()
        sys.argv[1:] = for_hydra([*flags, *with_local(overrides)])
        start_from = hydra.main(f"pkg://{CONF}", primary_config(overrides), version_base=VERSION)
        start_from(train_composed)()
        return SWEEP.end()
    if flags:
        raise GanworksError(f"{' '.join(flags)}: a resumed run takes no flags; its settings are its own.")
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
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from ganworks.cli.errors import user_errors
    from ganworks.run.compose import check_local
    from ganworks.run.fit import Outcome, exit_code
    from ganworks.run.start import start

    hydra_config = HydraConfig.get()
    check_local(hydra_config)

    def begin() -> Outcome:
        with user_errors():  # here too: Hydra prints what it sees pass
            return start(config, Path(hydra_config.runtime.output_dir), LAUNCHED_AT)

    is_job = hydra_config.mode == RunMode.MULTIRUN
    if is_job and hydra_config.launcher["_target_"].endswith(".BasicLauncher"):  # others start processes
        outcome = SWEEP.run(hydra_config.job.num, hydra_config.overrides.task, begin)
        if outcome is None:
            return None
    else:
        outcome = begin()
    # One job that diverges does not end a sweep; an interrupt does.
    if exit_code(outcome) and not (is_job and outcome.status == "diverged"):
        if is_job:
            SWEEP.show()
        sys.exit(exit_code(outcome))
    return outcome.value


def spelled_out(argument: str, is_sweep: bool = False) -> str:
    """Return the argument as the setting that it means: of the trainer, or a list of tags.

    >>> spelled_out("strategy=auto"), spelled_out("tags=first,small")
    ('trainer.strategy=auto', 'tags=[first,small]')
    """
    if argument.startswith("strategy="):
        return f"trainer.{argument}"
    name, _, value = argument.partition("=")
    is_list = (
        name in ("tags", "logger.wandb.tags", "logger.mlflow.tags")
        and "," in value
        and value[0] not in "[\"'"
    )
    return f"{name}=[{value}]" if is_list and not is_sweep else argument


def for_hydra(arguments: list[str]) -> list[str]:
    """Return the arguments as Hydra's own parser takes them: flags first, and no null for a group."""
    flags, settings = split_flags(arguments)
    return [*flags, *(setting for setting in settings if setting != "experiment=null")]


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
