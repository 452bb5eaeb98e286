"""Nothing in the sources works on one system alone, unless the line asks first which system it is on."""

from __future__ import annotations

import ast
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from digit_files import write_images
from ganworks import system
from ganworks.data.folder import Folder
from ganworks.errors import GanworksError
from ganworks.metric import digits_images
from ganworks.run import directory
from ganworks.run.compose import compose, quoted, with_folders

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "src").rglob("*.py"), *ROOT.glob("*.py"), *(ROOT / "notebooks").glob("*.py")])
# What Windows has not, by module.
ABSENT = {
    "os": {
        *("fork", "forkpty", "setsid", "setpgid", "setpgrp", "killpg", "getpgid", "getsid", "getuid", "geteuid"),
        *("getgid", "getgroups", "chown", "lchown", "mkfifo", "mknod", "nice", "sysconf", "getloadavg", "uname"),
        *("sched_getaffinity", "sched_setaffinity", "register_at_fork", "wait", "waitid", "WNOHANG", "statvfs"),
        *("O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_SYNC", "posix_fadvise", "sendfile"),
    },
    "signal": {
        *("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGQUIT", "SIGSTOP"),
        *("SIGCONT", "alarm", "setitimer", "pause", "pthread_kill", "pthread_sigmask", "sigwait", "siginterrupt"),
    },
    "time": {"tzset", "pthread_getcpuclockid"},
}  # fmt: skip
MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "readline"}
ASKS = ("hasattr(", "os.name", "sys.platform", "platform.system")
FORKS = {"fork", "forkserver"}


def unportable(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for what stands in a source and does not work on Windows, or works otherwise."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if (found := fault(node)) and not is_guarded(node, parents, source):
            yield node.lineno, found  # type: ignore[attr-defined]


def fault(node: ast.AST) -> str:
    """Return what a node uses that one system has and another has not; "" where it is sound."""
    if isinstance(node, ast.Import):
        return next((alias.name for alias in node.names if alias.name in MODULES), "")
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}" if node.attr in ABSENT.get(node.value.id, ()) else ""
    if not isinstance(node, ast.Call):
        return ""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    constants = [each.value for each in node.args if isinstance(each, ast.Constant)]
    if name in ("symlink_to", "hardlink_to", "symlink", "link") and isinstance(node.func, ast.Attribute):
        return f"{name}: links need a right that users of Windows have not"
    if name == "get_context" and FORKS & {str(value) for value in constants}:
        return "a start method that Windows has not: ganworks.system.start_context"
    if name == "kill" and getattr(getattr(node.func, "value", None), "id", "") == "os" and 0 in constants:
        return "os.kill(..., 0), which is Ctrl-C on Windows"
    if name == "open" and isinstance(node.func, ast.Name):
        return "" if has_encoding(node) else "open without an encoding"
    if name in ("NamedTemporaryFile", "TemporaryFile") and constants and not has_encoding(node):
        return f"{name} without an encoding"  # without a mode they are of bytes
    return ""


def has_encoding(node: ast.Call) -> bool:
    """Say whether a call that opens a file says in which encoding, or reads and writes bytes."""
    words = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
    modes = [each.value for each in words if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return any("b" in mode for mode in modes) or any(keyword.arg == "encoding" for keyword in node.keywords)


def is_guarded(node: ast.AST, parents: dict[ast.AST, ast.AST], source: str) -> bool:
    """Say whether the lines around a node ask first whether the system has what it uses.

    An `if` that asks, around it or with a `return` before it in its function; a `try` for an ImportError, or for an
    OSError around a link; or a function that is called behind such a question alone.
    """
    child, parent = node, parents.get(node)
    while parent is not None:
        if isinstance(parent, ast.If | ast.IfExp | ast.BoolOp | ast.With) and asks(parent, source):
            return True
        wanted = "OSError" if isinstance(node, ast.Call) else "ImportError"
        if isinstance(parent, ast.Try) and any(wanted in ast.unparse(each) for each in parent.handlers):
            return True
        if isinstance(parent, ast.FunctionDef):
            before = parent.body[: parent.body.index(child)] if child in parent.body else []  # type: ignore[arg-type]
            if any(isinstance(each, ast.If) and asks(each, source) for each in before):
                return True
            if is_called_behind_a_question(parent.name, parents, source):
                return True
        child, parent = parent, parents.get(parent)
    return False


def asks(node: ast.AST, source: str) -> bool:
    """Say whether the head of an `if` or of a `with`, or the whole of an expression, asks for the system."""
    heads = [node.test] if isinstance(node, ast.If | ast.IfExp) else [node]
    heads = [item.context_expr for item in node.items] if isinstance(node, ast.With) else heads
    return any(word in (ast.get_source_segment(source, head) or "") for head in heads for word in ASKS)


def is_called_behind_a_question(name: str, parents: dict[ast.AST, ast.AST], source: str) -> bool:
    """Say whether all calls of a function in its file stand behind a question for the system."""
    calls = [node for node in parents if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name]

    def behind(node: ast.AST) -> bool:
        while (node := parents.get(node)) is not None:  # type: ignore[assignment]
            if isinstance(node, ast.If | ast.IfExp | ast.With) and asks(node, source):
                return True
        return False

    return bool(calls) and all(behind(call) for call in calls)


def test_sources_use_nothing_that_one_system_has_alone() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in FILES
        for line, what in unportable(path.read_text(encoding="utf-8"))
    ]
    assert found == []


