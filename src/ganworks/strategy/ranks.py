"""The other processes of a command on this machine: started by its first one, and all end together."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments import ClusterEnvironment

from ganworks.errors import GanworksError
from ganworks.interrupt import Interrupted, signal_of
from ganworks.started import LOST_PEER, STARTED_BY, is_about_another_rank
from ganworks.system import was_killed

GRACE = 20.0  # seconds that this rank has to notice that another one is gone, once they have met
GRACE_BEFORE = 1.0  # the same before they have: this rank waits for them where it notices nothing


class RankError(GanworksError):
    """Another rank ended; what it has to say was printed by itself."""


class OtherRanks:
    """The processes that this one, the first of the node, has started with ``command``.

    Args:
        command: what they run; how they meet stands in their environment, as torchrun would have it.
        environment: where they meet.
        num_processes: of this node, this one included.
        num_nodes: how many nodes there are.
        ends: what ends when one fails, in words.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: ClusterEnvironment,
        num_processes: int,
        num_nodes: int = 1,
        ends: str = "run",
    ) -> None:
        node, self.ends, self.have_met = environment.node_rank(), ends, False
        meeting = {
            "MASTER_ADDR": environment.main_address,
            "MASTER_PORT": str(environment.main_port),
            "NODE_RANK": str(node),
            "WORLD_SIZE": str(num_processes * num_nodes),
            STARTED_BY: str(os.getpid()),
        }
        self.processes = [
            subprocess.Popen(command, env={**os.environ, **meeting, "LOCAL_RANK": str(rank)})
            for rank in range(1, num_processes)
        ]

    @contextmanager
    def watched(self, on_loss: Callable[[BaseException], None] = lambda error: None) -> Iterator[None]:
        """Do something together with the others; when one of them fails, or this one, all end.

        Args:
            on_loss: called before the end where this process hangs in a collective, as on GPUs it does.
        """
        is_over = threading.Event()
        threading.Thread(target=self._watch, args=(on_loss, is_over), daemon=True).start()
        try:
            yield
            self.have_met = True
            self._join()
        except RuntimeError as error:
            raise self._cause(error) from error
        finally:
            is_over.set()
            for process in self.processes:  # they would wait for this rank in a collective
                process.kill()
                process.wait()

    def _join(self) -> None:
        """Wait until the other ranks have closed what they hold open."""
        for process in self.processes:
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                return

    def _watch(self, on_loss: Callable[[BaseException], None], is_over: threading.Event) -> None:
        while not is_over.wait(0.5):
            self.have_met = self.have_met or dist.is_initialized()
            if self._failed_rank() is None or is_over.wait(GRACE if self.have_met else GRACE_BEFORE):
                continue
            error = self._cause(RuntimeError())
            code = 128 + error.signal if isinstance(error, Interrupted) else 1
            try:
                on_loss(error)
                sys.stderr.write(f"error: {error}\n" if code == 1 else f"ended by {error}\n")
                sys.stderr.flush()
            finally:  # whatever fails on the way, the command ends
                for process in self.processes:
                    process.kill()
                os._exit(code)

    def _cause(self, error: RuntimeError) -> BaseException:
        """Return an error about the rank that failed, or ``error`` where it is this rank's own."""
        # The connection is cut before the process of the other rank has ended.
        deadline = time.monotonic() + (GRACE if is_about_another_rank(error) else 0)
        while (rank := self._failed_rank()) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if rank is None:
            return error
        code = self.processes[rank - 1].returncode
        if (received := signal_of(code)) is not None:
            return Interrupted(received)
        return RankError(f"rank {rank} {how_it_ended(code)}. The {self.ends} was ended.")

    def _failed_rank(self) -> int | None:
        """Return the rank that failed; where several did, one that did so by itself.

        One that ended well before the ranks have met failed too: this one would wait for it.
        """
        codes = {rank: process.poll() for rank, process in enumerate(self.processes, start=1)}
        well = (None, 0) if self.have_met else (None,)
        failed = [rank for rank, code in codes.items() if code not in well]
        return min(failed, key=lambda rank: codes[rank] == LOST_PEER, default=None)


def how_it_ended(code: int) -> str:
    """Return what an exit code says of a process, in words."""
    if was_killed(code):
        return "was killed (SIGKILL): where nobody did so, the machine ran out of memory"
    if code == 0:
        return "ended before the ranks had met"
    return f"ended with exit code {code}: its own error stands above"


def share_cores(num_processes: int) -> None:
    """Leave the other processes of this machine their part of its cores."""
    num_threads = max(1, (os.cpu_count() or 1) // max(1, num_processes))
    torch.set_num_threads(min(torch.get_num_threads(), num_threads))
