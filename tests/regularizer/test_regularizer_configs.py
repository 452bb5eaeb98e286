"""Every file of conf/regularizer builds its regularizers under their names."""

from pathlib import Path

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

import ganworks.regularizer
from ganworks.regularizer import Regularizer

FILES = sorted((Path(ganworks.regularizer.__file__).parents[3] / "conf" / "regularizer").glob("*.yaml"))
NAMES = {
    "none": [],
    "gradient_penalty": ["gradient_penalty"],
    "dragan": ["dragan"],
    "orthogonal": ["orthogonal"],
    "r1": ["r1"],
    "r2": ["r2"],
    "r1_r2": ["r1", "r2"],
    "path_length": ["path_length"],
    "r1_approx": ["r1"],
    "r1_r2_approx": ["r1", "r2"],
    "weight_clip": ["weight_clip"],
    "reconstruction": ["reconstruction"],
    "san": ["san"],
    "lipschitz_penalty": ["lipschitz_penalty"],
    "wgan_div": ["wgan_div"],
    "max_gradient": ["max_gradient"],
    "lecam": ["lecam"],
    "centring": ["centring"],
}


def test_every_file_is_in_the_table_of_this_test():
    assert {path.stem for path in FILES} == set(NAMES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_builds_regularizers_under_their_names(path):
    config = OmegaConf.load(path)
    regularizers = {name: instantiate(node, _convert_="all") for name, node in config.items()}
    assert list(regularizers) == NAMES[path.stem]
    assert all(isinstance(regularizer, Regularizer) for regularizer in regularizers.values())
    assert all("every" in node for node in config.values() if "weight" in node)  # both can be overridden


def test_weight_can_be_a_schedule():
    weight = {"_target_": "ganworks.regularizer.CosineWeight", "start": 2.0, "end": 0.2}
    r1 = instantiate({"_target_": "ganworks.regularizer.R1", "weight": weight})
    assert r1.factor(1.0) == pytest.approx(0.2)
