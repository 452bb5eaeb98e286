"""The directory of a run: whose it is, what it may be called, and what goes when nothing came of the run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from ganworks.errors import GanworksError, SettingError
from ganworks.run import directory
from running import QUICK

MOMENT = "2026-11-26_18-41-02"


def test_runs_of_one_second_have_directories_of_their_own_that_sort_in_their_order(tmp_path: Path) -> None:
    paths = [directory.claim(str(tmp_path), "digits", MOMENT) for _ in range(12)]
    assert len(set(paths)) == 12
    assert sorted([*paths, f"{tmp_path}/digits/2026-11-26_18-41-03"]) == [
        *paths,
        f"{tmp_path}/digits/2026-11-26_18-41-03",
    ]
    assert [Path(path).name for path in paths[:2]] == [MOMENT, f"{MOMENT}-01"]
    assert {str(path) for path in (tmp_path / "digits").glob("*")} == set(paths)  # the pattern of README


def test_processes_that_claim_at_once_never_share(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        paths = pool.starmap(directory.claim, [(str(tmp_path), "digits", MOMENT)] * 40)
    assert len(set(paths)) == 40


@pytest.mark.parametrize("name", ["../escape", "a/../..", "a/../b", "/etc/x", ".", "", " ", None])
def test_names_that_lead_elsewhere_are_refused(name: str | None, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="name="):
        directory.claim(str(tmp_path / "runs"), name, MOMENT)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_name_with_a_folder_in_it_is_one(tmp_path: Path) -> None:
    assert directory.claim(str(tmp_path), "a/b", MOMENT) == f"{tmp_path}/a/b/{MOMENT}"


@pytest.mark.parametrize("name", ["../escape", "n" * 300])
def test_a_name_that_cannot_be_ends_in_one_line_and_leaves_nothing(name: str, ganworks: Callable) -> None:
    result = ganworks("train", *QUICK, "num_images=64", f"name={name}")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith("error: ")
    assert not any(path.is_file() for path in Path.cwd().parent.rglob("*"))


def test_empty_directories_of_this_process_go_and_those_with_something_in_them_stay(tmp_path: Path) -> None:
    empty = Path(directory.claim(str(tmp_path / "runs"), "one", MOMENT))
    used = Path(directory.claim(str(tmp_path / "runs"), "two", MOMENT))
    (used / "config.yaml").touch()
    directory.release()
    assert not empty.parent.exists()
    assert used.exists()


def test_beginnings_go_and_anything_of_a_user_keeps_them(tmp_path: Path) -> None:
    for name, more in {"ours": [], "theirs": ["notes.txt"]}.items():
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        for file in ("config.yaml", "train.log", *more):
            (tmp_path / name / file).touch()
        directory.remove_beginnings(tmp_path / name, ())
    assert not list((tmp_path / "ours").iterdir())
    assert (tmp_path / "theirs" / "config.yaml").exists()


def test_a_run_that_has_begun_keeps_its_files(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text('{"status": "failed", "images_seen": 0}')
    directory.remove_beginnings(tmp_path, ())
    assert (tmp_path / "summary.json").exists()


def test_a_directory_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    with directory.held(tmp_path):
        second = directory.held(tmp_path)
        with pytest.raises(GanworksError, match="another process is training"):
            second.__enter__()
    with directory.held(tmp_path):
        pass  # control: it was let go


def test_what_is_half_written_goes_and_what_is_whole_stays(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    whole = [tmp_path / "checkpoints" / "last.ckpt", tmp_path / "summary.json"]
    half = [
        tmp_path / "checkpoints" / ".last.0123456789ab.staged.ckpt",
        tmp_path / ".summary.0123456789ab.staged.json",
    ]
    for path in [*whole, *half]:
        path.touch()
    with directory.held(tmp_path):
        assert not any(path.exists() for path in half)
        half[0].touch()
    assert not half[0].exists()
    assert all(path.exists() for path in whole)


def test_settings_that_the_trainer_refuses_are_told_in_its_words_and_leave_no_directory(
    ganworks: Callable,
) -> None:
    result = ganworks("train", *QUICK, "num_images=64", "name=mask", "+trainer.gradient_clip_val=1")
    assert result.code == 1
    assert result.err.startswith("error: the trainer refuses its settings: Automatic gradient clipping")
    assert not Path("runs").exists()
