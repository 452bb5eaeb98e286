"""Every config of the group builds its data set, and says the shape that the data set has."""

import inspect
from pathlib import Path

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from ganworks.data import GanDataModule
from ganworks.run.resolvers import register

CONFIGS = sorted((Path(__file__).parents[2] / "conf" / "data").glob("*.yaml"))
IMAGES = ("celeba", "cifar10", "digits", "fashion_mnist", "folder", "hf", "mnist", "webdataset")
TRANSLATED = ("digits_superres", "domains", "fashion_edges", "pairs", "printed_digits", "superres")
CLIPS = {"clips": 32, "moving_digits": 16}  # with their batch sizes
TEXTS = ("oracle", "text", "words")
# They build on another option or need a file; `test_few_labels.py`, `test_latents.py` and `test_series.py` hold them.
OTHERS = ("digits_few", "digits_imbalanced", "latents", "series", "sines", "table")
PLAIN = [path for path in CONFIGS if path.stem not in OTHERS]
NAMED = [path for path in CONFIGS if path.stem != "digits_imbalanced"]
MIXTURES = ("ring", "grid", "line", "high_dimensional")
OF_ONE_SIZE = (*MIXTURES, "stacked_digits", "digits_superres", "printed_digits", *CLIPS, *TEXTS)


def compose(path: Path, **data) -> DictConfig:
    register()
    outside = {"paths": {"data": "data", "cache": "cache"}, "seed": 3, "data": data}
    config = OmegaConf.merge(OmegaConf.load(path), outside)
    assert isinstance(config, DictConfig)
    if path.stem == "text":
        config.data.path = __file__
        config.data.update(instantiate(config.data).settled)
    return config


def test_there_is_a_config_for_each_data_set() -> None:
    names = [*IMAGES, *MIXTURES, "stacked_digits", *TRANSLATED, *CLIPS, *TEXTS, *OTHERS]
    assert [path.stem for path in CONFIGS] == sorted(names)


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.stem)
def test_config_builds_a_data_set_of_its_shape_and_classes(path: Path) -> None:
    config = compose(path)
    data = instantiate(config.data)
    assert isinstance(data, GanDataModule)
    assert data.name == path.stem
    assert data.shape == tuple(config.data.shape)
    assert data.num_classes == (config.data.num_classes or 0)
    assert data.batch_size == config.data.batch_size
    assert data.batch_size == CLIPS.get(path.stem, data.batch_size)
    assert data.seed == 3


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.stem)
def test_config_names_every_setting_once(path: Path) -> None:
    config = compose(path)
    known = set(inspect.signature(get_class(config.data._target_)).parameters)
    assert set(config.data) - {"_target_"} <= known
    assert not any(
        p.kind is p.VAR_KEYWORD
        for p in inspect.signature(get_class(config.data._target_)).parameters.values()
    )


@pytest.mark.parametrize("path", [p for p in PLAIN if p.stem not in OF_ONE_SIZE], ids=lambda p: p.stem)
def test_resolution_and_channels_are_all_that_a_user_sets(path: Path) -> None:
    config = compose(path, resolution=16, channels=3)
    assert instantiate(config.data).shape == tuple(config.data.shape) == (3, 16, 16)


@pytest.mark.parametrize("name", ["digits", "digits_superres", "stacked_digits", *MIXTURES])
def test_bundled_data_gives_batches_as_configured(name: str) -> None:
    (path,) = [path for path in CONFIGS if path.stem == name]
    data = instantiate(compose(path).data)
    data.check()
    batch = next(iter(data.train_dataloader()))
    assert batch["real"].shape == (64, *data.shape)
    assert batch["real"].abs().max() < 3
    assert batch["label"].max() < data.num_classes
    assert torch.isfinite(batch["real"]).all()
