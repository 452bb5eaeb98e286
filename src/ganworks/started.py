"""A process that is one of several, and one that only looks so: light to import, for the first lines."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ganworks.interrupt import Interrupted
from ganworks.system import is_parent

log = logging.getLogger(__name__)
RANK = ("RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
MEETING = ("MASTER_ADDR", "MASTER_PORT")
BY_HAND = ("LOCAL_RANK", "WORLD_SIZE", *MEETING)  # what Lightning asks of whoever starts all processes
TORCHRUN = (*BY_HAND, "RANK", "TORCHELASTIC_RUN_ID")
TASK = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_NTASKS")
STARTED_BY = "GANWORKS_STARTED_BY"  # the environment variable with the process that started this one
LOST_PEER = 3  # exit code of a rank that ends because another one did


@contextmanager
def one_of_several() -> Iterator[None]:
    """Be a rank that another process started: end with that one, and quietly where another rank has failed."""
    starter = int(os.environ.get(STARTED_BY, os.getppid()))  # whoever that was may be gone by now
    threading.Thread(target=end_with, args=(starter,), daemon=True).start()
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as error:  # the first rank says so
        os._exit(128 + getattr(error, "signal", signal.SIGINT))
    except RuntimeError as error:
        if is_about_another_rank(error):  # that rank prints its own error
            os._exit(LOST_PEER)
        raise


def is_about_another_rank(error: RuntimeError) -> bool:
    """Say whether ``error`` tells no more than that the connection to another rank is cut."""
    import torch.distributed as dist  # by now it is loaded; when this module is imported it is not

    return isinstance(error, dist.DistError) or any(
        words in str(error) for words in ("closed by peer", "reset by peer")
    )


def end_with(starter: int) -> None:
    """End this process when the one that started it is gone, however that ended."""
    while is_parent(starter):
        time.sleep(1)
    os._exit(1)


def leave_no_rank_by_chance() -> None:
    """Remove the variables of a rank from the environment where no group of processes is behind them, and say so.

    A process that takes itself for the second of a run writes nothing and ends well: a `RANK` left behind in a shell
    must not do that. A group are the processes that torchrun, srun, or someone who names the place to meet has
    started.

    Raises:
        GanworksError: the variables are those of a torchrun that does not answer.
    """
    if is_set("TORCHELASTIC_RUN_ID") and is_set(*TORCHRUN):
        return check_agent()
    stray = [] if is_set(*BY_HAND) else [name for name in (*RANK, "TORCHELASTIC_RUN_ID") if is_set(name)]
    if not is_set("LSB_JOBID") and is_set("JSM_NAMESPACE_RANK"):
        stray.append("JSM_NAMESPACE_RANK")
    if is_alone_in_slurm():
        stray += [name for name in TASK if is_set(name)]
    ignore(stray)


def ignore(names: list[str]) -> None:
    """Remove the variables ``names`` from the environment, with a warning about those that make a rank of a process."""
    told = [f"{name}={os.environ[name]}" for name in names if name not in ("GROUP_RANK", "NODE_RANK")]
    for name in names:
        del os.environ[name]
    if (lightning := sys.modules.get("lightning_utilities.core.rank_zero")) and names:
        lightning.rank_zero_only.rank = 0  # it has read them
    if told:
        sys.stderr.write(
            f"warning: {' '.join(told)} in the environment: ignored, no torchrun or srun has started this process as"
            " one of several.\n"
        )


def is_set(*names: str) -> bool:
    """Say whether all of ``names`` are in the environment."""
    return all(os.environ.get(name) for name in names)


def is_alone_in_slurm() -> bool:
    """Say whether SLURM's variables are those of an allocation in which this process was started by hand."""
    by_hand = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")  # as Lightning has it
    step = os.environ.get("SLURM_STEP_NUM_TASKS", os.environ.get("SLURM_NTASKS"))
    return by_hand or not is_set("SLURM_PROCID") or (step == "1" != os.environ.get("SLURM_NTASKS"))


def check_agent() -> None:
    """Raise `GanworksError` where the torchrun whose variables these are does not answer."""
    from ganworks.errors import GanworksError

    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE", "").lower() != "true":
        return  # the first rank answers, once it has come so far
    host, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise GanworksError(
            f"TORCHELASTIC_RUN_ID={os.environ['TORCHELASTIC_RUN_ID']} RANK={os.environ['RANK']} in the environment are"
            f" of a torchrun that does not answer at {host}:{port} ({error}). To train without it: env"
            f" {' '.join(f'-u {name}' for name in TORCHRUN)} python train.py ..."
        ) from error
