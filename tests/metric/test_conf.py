from pathlib import Path

import pytest
import yaml

from ganworks.errors import SettingError
from ganworks.run.check import check_config
from running import compose

CONF = Path(__file__).parents[2] / "conf" / "metric"


OPTIONS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "suite")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_builds_a_suite_whose_settings_its_classes_take(option, make_suite):
    check_config(compose(f"metric={option}"))
    suite = make_suite(option)
    assert bool(suite.better) == (option != "none")
    with pytest.raises(SettingError, match=r"metric\.unknown"):
        check_config(compose(f"metric={option}", "+metric.unknown=1"))  # control


def test_several_options_merge_and_share_their_extractor(make_suite):
    suite = make_suite("[fid,precision_recall]")
    assert list(suite.better) == ["fid", "kid", "precision", "recall", "density", "coverage"]
    assert list(suite.extractors) == ["inception"]
    assert (suite.best, suite.mode) == ("fid", "min")
    assert suite.num_samples == 50_000


def test_fid_expects_the_weights_that_the_file_name_stands_for():
    settings = yaml.safe_load((CONF / "extractor" / "inception.yaml").read_text())["inception"]
    assert len(settings["sha256"]) == 64
    assert settings["sha256"].startswith("6726825d")
