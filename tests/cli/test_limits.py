"""Limits of the trainer: what a run says that has used them up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganworks.errors import GanworksError
from running import train, train_on


def test_a_resumed_run_whose_limit_is_used_up_says_which(tmp_path: Path) -> None:
    assert train(tmp_path / "run", "num_images=1280", "trainer.max_steps=5").status == "stopped"
    with pytest.raises(
        GanworksError, match=r"a limit of the trainer is used up already \(trainer.max_steps=5"
    ):
        train_on(tmp_path / "run")
    assert train_on(tmp_path / "run", "trainer.max_steps=-1").status == "finished"
