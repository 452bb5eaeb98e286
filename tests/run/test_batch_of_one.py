"""A batch of one sample: refused in one line where a batch norm cannot do it, trained where it can."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganworks.errors import SettingError
from ganworks.run.build import build_run
from running import compose, train

ONE = (
    "metric=none",
    "trainer=cpu",
    "callback.sample_grid.every_images=null",
    "num_images=4",
    "model.width=8",
)
REFUSED = {
    "default recipe": ("data.batch_size=1",),
    "conditional": ("data.batch_size=1", "model.conditional=true"),
    "critic with none": ("data.batch_size=1", "model.discriminator.norm=none"),
    "penalty": ("data.batch_size=1", "loss=wgan_gp"),
}
TRAINED = {
    "no batch norm": ("data.batch_size=1", "model=mlp"),
    "batch norm over pixels": ("data.batch_size=1", "model=resnet", "data.resolution=16"),
    "deep network": ("data.batch_size=1", "data.resolution=16"),
    "two samples": ("data.batch_size=2",),
    "two of four": ("data.batch_size=4", "task.accumulate=2"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_one_sample_at_a_batch_norm_of_one_pixel_is_refused_before_training(
    kind: str, tmp_path: Path
) -> None:
    with pytest.raises(
        SettingError, match=r"data.batch_size=1: must be 2 or more .* is a batch norm"
    ) as error:
        train(tmp_path / "run", *ONE[2:], *REFUSED[kind])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_parts_of_one_sample_are_refused_by_the_setting_that_makes_them() -> None:
    with pytest.raises(SettingError, match=r"task.accumulate=4: must be at most 2 for data.batch_size=4"):
        build_run(compose(*ONE, "data.batch_size=4", "task.accumulate=4"))


@pytest.mark.parametrize("kind", TRAINED)
def test_where_it_can_work_it_trains(kind: str, tmp_path: Path) -> None:
    assert train(tmp_path / "run", *ONE[2:], *TRAINED[kind]).status == "finished"
