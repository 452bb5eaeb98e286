"""What makes a run faster leaves its meaning alone: compiled networks, channels-last convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch._dynamo.utils import counters

from games import GAMES, digits, fit, largest_difference, make_task
from ganworks.errors import SettingError
from ganworks.run import speed
from ganworks.run.build import build_run
from ganworks.run.speed import compile_networks
from ganworks.sample.kind import kind_of
from ganworks.sample.loading import load_generator
from running import checkpoint, compose, train, train_on

# No code is generated: the graphs, their backward and their guards are those of the default backend.
BACKEND = "aot_eager"


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


class GraphCounter(pl.Callback):
    """Note after every batch how many graphs have been compiled."""

    def __init__(self) -> None:
        self.graphs: list[int] = []

    def on_train_batch_end(self, *args: Any) -> None:
        self.graphs.append(counters["stats"]["unique_graphs"])


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.parametrize("game", GAMES)
def test_compiled_networks_train_to_the_same_weights_and_compile_only_at_first(game: str) -> None:
    loss, regularizers, n_critic = GAMES[game]
    settings: dict[str, Any] = {
        "loss": loss, "regularizers": regularizers, "n_critic": n_critic, "num_steps": 12
    }  # fmt: skip
    eager = fit(make_task(**settings))
    compiled, counter = make_task(**settings), GraphCounter()
    compile_networks(compiled, backend=BACKEND)
    fit(compiled, callbacks=[counter])
    assert largest_difference(eager, compiled) < 1e-12
    assert largest_difference(eager, make_task(**settings)) > 1e-6
    # All that is compiled is compiled in the first turn of both networks; the control: something is.
    assert counter.graphs[n_critic] == counter.graphs[-1]
    assert counter.graphs[-1] >= 3
    assert not [name for name in compiled.state_dict() if "_orig_mod" in name]


@pytest.mark.usefixtures("_fresh_compiler")
def test_a_batch_of_another_size_would_be_seen_by_the_count_of_graphs() -> None:
    task = make_task()
    compile_networks(task, backend=BACKEND)
    seen = []
    for size in (4, 4, 6):
        task.discriminator(torch.zeros(size, 1, 8, 8).double())
        seen.append(counters["stats"]["unique_graphs"])
    assert seen[0] == seen[1] < seen[2]


def test_batches_have_one_size_whatever_the_data_leaves_over() -> None:
    data = digits(batch_size=100)  # 1,797 digits
    data.setup("fit")
    assert {len(batch["real"]) for batch in data.train_dataloader()} == {100}


CHANNELS_LAST = ("data.resolution=32", "trainer.precision=64-true", "num_images=256", "data.batch_size=32")


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A run in either memory format."""
    folder = tmp_path_factory.mktemp("formats")
    for value in (False, True):
        train(folder / str(value), *CHANNELS_LAST, f"channels_last={value}")
    return {value: folder / str(value) for value in (False, True)}


def test_channels_last_trains_to_the_same_weights(formats: dict[bool, Path]) -> None:
    one, other = (checkpoint(formats[value])["state_dict"] for value in (False, True))
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-9
    strides = {value: checkpoint(formats[value])["state_dict"]["discriminator.layers.2.weight"].stride(1)
               for value in formats}  # fmt: skip
    assert strides[True] == 1 != strides[False]


def test_a_run_in_either_format_is_taken_up_in_the_other_and_read_elsewhere(
    formats: dict[bool, Path],
) -> None:
    samples = [load_generator(formats[value]).sample(4).double() for value in (False, True)]
    torch.testing.assert_close(*samples, rtol=0, atol=1e-6)
    assert train_on(formats[True], "num_images=320", "channels_last=false").status == "finished"


def test_null_takes_channels_last_for_large_images_alone() -> None:
    for resolution, is_last in ((8, False), (32, True)):
        run = build_run(
            compose("trainer=cpu", "model=resnet", "metric=none", f"data.resolution={resolution}")
        )
        kernels = [p for p in run.task.parameters() if p.ndim == 4 and min(p.shape[1:]) > 1]
        assert kernels
        assert all((kernel.stride(1) == 1) == is_last for kernel in kernels)


@pytest.mark.parametrize("overrides", [("channels_last=always",), ("data=ring", "channels_last=true")])
def test_a_format_that_cannot_be_is_refused(overrides: tuple[str, ...]) -> None:
    with pytest.raises(SettingError, match="channels_last="):
        build_run(compose("trainer=cpu", *overrides))


def amx_lines(run_dir: Path) -> list[str]:
    """Return the lines of a run's log that name AMX."""
    return [line for line in (run_dir / "train.log").read_text().splitlines() if "AMX" in line]


def test_a_float32_run_says_once_what_bf16_would_bring_where_the_processor_has_amx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "has_amx", lambda: True)
    train(tmp_path / "float32", "num_images=128")
    (line,) = amx_lines(tmp_path / "float32")
    assert "trainer.precision=bf16-mixed channels_last=true" in line
    train(tmp_path / "bf16", "num_images=128", "trainer.precision=bf16-mixed")
    monkeypatch.setattr(speed, "has_amx", lambda: False)
    train(tmp_path / "without", "num_images=128")
    assert not amx_lines(tmp_path / "bf16") + amx_lines(tmp_path / "without")


def test_vectors_get_no_advice_on_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "has_amx", lambda: True)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    assert speed.faster_precision(trainer, kind_of((1, 8, 8))) is not None
    assert speed.faster_precision(trainer, kind_of((2,))) is None


@pytest.mark.parametrize("is_there", [True, False])
def test_amx_is_what_pytorch_says_of_the_processor(is_there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": is_there}, raising=False)
    assert speed.has_amx() is is_there
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: is_there, raising=False)
    assert speed.has_amx() is is_there
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert not speed.has_amx()
