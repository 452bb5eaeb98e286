"""Whatever is chosen of the groups, a run that broke off and is resumed is the run that did not, to the bit."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from digit_files import write_images
from ganworks.logger import read_metrics
from ganworks.metric import digits_images
from running import checkpoint, compose, differences, train, train_on

CONF = Path(__file__).parents[1] / "conf"
TINY = [
    "num_images=960",
    "trainer.log_every_n_steps=2",
    "callback.checkpoint.every_images=192",
    "num_threads=1",
]
BREAK = "+callback.breaks={_target_: running.RaiseAt, images: 600, rank: 0}"
OF_THE_CLOCK = {"train/images_per_second", "doctor/images_per_second", "doctor/speed_ratio"}
# Each value is in one of the runs, whatever else there is in it.
VALUES = [
    ["task.ema.half_life=100"],
    ["task.accumulate=2", "task.gradient_clip=1"],
    ["trainer.precision=bf16-mixed"],
    ["trainer.precision=64-true"],
    ["task.n_critic=3"],
    ["model.conditional=true"],
    ["callback.doctor.every_n_steps=1"],
    ["+task.phases={first: {_target_: ganworks.task.Phase, share: 0.7, rates: {generator: 0.5}}}"],
]


# Losses and regularizers that need a network of their own.
STYLES = ["data=digits", "metric=none", "model=stylegan2", "model.width=8", "regularizer=path_length"]
STYLES += [f"model.generator.{name}" for name in ("latent_dim=8", "w_dim=8", "num_mapping=2")]
FASTGAN = ["data=digits", "metric=none", "data.resolution=32", "model=fastgan", "model.width=2", "loss=hinge"]
FLOW = [
    "data=digits",
    "metric=none",
    "model=mlp",
    "model.width=16",
    "model.generator.latent_dim=64",
    "loss=r3gan",
]
LEVELS = ["data=digits", "metric=none", "model=transformer_levels", "task=levels", "model.depth=4"]
LEVELS += ["model.width=16", "model.num_heads=2", "+model.discriminator.network.head_width=8", "loss=hinge"]
APART = {
    "path_length": STYLES,
    "began": ["data=ring", "metric=none", "model=began_mlp", "loss=began", "loss.rate=1"],
    "reconstruction": [*FASTGAN, "regularizer=reconstruction"],
    "packing": ["data=ring", "metric=none", "regularizer=packing", "task=latent_optimisation"],
    "consistency": [
        "data=digits",
        "augment=diffaugment",
        "loss=hinge",
        "model.width=8",
        "regularizer=consistency",
    ],
    "balanced_consistency": [*FLOW, "task.accumulate=2", "regularizer=[balanced_consistency,transport]"],
    "level_consistency": [*LEVELS, "regularizer=level_consistency"],
}


def options(group: str) -> list[str]:
    """The options of a group that are shipped."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def mixtures() -> list[list[str]]:
    """Runs that between them have every loss, regularizer, optimizer and value."""
    groups = [
        [option for option in options(group) if option not in (*APART, "transport")]
        for group in ("loss", "regularizer", "optimizer")
    ]
    num = max(len(VALUES), *map(len, groups))
    losses, regularizers, optimizers = (list(islice(cycle(group), num)) for group in groups)
    return [
        [f"loss={loss}", f"regularizer={regularizer}", f"optimizer={optimizer}", *values]
        for loss, regularizer, optimizer, values in zip(
            losses, regularizers, optimizers, islice(cycle(VALUES), num), strict=True
        )
    ]


RUNS = {
    **{" ".join(words[:3]): ["data=ring", "metric=none", *words] for words in mixtures()},
    **APART,
    "ada": [
        *("data=digits", "loss=r3gan", "augment=blur_ada", "augment.blur.sigma.num_images=900"),
        *("augment.ada.adjust_images=600", "augment.ada.target=-0.9"),
    ],
    "diffusion": [
        *("data=ring", "metric=none", "augment=diffusion_told", "augment.adjust_images=600"),
        *("task=unrolled", "task.num_unroll=2", "task.top_k=0.5"),
    ],
    "scaler": [
        "data=ring",
        "metric=none",
        "trainer.precision=null",
        "+trainer.plugins=[{_target_: running.half}]",
    ],
    "resnet": ["data=digits", "model=resnet", "loss=hinge", "data.batch_size=32"],
}


def rows(run_dir: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv without what a clock measures."""
    table = read_metrics(run_dir / "metrics.csv")
    return [{k: repr(v) for k, v in sorted(row.items()) if k not in OF_THE_CLOCK} for row in table]


def episodes(run_dir: Path) -> list[Any]:
    """The doctor's episodes but those about speed."""
    found = json.loads((run_dir / "summary.json").read_text())["doctor"]["episodes"]
    return [(e["rule"], e["since"], e["until"]) for e in found if "slow" not in e["rule"]]


@pytest.mark.parametrize("name", RUNS)
def test_run_that_broke_off_equals_the_run_that_did_not(name: str, tmp_path: Path) -> None:
    assert_unbroken([*RUNS[name], *TINY], tmp_path)


def assert_unbroken(chosen: list[str], folder: Path) -> None:
    """Train a run, and once more with a break and a resume: weights, optimizers, rows and episodes are equal."""
    whole, broken = folder / "whole", folder / "broken"
    assert train(whole, *chosen).status == "finished"
    with pytest.raises(ArithmeticError):
        train(broken, *chosen, BREAK)
    assert checkpoint(broken)["time"]["images_seen"] < 600
    assert train_on(broken, "callback.breaks.images=1000000").status == "finished"
    for part in ("state_dict", "optimizer_states", "time"):
        assert differences(checkpoint(whole)[part], checkpoint(broken)[part]) == []
    assert rows(whole) == rows(broken)
    assert episodes(whole) == episodes(broken)


@pytest.mark.parametrize("num_workers", [0, 1, 4])
def test_run_with_processes_that_decode_goes_on_as_if_it_had_not_broken_off(
    num_workers: int, tmp_path: Path
) -> None:
    images = write_images(tmp_path / "images", digits_images()[0][:96])
    chosen = [
        "data=folder",
        f"data.root={images}",
        "data.resolution=8",
        "data.channels=1",
        "data.batch_size=16",
    ]
    chosen += ["data.cache_limit_gb=0", "data.horizontal_flip=true", f"data.num_workers={num_workers}"]
    assert_unbroken([*chosen, *TINY], tmp_path)


def test_every_option_is_in_one_of_the_runs() -> None:
    words = {
        f"{name}={option}"
        for chosen in RUNS.values()
        for name, _, value in (word.partition("=") for word in chosen)
        for option in value.strip("[]").split(",")
    }
    for group in ("loss", "regularizer", "optimizer"):
        assert {f"{group}={option}" for option in options(group)} <= words
    assert compose("data=ring").data.batch_size == 64  # of which the counts above are multiples


def test_what_changes_at_a_resume_is_in_the_settings_and_the_log(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    train(run_dir, "data=ring", *TINY, "trainer.max_steps=6")
    train_on(run_dir, "trainer.max_steps=-1", "optimizer.generator.lr=0.001")
    assert "lr: 0.001" in (run_dir / "config.yaml").read_text()
    log = (run_dir / "train.log").read_text()
    assert "optimizer.generator.lr" in log
    assert "trainer.max_steps" in log
