"""summary.json and the table at the end."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ganworks.callback import Evaluation, GracefulStop, RunSummary, SampleGrid
from ganworks.interrupt import Interrupted
from ganworks.metric import Result
from ganworks.task import NonFiniteLossError


def evaluation(**values: float) -> Evaluation:
    callback = Evaluation.__new__(Evaluation)
    callback.suite = SimpleNamespace(best=next(iter(values)), mode="min")  # type: ignore[assignment]
    callback.figures = Result(values, {"num_fake": 64}, {"distance": 0.5}, {"histogram": {"0": 1.0}})
    callback.best = {"metric": "distance", "value": 1.0}
    callback.seconds = callback.seconds_here = callback.cpu_seconds_here = 0.0
    return callback


def finished(
    make_task: Callable, make_trainer: Callable, summary: RunSummary | None = None, images_seen: int = 1000
) -> tuple[RunSummary, Any, Any]:
    summary = summary or RunSummary()
    task, trainer = make_task(num_images=1000), make_trainer()
    summary.setup(trainer, task, "fit")
    summary.on_train_start(trainer, task)
    summary.on_train_batch_start()
    task.see(images_seen)
    return summary, trainer, task


def read(folder: Path) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads((folder / "summary.json").read_text(), parse_constant=refuse)


@pytest.mark.parametrize(
    ("images_seen", "is_interrupted", "status"),
    [
        (1000, False, "finished"),
        (500, False, "stopped"),
        (500, True, "interrupted"),
        (1000, True, "finished"),
    ],
)
def test_status_says_how_the_run_ended(
    make_task: Callable,
    make_trainer: Callable,
    tmp_path: Path,
    images_seen: int,
    is_interrupted: bool,
    status: str,
) -> None:
    stop = GracefulStop()
    stop.received = 15 if is_interrupted else None  # type: ignore[assignment]
    summary, trainer, task = finished(make_task, make_trainer, RunSummary(stop=stop), images_seen)
    assert read(tmp_path)["status"] == "running"
    summary.on_train_end(trainer, task)
    assert read(tmp_path)["status"] == status
    assert read(tmp_path)["images_seen"] == images_seen


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NonFiniteLossError("nan"), "diverged"),
        (KeyboardInterrupt(), "interrupted"),
        (Interrupted(15), "interrupted"),
        (ValueError("x"), "failed"),
    ],
)
def test_failure_is_written_with_its_cause(
    make_task: Callable, make_trainer: Callable, tmp_path: Path, error: BaseException, status: str
) -> None:
    summary, trainer, task = finished(make_task, make_trainer)
    summary.on_exception(trainer, task, error)
    assert read(tmp_path)["status"] == status
    assert type(error).__name__ in read(tmp_path)["error"]


def test_figures_come_with_floor_contract_and_best(
    make_task: Callable, make_trainer: Callable, tmp_path: Path
) -> None:
    summary, trainer, task = finished(
        make_task, make_trainer, RunSummary(evaluation=evaluation(distance=1.5, coverage=0.9))
    )
    summary.on_train_end(trainer, task)
    content = read(tmp_path)
    assert content["metrics"] == {"distance": 1.5, "coverage": 0.9}
    assert content["floor"] == {"distance": 0.5}
    assert content["contract"] == {"num_fake": 64}
    assert content["best"]["value"] == 1.0
    assert content["monitor"] == {"metric": "distance", "mode": "min"}
    assert content["parameters"]["discriminator"] == 3


def test_figures_that_are_no_numbers_are_null_in_the_file(
    make_task: Callable, make_trainer: Callable, tmp_path: Path
) -> None:
    summary, trainer, task = finished(
        make_task,
        make_trainer,
        RunSummary(evaluation=evaluation(distance=float("nan"), kid=float("inf"))),
    )
    task.scalars = {"train/generator/adversarial": float("nan")}
    summary.on_train_end(trainer, task)
    assert read(tmp_path)["metrics"] == {"distance": None, "kid": None}
    assert read(tmp_path)["scalars"] == {"train/generator/adversarial": None}


def shown(summary: RunSummary, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    summary.show(console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_table_shows_the_figures_beside_those_of_real_data(
    make_task: Callable, make_trainer: Callable
) -> None:
    grid = SampleGrid(every_images=None)
    grid.latest = Path("samples/000000001000.png")
    of_run = RunSummary(evaluation=evaluation(distance=1.5, coverage=0.9), callbacks=[grid])
    summary, trainer, task = finished(make_task, make_trainer, of_run)
    summary.write(trainer, task, "finished")
    lines = shown(summary).splitlines()
    assert lines[0].endswith(": finished")
    row = next(line for line in lines if "distance" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["distance", "1.5", "0.5"]
    row = next(line for line in lines if "coverage" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["coverage", "0.9", "·"]
    assert any("1,000 of 1,000" in line for line in lines)
    assert any(line.endswith("samples/000000001000.png") for line in lines)
    assert len([line for line in lines if line.endswith("│") and len(line) > 80]) == 0


def test_next_commands_are_whole_lines_for_the_shell(
    make_task: Callable, make_trainer: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, _, _ = finished(make_task, make_trainer)
    summary.run_dir = tmp_path / "my runs"
    summary.content = {"num_images": 1000, "metrics": {}, "status": "finished"}
    monkeypatch.chdir(tmp_path)
    commands = [command for _, command in summary.next_commands("finished")]
    assert commands[0] == "ganworks-train resume='my runs' num_images=2000"
    assert commands[1].startswith("ganworks-sample run='my runs' ")
    assert len(commands) == 3
    assert summary.next_commands("interrupted")[0][1] == "ganworks-train resume='my runs'"
    (tmp_path / "train.py").touch()
    assert summary.next_commands("finished")[0][1].startswith("python train.py ")


def test_time_before_a_resume_counts(make_task: Callable, make_trainer: Callable) -> None:
    summary, _, _ = finished(make_task, make_trainer)
    summary.load_state_dict({"seconds": 100.0})
    assert 100 < summary.seconds < 200
    assert summary.state_dict()["seconds"] >= 100


def test_other_ranks_write_nothing(make_task: Callable, make_trainer: Callable, tmp_path: Path) -> None:
    summary = RunSummary()
    task, trainer = make_task(), make_trainer()
    trainer.is_global_zero = False
    summary.setup(trainer, task, "fit")
    summary.on_train_start(trainer, task)
    summary.on_train_end(trainer, task)
    assert not (tmp_path / "summary.json").exists()


def test_an_error_before_the_setup_is_written_and_hides_nothing(
    make_task: Callable, make_trainer: Callable, tmp_path: Path
) -> None:
    RunSummary().on_exception(make_trainer(), make_task(), ValueError("the cause"))
    assert read(tmp_path) == {"status": "failed", "error": "ValueError: the cause"}


def test_a_resumed_run_that_fails_to_start_keeps_what_its_summary_said(
    make_task: Callable, make_trainer: Callable, tmp_path: Path
) -> None:
    (tmp_path / "summary.json").write_text('{"status": "interrupted", "images_seen": 640}')
    RunSummary().on_exception(make_trainer(), make_task(), ValueError("x"))
    assert read(tmp_path) == {"status": "failed", "error": "ValueError: x", "images_seen": 640}


def test_a_disk_that_takes_no_second_file_still_gets_the_status(
    make_task: Callable, make_trainer: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, trainer, task = finished(make_task, make_trainer)

    def full(self: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    summary.on_exception(trainer, task, OSError(28, "No space left on device"))
    assert read(tmp_path)["status"] == "failed"
    assert not list(tmp_path.glob("*.tmp"))


def test_a_logger_whose_record_lacks_something_is_named(
    make_task: Callable, make_trainer: Callable, tmp_path: Path
) -> None:
    summary, trainer, task = finished(make_task, make_trainer)
    trainer.loggers = [SimpleNamespace(incomplete="the service was killed"), SimpleNamespace()]
    summary.on_train_end(trainer, task)
    summary.note_records(trainer)
    assert read(tmp_path)["incomplete_records"] == {"SimpleNamespace": "the service was killed"}
    assert read(tmp_path)["status"] == "finished"


@pytest.mark.parametrize("keeps_code", [False, True])
def test_git_is_asked_for_the_changes_only_where_a_logger_keeps_them(
    make_task: Callable, make_trainer: Callable, monkeypatch: pytest.MonkeyPatch, keeps_code: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("ganworks.callback.summary.git_diff", lambda: asked.append("diff") or "a diff")
    told: list[tuple[str | None, str]] = []
    keeper = SimpleNamespace(log_code=lambda *code: told.append(code))
    summary, trainer = RunSummary(), make_trainer()
    trainer.loggers = [keeper] if keeps_code else [SimpleNamespace()]
    summary.setup(trainer, make_task(), "fit")
    summary.on_train_start(trainer, make_task())
    assert asked == ["diff"] * keeps_code
    assert [diff for _, diff in told] == ["a diff"] * keeps_code