FAULTS = {
    "import fcntl": "fcntl",
    "import os\nos.setsid()": "os.setsid",
    "import signal\nx = signal.SIGKILL": "signal.SIGKILL",
    "import os\nos.kill(7, 0)": "Ctrl-C",
    "path.symlink_to(other)": "links",
    "multiprocessing.get_context('fork')": "start method",
    "open('x')": "encoding",
    "open('x', mode='w')": "encoding",
    "tempfile.NamedTemporaryFile('w')": "encoding",
    "def f():\n    return os.fork()\nf()": "os.fork",
}


@pytest.mark.parametrize("source", FAULTS)
def test_call_of_one_system_is_found(source: str) -> None:
    ((_, what),) = unportable(source)
    assert FAULTS[source] in what


@pytest.mark.parametrize(
    "source",
    [
        "if hasattr(os, 'setsid'):\n    os.setsid()",
        "x = os.getuid() if os.name == 'posix' else 0",
        "y = hasattr(signal, 'SIGKILL') and code == -signal.SIGKILL",
        "try:\n    import resource\nexcept ImportError:\n    resource = None",
        "def f():\n    if sys.platform == 'win32':\n        return\n    os.kill(7, 0)",
        "def f():\n    import fcntl\nwith f() if os.name == 'posix' else g():\n    pass",
        "open('x', 'rb')\nopen('x', encoding='utf-8')\npath.open('rb')",
        "os.kill(7, 15)\ntempfile.TemporaryFile(dir=folder)",
        "try:\n    other.hardlink_to(path)\nexcept OSError:\n    path.replace(other)",
    ],
)
def test_call_behind_a_question_for_the_system_is_sound(source: str) -> None:
    assert list(unportable(source)) == []


def test_names_of_files_that_are_kept_have_no_letter_that_windows_refuses() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("no repository here")
    names = tracked.stdout.splitlines()
    assert [name for name in names if set(name) & set('<>:"|?*\\')] == []
    lower = [name.lower() for name in names]
    assert len(set(lower)) == len(lower)  # its file systems take a and A for one


def test_processes_fork_on_linux_and_are_spawned_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for platform, method in (("linux", "forkserver"), ("darwin", "spawn"), ("win32", "spawn")):
        monkeypatch.setattr(sys, "platform", platform)
        assert system.start_context("forkserver").get_start_method() == method


def test_process_is_alive_until_it_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert system.is_alive(process.pid)
    process.communicate(b"\n")
    assert not system.is_alive(process.pid)
    assert not system.is_alive(0)
    assert system.is_parent(os.getppid())
    assert not system.is_parent(process.pid)


def test_run_directory_is_held_by_one_where_folders_cannot_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory.os, "name", "other")
    with directory.held(tmp_path):
        assert (tmp_path / directory.LOCK).exists()
        with pytest.raises(GanworksError, match="another process is training"), directory.held(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []
    with directory.held(tmp_path):  # free again
        pass


@pytest.mark.parametrize("name", ["plain", "with space", "it's, [odd]"])
def test_folder_of_own_options_may_have_any_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name / "loss").mkdir(parents=True)
    content = "_target_: ganworks.loss.Hinge\nmargin: 3\n"
    (tmp_path / name / "loss" / "mine.yaml").write_text(content, encoding="utf-8")
    assert compose(["loss=mine"], folders=[str(tmp_path / name)]).loss.margin == 3


def test_path_of_windows_is_a_value_of_an_override(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_folders([], [r"/a/b"]) == ["hydra.searchpath=['file:///a/b']"]
    assert compose([f"data.root={quoted('C:/data/faces')}", "data=folder"]).data.root == "C:/data/faces"


def test_samples_of_files_go_to_a_spawned_process(tmp_path: Path) -> None:
    root = write_images(tmp_path / "images", digits_images()[0][:8])
    data = Folder(root=root, resolution=8, channels=1, batch_size=4, cache=tmp_path, cache_limit_gb=0)
    data.setup("fit")
    samples = data.train_dataloader().samples
    again = pickle.loads(pickle.dumps(samples))
    first, second = (each.read(torch.arange(4)) for each in (samples, again))
    assert torch.equal(first, second)
    assert multiprocessing.get_context("spawn")  # Linux has it too
