"""What `benchmarks/faults.py` does to runs: kills, signals, disks that fail, a W&B that fails."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_runs import COMMON, KINDS, Run, left_behind, lost

Row = tuple[str, str]  # what was tried, and what was lost: "" for nothing
TWO = ("loss=bce", "metric=none", "trainer.devices=2", "data.batch_size=32")
ENDLESS = ("loss=bce", "num_images=10_000_000")
_whole: dict[tuple[str, ...], tuple[Run, float]] = {}


def whole_of(settings: tuple[str, ...], folder: Path) -> tuple[Run, float]:
    """Return a run of ``settings`` that nothing happens to, made once, and the seconds that it took."""
    if settings not in _whole:
        run, start = Run(folder / f"whole{len(_whole)}", settings), time.monotonic()
        if run.begin().ended() != 0:
            raise SystemExit(f"a run that nothing happens to failed:\n{run.text()}")
        _whole[settings] = run, time.monotonic() - start
    return _whole[settings]


def judged(run: Run, settings: tuple[str, ...], folder: Path) -> str:
    """Resume ``run`` to its end and return what was lost."""
    if run.summary().get("status") == "finished":
        return ", ".join(lost(whole_of(settings, folder)[0], run))
    code = run.begin().ended()
    if code != 0:
        return "hangs" if code is None else f"resume ended with {code}: {run.text().strip().splitlines()[-1]}"
    return ", ".join(lost(whole_of(settings, folder)[0], run))


def killed(
    folder: Path, name: str, settings: tuple[str, ...], kill: Callable[[Run], bool], times: int = 1
) -> Row:
    """Kill a run so many times, each time where ``kill`` says, resume it, and compare."""
    whole_of(settings, folder)
    run = Run(folder / in_letters(name), settings)
    hits = sum(kill(run.begin()) for _ in range(times))
    if run.ended() is None:
        return name, "hangs after the kill"
    return f"{name} ({hits} of {times} before the end)", judged(run, settings, folder)


def in_letters(name: str) -> str:
    """Return the name of a folder that needs no quotes."""
    return re.sub(r"\W+", "_", name)


def at_random(rng: random.Random, seconds: float) -> Callable[[Run], bool]:
    """Return what kills a run at a random moment of its life."""

    def kill(run: Run) -> bool:
        run.when(lambda: False, rng.uniform(0.2, 1.0) * seconds)
        return stopped(run, signal.SIGKILL)

    return kill


def stopped(run: Run, number: int) -> bool:
    """Send a signal to the run's process; say whether it was still there."""
    assert run.process is not None
    was_alive = run.alive
    run.process.send_signal(number)
    if number == signal.SIGKILL:
        run.process.wait()
    return was_alive


def while_saving(run: Run) -> bool:
    """Kill a run while something in its run directory is half written."""
    half = lambda: any(run.path.glob("**/.*.staged*"))  # noqa: E731
    return run.when(run.trains) and run.when(half) and stopped(run, signal.SIGKILL)


def child(word: str) -> Callable[[Run], bool]:
    """Return what kills a process that the run has started, by a word of its command line."""

    def kill(run: Run) -> bool:
        if not run.when(run.trains) or not (pids := run.children(word)):
            return False
        os.kill(pids[0], signal.SIGKILL)
        return run.ended(60) not in (None, 0)

    return kill


