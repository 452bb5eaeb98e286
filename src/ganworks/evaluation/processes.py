"""One command in several processes, one a device: the first starts the others, which repeat its arguments."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments import LightningEnvironment

from ganworks.errors import SettingError, check_count
from ganworks.started import one_of_several
from ganworks.strategy.ranks import OtherRanks, share_cores

PATIENCE = timedelta(
    days=7
)  # of a rank that waits for the others: whether they are alive is watched otherwise


def take_device(num: int, device: str) -> None:
    """Take this process's GPU, where there are GPUs, for what asks for one without a number.

    Raises:
        SettingError: the machine has not so many, other processes were started, or ``device`` is a single one.
    """
    check_count("devices", num)
    started = int(os.environ.get("WORLD_SIZE", 1)) if "LOCAL_RANK" in os.environ else num
    if started != num:
        raise SettingError("devices", num, f"{started}: so many processes were started")
    if num > 1 and device not in ("cpu", "cuda"):
        raise SettingError("devices", num, f"1 with device={device}, or with device=cpu or cuda")
    if num > 1 and torch.cuda.is_available():
        if num > torch.cuda.device_count():
            raise SettingError("devices", num, f"at most {torch.cuda.device_count()}, the GPUs here")
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))


@contextmanager
def processes(num: int, module: str) -> Iterator[None]:
    """Be one of ``num`` processes that have met; those that torchrun has started, or the others are started here.

    When one of them fails, all end.

    Args:
        module: what the others run, with the arguments of this process.
    """
    if num == 1:
        yield
        return
    environment = LightningEnvironment()
    share_cores(num)
    if environment.creates_processes_externally:
        with one_of_several(), group(environment, int(os.environ.get("RANK", os.environ["LOCAL_RANK"])), num):
            yield
        return
    ranks = OtherRanks([sys.executable, "-m", module, *sys.argv[1:]], environment, num, ends="command")
    with ranks.watched(), group(environment, 0, num):
        yield


@contextmanager
def group(environment: LightningEnvironment, rank: int, num: int) -> Iterator[None]:
    """Meet the other ranks; what they exchange lies in main memory, so on GPUs too it goes by gloo."""
    place = f"tcp://{environment.main_address}:{environment.main_port}"
    dist.init_process_group("gloo", place, rank=rank, world_size=num, timeout=PATIENCE)
    try:
        yield
    finally:
        dist.destroy_process_group()
