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
    "auxiliary_classifier": ["auxiliary_classifier"],
    "contrastive": ["contrastive"],
    "d2d_ce": ["d2d_ce"],
    "infogan": ["infogan"],
    "unconditional_classifier": ["unconditional_classifier"],
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
    "packing": ["packing"],
    "minibatch_std": ["minibatch_std"],
    "reconstruction": ["reconstruction"],
    "san": ["san"],
    "consistency": ["consistency"],
    "balanced_consistency": ["consistency", "fake_consistency"],
    "latent_consistency": ["latent_consistency", "latent_diversity"],
    "feature_matching": ["feature_matching"],
    "mode_seeking": ["mode_seeking"],
    "transport": ["transport"],
    "level_consistency": ["level_consistency"],
    "historical_average": ["historical_average"],
    "lipschitz_penalty": ["lipschitz_penalty"],
    "wgan_div": ["wgan_div"],
    "max_gradient": ["max_gradient"],
    "lecam": ["lecam"],
    "centring": ["centring"],
}


def regularizers_in(path):
    """Return the nodes of a file; one for the whole configuration also sets what its regularizers need elsewhere."""
    config = OmegaConf.merge({"data": {"num_classes": 3}}, OmegaConf.load(path))
    is_global = path.read_text().startswith("# @package _global_")
    return config.regularizer if is_global else OmegaConf.load(path)


def test_every_file_is_in_the_table_of_this_test():
    assert {path.stem for path in FILES} == set(NAMES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_builds_regularizers_under_their_names(path):
    config = regularizers_in(path)
    regularizers = {name: instantiate(node, _convert_="all") for name, node in config.items()}
    assert list(regularizers) == NAMES[path.stem]
    assert all(isinstance(regularizer, Regularizer) for regularizer in regularizers.values())
    assert all("every" in node for node in config.values() if "weight" in node)  # both can be overridden


def test_weight_can_be_a_schedule():
    weight = {"_target_": "ganworks.regularizer.CosineWeight", "start": 2.0, "end": 0.2}
    r1 = instantiate({"_target_": "ganworks.regularizer.R1", "weight": weight})
    assert r1.factor(1.0) == pytest.approx(0.2)