def kills(folder: Path, num: int) -> Iterator[Row]:
    """SIGKILL at random moments over all kinds of runs, twice in a row, and while a checkpoint is written."""
    rng, kinds = random.Random(0), list(KINDS.items())
    for index in range(num):
        name, settings = kinds[index % len(kinds)]
        seconds = whole_of(settings, folder)[1]
        yield killed(folder, f"SIGKILL {index}, {name}", settings, at_random(rng, seconds))
    for index in range(max(1, num // 10)):
        name, settings = kinds[(3 * index) % len(kinds)]
        seconds = whole_of(settings, folder)[1]
        yield killed(folder, f"SIGKILL twice {index}, {name}", settings, at_random(rng, seconds), times=2)
        yield killed(folder, f"SIGKILL while saving {index}, {name}", settings, while_saving)


def ranks(folder: Path, num: int) -> Iterator[Row]:
    """SIGKILL of the first and of the second process of a run on two devices, and of a process of the loader."""
    yield killed(
        folder, "SIGKILL of rank 0", TWO, lambda run: run.when(run.trains) and stopped(run, signal.SIGKILL)
    )
    yield killed(folder, "SIGKILL of rank 1", TWO, child("ganworks.cli.worker"))
    images(folder / "images")
    loader = (
        "data=folder", f"data.root={folder / 'images'}", "data.resolution=8", "data.channels=1", "metric=none",
        "data.cache_limit_gb=0", "data.num_workers=2", f"data.cache={folder / 'cache'}", "num_images=6400",
    )  # fmt: skip
    yield killed(folder, "SIGKILL of a loader's process", loader, child(""))


def images(folder: Path) -> None:
    """Write the digits to ``folder``."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True, exist_ok=True)
    for index, digit in enumerate(load_digits().images[:512]):
        Image.fromarray((digit * 15).astype("uint8")).save(folder / f"{index}.png")


def signals(folder: Path, num: int) -> Iterator[Row]:
    """Each signal once and twice, at the start, in training and in an evaluation: code, status, checkpoint."""
    evaluated = (*ENDLESS, "metric.num_samples=2000", "metric.every_images=64")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for times in (1, 2):
            for place, settings in {
                "start": ENDLESS,
                "training": (*ENDLESS, "metric=none"),
                "evaluation": evaluated,
            }.items():
                run = Run(folder / f"{number.name}{times}{place}", settings).begin()
                run.when(lambda: False, 2.0) if place == "start" else run.when(run.trains)
                for _ in range(times):
                    stopped(run, number)
                    time.sleep(0.2)
                yield f"{number.name} x{times}, {place}", ", ".join(wrong_end(run, number, place))


def wrong_end(run: Run, number: int, place: str) -> list[str]:
    """Return what is wrong with how a run ended that was sent a signal."""
    code, status = run.ended(120), run.summary().get("status")
    found = ["hangs"] if code is None else []
    if code not in (None, 128 + number, -number):
        found.append(f"code {code}")
    if status not in (("interrupted", None) if place == "start" else ("interrupted",)):
        found.append(f"status {status}")
    if "Traceback" in run.text():
        found.append("a traceback")
    return found + (left_behind(run) if run.path.exists() else [])


def disks(folder: Path, num: int) -> Iterator[Row]:
    """A full disk, one that becomes read-only, a run directory that is removed."""
    for name, size, then in (
        ("full disk", "3000k", ":"),
        ("read-only disk", "64m", "mount --bind {0}/run {0}/run; mount -o remount,ro,bind {0}/run"),
    ):
        place = folder / in_letters(name)
        place.mkdir()
        script = (
            f"mount -t tmpfs -o size={size} tmpfs {place} || exit 99\n"
            f"{sys.executable} -m ganworks.cli.train {' '.join(COMMON)} loss=bce metric=none num_images=64000"
            f" callback.sample_grid.every_images=320 hydra.run.dir={place}/run > {place}.log 2>&1 & pid=$!\n"
            f"until [ -s {place}/run/metrics.csv ] || ! kill -0 $pid; do sleep .2; done; sleep 2\n"
            f"{then.format(place)}\n"
            f"wait $pid; echo code $?; grep -h '\"status\"' {place}/run/summary.json; find {place} -name '*.tmp*'"
        )
        done = subprocess.run(["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True)
        if done.returncode == 99 or "unshare" in done.stderr:
            yield name, "not tried: no file system can be mounted here"
            continue
        log = Path(f"{place}.log").read_text(encoding="utf-8")
        found = ["a traceback"] if "Traceback" in log else []
        found += [
            f"{line.strip()}" for line in done.stdout.splitlines() if ".tmp" in line or "code 0" in line
        ]
        if "running" in done.stdout and "summary.json was not written" not in log:
            found.append("status running, and not said")
        if str(place) not in log.strip().splitlines()[-1]:
            found.append(f"last line names no path: {log.strip().splitlines()[-1][:80]}")
        yield name, ", ".join(found)
    run = Run(folder / "removed", (*ENDLESS, "metric=none")).begin()
    run.when(run.trains)
    shutil.rmtree(run.path, ignore_errors=True)
    code = run.ended(120)
    found = [] if code == 1 else [f"code {code}"]
    yield "run directory removed", ", ".join(found + ["a traceback"] * ("Traceback" in run.text()))


def wandb(folder: Path, num: int) -> Iterator[Row]:
    """A W&B server that refuses, one that is silent, and a service that is killed: the run is the same."""
    listener = socket.create_server(("127.0.0.1", 0))
    calls: list[socket.socket] = []
    threading.Thread(
        target=lambda: [calls.append(listener.accept()[0]) for _ in range(1000)], daemon=True
    ).start()
    plain = KINDS["bce"]
    seconds = whole_of(plain, folder)[1]
    for name, port in (("W&B server refuses", 1), ("W&B server is silent", listener.getsockname()[1])):
        server = {
            "WANDB_BASE_URL": f"http://127.0.0.1:{port}",
            "WANDB_API_KEY": "0" * 40,
            "WANDB_MODE": "online",
        }
        run, start = Run(folder / in_letters(name), (*plain, "logger=wandb"), server), time.monotonic()
        code = run.begin().ended()
        more = time.monotonic() - start - seconds
        found = lost(whole_of(plain, folder)[0], run) if code == 0 else [f"code {code}"]
        yield f"{name} ({more:+.1f} s)", ", ".join(found)
    run = Run(folder / "service", (*plain, "logger=wandb")).begin()
    run.when(run.trains)
    for pid in run.children("wandb-core"):
        os.kill(pid, signal.SIGKILL)
    code = run.ended()
    found = lost(whole_of(plain, folder)[0], run) if code == 0 else [f"code {code}"]
    yield "W&B's process is killed", ", ".join(found)


CASES: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    "kills": kills,
    "ranks": ranks,
    "signals": signals,
    "disks": disks,
    "wandb": wandb,
}
