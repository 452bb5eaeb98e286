"""A W&B run that is resumed: the same run, nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wandb

from ganworks.logger import CSVLogger
from ganworks.logger.wandb import WandbLogger
from ganworks.logger.wandb_record import history as read_history
from ganworks.logger.wandb_record import recorded
from ganworks.logger.wandb_start import run_id
from offline_runs import history, of_kind, run


@pytest.fixture(autouse=True, scope="module")
def _end_the_service() -> Iterator[None]:
    yield
    wandb.teardown()


def test_resumed_run_has_the_same_id_and_another_folder_another_one(
    tmp_path: Path, records: Callable
) -> None:
    run(tmp_path / "one", (64, {"a": 1.0}))
    run(tmp_path / "one", (128, {"a": 2.0}))
    before, after = (of_kind(part, "run")[0]["run_id"] for part in records(tmp_path / "one"))
    assert before == after == (tmp_path / "one" / "wandb_id").read_text()
    run(tmp_path / "two", (64, {"a": 1.0}))
    assert (tmp_path / "two" / "wandb_id").read_text() != before


def test_resumed_run_gets_what_its_record_lacks_and_nothing_twice(tmp_path: Path, records: Callable) -> None:
    points = [(64 * n, {"a": float(n), "b": n + 0.5}) for n in range(1, 6)]
    table = CSVLogger(str(tmp_path / "metrics.csv"))
    for step, metrics in points:
        table.log_metrics(metrics, step=step)
    run(tmp_path, *points[:1], *points[3:])  # 128 and 192 are lost; 320 is past the checkpoint
    wandb.teardown()  # its process has written all then
    logger = WandbLogger(save_dir=str(tmp_path), project="tests")
    logger.rewind(256)
    for step, metrics in [*points[4:], (384, {"a": 6.0})]:
        logger.log_metrics(metrics, step=step)
    logger.finalize("success")
    first, second = ([row for row in history(part) if "a" in row] for part in records(tmp_path))
    assert [row["images_seen"] for row in first] == [64, 256, 320]
    assert [row["images_seen"] for row in second] == [128, 192, 384]
    assert min(row["_step"] for row in second) > max(row["_step"] for row in first)
    points_of = recorded(tmp_path, logger._id).points
    assert {images: names & {"a", "b"} for images, names in points_of.items()} == {
        **{64 * n: {"a", "b"} for n in range(1, 6)},
        384: {"a"},
    }


class Online:
    """A W&B run of a server that has the points up to ``last``, as far as the logger uses one."""

    def __init__(self, last: int) -> None:
        self.starting_step, self.summary, self.offline, self.id = last + 1, {"images_seen": last}, False, "x"
        self.rows: list[dict] = []

    def log(self, row: dict, step: int) -> None:
        assert step >= max(
            [self.starting_step, *(each["_step"] for each in self.rows)]
        )  # W&B drops what is behind
        self.rows.append({**row, "_step": step})

    def define_metric(self, *args: object, **kwargs: object) -> None:
        """Take any."""


def test_what_the_server_has_is_not_sent_again_when_an_online_run_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CSVLogger(str(tmp_path / "metrics.csv"))
    for step in (64, 128, 192):
        table.log_metrics({"a": 1.0}, step=step)
    logger, server = WandbLogger(save_dir=str(tmp_path), project="tests", offline=True), Online(last=128)
    monkeypatch.setattr(logger, "_begin", lambda: server)
    logger.rewind(192)
    for step in (256, 320):
        logger.log_metrics({"a": 1.0}, step=step)
    assert [(row["images_seen"], row["_step"]) for row in server.rows] == [(n, n) for n in (192, 256, 320)]
    later, server = WandbLogger(save_dir=str(tmp_path), project="tests", offline=True), Online(last=320)
    monkeypatch.setattr(later, "_begin", lambda: server)
    later.log_metrics({"figures/b": 1.0}, step=320)  # of an evaluation after the end
    assert [(row["images_seen"], row["_step"]) for row in server.rows] == [(320, 321)]


def test_file_that_was_cut_off_anywhere_is_read_up_to_there(tmp_path: Path) -> None:
    run(tmp_path, *((64 * n, {f"name{k}": n + k / 7 for k in range(99)}) for n in range(1, 20)))
    wandb.teardown()  # its process has written all then
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    whole, data = list(read_history(path)), path.read_bytes()
    assert len(data) > 2 * 32 * 1024  # several blocks
    for length in (0, 3, 7, 8, 500, 32_768, 32_770, 40_000, len(data) - 1):
        path.write_bytes(data[:length])
        part = list(read_history(path))
        assert part == whole[: len(part)]
    assert 0 < len(part) <= len(whole) == 19


def test_a_run_that_an_agent_of_a_sweep_began_has_the_agents_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "agents")
    assert run_id(tmp_path / "alone") != "agents"
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep")
    assert run_id(tmp_path / "of_sweep") == "agents"
