import importlib
import inspect
from pathlib import Path

import pytest
import yaml

CONF = Path(__file__).parents[2] / "conf" / "metric"


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_setting_is_an_argument_and_every_argument_without_default_is_set(path):
    settings = yaml.safe_load(path.read_text())
    module, _, name = settings.pop("_target_").rpartition(".")
    suite = getattr(importlib.import_module(module), name)
    inspect.signature(suite).bind(**settings)
    with pytest.raises(TypeError):
        inspect.signature(suite).bind(**settings, unknown=1)  # control


def test_fid_expects_the_weights_that_the_file_name_stands_for():
    settings = yaml.safe_load((CONF / "fid.yaml").read_text())
    assert len(settings["sha256"]) == 64
    assert settings["sha256"].startswith("6726825d")
