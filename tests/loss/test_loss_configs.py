"""Every file of conf/loss composes, builds its loss and brings the penalty and schedule that belong to it."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

import ganworks.loss

CONF = Path(ganworks.loss.__file__).parents[3] / "conf"
PRIMARY = """
defaults:
  - _self_
  - regularizer: none
  - loss: bce
task:
  n_critic: 1
hydra:
  searchpath: ["file://{conf}"]
"""
BROUGHT = {
    "bce": ("BCE", [], 1),
    "minimax": ("Minimax", [], 1),
    "lsgan": ("LeastSquares", [], 1),
    "hinge": ("Hinge", [], 1),
    "multi_hinge": ("MultiHinge", ["class_head"], 1),
    "wgan": ("Wasserstein", ["weight_clip"], 5),
    "wgan_gp": ("Wasserstein", ["gradient_penalty"], 5),
    "relativistic": ("RelativisticPairing", [], 1),
    "wgan_lp": ("Wasserstein", ["lipschitz_penalty"], 5),
    "wgan_div": ("Wasserstein", ["wgan_div"], 1),
    "relativistic_average": ("RelativisticAverage", [], 1),
    "relativistic_average_hinge": ("RelativisticAverageHinge", [], 1),
    "relativistic_average_lsgan": ("RelativisticAverageLeastSquares", [], 1),
    "began": ("Began", [], 1),
    "r3gan": ("RelativisticPairing", ["r1", "r2"], 1),
}


@pytest.fixture
def compose_with(tmp_path):
    (tmp_path / "primary.yaml").write_text(PRIMARY.format(conf=CONF))

    def compose_overrides(*overrides):
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            return compose("primary", overrides=list(overrides))

    return compose_overrides


def test_every_file_is_in_the_table_of_this_test():
    assert {path.stem for path in (CONF / "loss").glob("*.yaml")} == set(BROUGHT)


@pytest.mark.parametrize("name", BROUGHT)
def test_loss_brings_its_penalty_and_critic_schedule(compose_with, name):
    config = compose_with(f"loss={name}")
    target, regularizers, n_critic = BROUGHT[name]
    assert type(instantiate(config.loss)).__name__ == target
    assert list(config.regularizer) == regularizers
    assert config.task.n_critic == n_critic


def test_head_that_a_loss_needs_stays_beside_other_regularizers(compose_with):
    config = compose_with("loss=multi_hinge", "regularizer=dragan")
    assert sorted(config.regularizer) == ["class_head", "dragan"]


@pytest.mark.parametrize("name", ["wgan", "wgan_gp", "wgan_lp", "wgan_div", "r3gan"])
def test_command_line_wins_over_what_a_loss_brings(compose_with, name):
    config = compose_with(f"loss={name}", "regularizer=dragan", "task.n_critic=3")
    assert list(config.regularizer) == ["dragan"]
    assert config.task.n_critic == 3


def test_value_of_a_brought_penalty_can_be_overridden(compose_with):
    config = compose_with("loss=wgan_gp", "regularizer.gradient_penalty.weight=5", "loss._target_=x.Y")
    assert config.regularizer.gradient_penalty.weight == 5
    assert config.loss._target_ == "x.Y"
