"""sample.py seeds= and move=: a key for each sample, and moves along several directions at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ganworks import Sampler, load_generator
from ganworks.errors import SettingError
from ganworks.model import MLPGenerator, StyleGAN2Generator
from ganworks.picture.directions import semantic_directions, strips_along
from ganworks.picture.move import moved_inputs, moves_of
from ganworks.sample.codes import CodedSampler
from ganworks.sample.seed import parse_seeds
from ganworks.sample.styles import draw_styles, make_from_styles

SMALL = {"shape": [1, 8, 8], "latent_dim": 6, "width": 8, "num_classes": 3}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small conditional generator with random weights."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("small") / "generator"
    config = {"generator": {"_target_": "ganworks.model.MLPGenerator", **SMALL}, "label_kind": "class"}
    Sampler(MLPGenerator(**SMALL), config).save(folder)
    return folder


def array(ganworks: Callable, *arguments: str) -> np.ndarray:
    result = ganworks("sample", *arguments, "out=array.npy")
    assert result.code == 0, result.err
    return np.load("array.npy")


def test_each_seed_draws_what_it_draws_alone(ganworks: Callable, run: Path) -> None:
    together = array(ganworks, f"run={run}", "seeds=3,0,7-9")
    alone = [array(ganworks, f"run={run}", f"seed={seed}", "num=1") for seed in (3, 0, 7, 8, 9)]
    assert np.allclose(together, np.concatenate(alone), atol=1e-6)
    assert not np.allclose(together[0], together[1])  # control


def test_walk_between_seeds_begins_and_ends_at_their_samples(ganworks: Callable, run: Path) -> None:
    walks = array(ganworks, f"run={run}", "seeds=3,4,5,6", "interpolate=2", "num=5", "label=1")
    ends = array(ganworks, f"run={run}", "seeds=3-6", "label=1")
    assert np.allclose(walks[[0, 4, 5, 9]], ends, atol=1e-4)


def test_codes_are_chosen_for_each_seed() -> None:
    network = MLPGenerator((1, 4, 4), latent_dim=6, width=8, codes={"categories": [3]})
    sampler = CodedSampler(Sampler(network, {}), [2])
    inputs = sampler.inputs(2, [4, 9])
    assert inputs["category_0"].tolist() == [[0, 0, 1]] * 2
    assert torch.equal(inputs["latent"][1:], sampler.inputs(1, 9)["latent"])


def test_move_of_one_direction_is_its_strip(ganworks: Callable, run: Path) -> None:
    strips = strips_along(load_generator(run), 0, num_directions=2, num_steps=3, strength=2.0)
    moved = array(ganworks, f"run={run}", "seeds=0", "move=0,2")
    assert np.allclose(moved[0], strips[1, 2].numpy(), atol=1e-5)


def test_moves_add_up_in_the_latent(run: Path) -> None:
    sampler = load_generator(run)
    inputs = sampler.inputs(2, seed=1)
    vectors = semantic_directions(sampler.generator, 3, inputs["label"][:1]).vectors.float()
    expected = inputs["latent"] + 1.5 * vectors[0] - 2.0 * vectors[2]
    assert torch.allclose(moved_inputs(sampler, inputs, [1.5, 0.0, -2.0])["latent"], expected, atol=1e-6)


def test_moves_of_styles_are_in_w_and_of_their_deviation(ganworks: Callable, tmp_path: Path) -> None:
    torch.manual_seed(0)
    small = {
        "shape": [1, 16, 16],
        "latent_dim": 8,
        "w_dim": 8,
        "num_mapping": 2,
        "channel_base": 64,
        "channel_max": 8,
    }
    config = {"generator": {"_target_": "ganworks.model.StyleGAN2Generator", **small}}
    sampler = Sampler(StyleGAN2Generator(**small), config)
    sampler.save(tmp_path / "generator")
    moves, ws = moves_of(sampler), draw_styles(sampler, 512).ws[:, 0]
    vector = moves.directions.vectors[1].float()
    styles = draw_styles(sampler, 1, 5, psi=0.5)
    moved = styles.at(styles.ws + 2.0 * (ws @ vector).std() * vector)
    expected = torch.cat([*make_from_styles(sampler, moved)]).numpy()
    found = array(
        ganworks, f"run={tmp_path / 'generator'}", "seeds=5", "space=w", "truncation=.5", "move=0,2"
    )
    assert np.allclose(found, expected, atol=1e-4)
    refused = ganworks("sample", f"run={tmp_path / 'generator'}", "seeds=5", "truncation=.5", "move=2")
    assert "truncation=0.5: must be left out, or with space=w" in refused.err


@pytest.mark.parametrize("text", ["", "x", "-1", "3-", "5-3", "1,,2", "1.5", "0-99999999", "3;4"])
def test_text_that_names_no_seeds_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="seeds="):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["seeds=1,2", "num=3"], "num=3: must be left out with seeds="),
        (["seeds=1,2", "seed=3"], "seed=3: must be left out with seeds="),
        (["seeds=1,2", "input=x"], "seeds=1,2: must be left out with input="),
        (["seeds=1,2,3", "interpolate=1"], "seeds=1,2,3: must be 2 of them with interpolate=1"),
        (["seeds=1,2", "directions=2"], "seeds=1,2: must be 1 of them with directions=2"),
        (["move=1,x"], "move=1,x: must be numbers"),
        (["move=1e9"], "move=1000000000.0: must be a number from -100 to 100"),
        (["move=inf"], "move=inf: must be a number"),
        (["move=1,1,1,1,1,1,1"], "at most 6 numbers"),
        (["move=1", "interpolate=2"], "interpolate=2: must be left out with move="),
    ],
)
def test_settings_that_exclude_each_other_are_said(
    ganworks: Callable, run: Path, arguments: list[str], words: str
) -> None:
    result = ganworks("sample", f"run={run}", *arguments)
    assert result.code == 1
    assert words in result.err
