"""Official weights through the commands: converted, sampled, and a run from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Result
from ganworks import load_generator
from ganworks.convert import __main__ as convert
from ganworks.digest import load_tensors
from ganworks.run.init_from import read as read_source
from golden import golden
from official_files import stylegan2

Command = Callable[..., Result]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return stylegan2(tmp_path / "network.pkl")


def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> Result:
    monkeypatch.setattr("sys.argv", ["convert", *map(str, arguments)])
    code: object = 0
    try:
        convert.main()
    except SystemExit as exit:
        code = exit.code
    out, error = capsys.readouterr()
    return Result(code, out, error)  # type: ignore[arg-type]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return lambda *arguments: called(monkeypatch, capsys, *arguments)


def test_a_file_becomes_a_generator_folder(command: Command, file: Path, tmp_path: Path) -> None:
    result = command(file, f"out={tmp_path / 'generator'}")
    assert result.code == 0
    assert "stylegan2 in" in result.out
    made = load_generator(tmp_path / "generator").sample(2)
    assert torch.equal(made, load_generator(file).sample(2))


def test_a_file_becomes_tensors_of_all_its_networks(command: Command, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.safetensors"
    assert command(file, f"out={out}").code == 0
    assert {name.partition(".")[0] for name in load_tensors(out)} == {
        "generator",
        "ema_generator",
        "discriminator",
    }
    before, after = read_source(file).state, read_source(out).state
    assert set(before) == set(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_discriminator_alone_becomes_tensors(command: Command, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "critic.safetensors"
    assert command(file, "player=discriminator", f"out={out}").code == 0
    assert all(name.startswith("discriminator.") for name in load_tensors(out))


def test_two_files_of_one_training_become_one(command: Command, tmp_path: Path) -> None:
    for role in ("G", "D"):
        torch.save(golden("biggan_cifar").group(role), tmp_path / f"{role}.pth")
    out = tmp_path / "all.safetensors"
    assert command(tmp_path / "G.pth", tmp_path / "D.pth", f"out={out}").code == 0
    assert {name.partition(".")[0] for name in load_tensors(out)} == {"generator", "discriminator"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("out=there",), "a file of official weights"),
        (("{file}",), "out"),
        (("{file}", "out=there", "player=discriminator"), "safetensors file for a discriminator"),
        (("{file}", "out=a.safetensors", "player=critic"), "generator, discriminator"),
        (("{file}s", "out=there"), "an existing file"),
        (("{file}", "ou=there"), "Did you mean 'out'"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(
    command: Command, file: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = command(*[argument.format(file=file) for argument in arguments])
    assert result.code not in (0, None)
    assert message in result.err
    assert "Traceback" not in result.err


def test_sample_py_draws_from_a_file(ganworks: Command, file: Path, tmp_path: Path) -> None:
    assert ganworks("sample", f"run={file}", "num=3", f"out={tmp_path / 'a.npy'}").code == 0
    assert np.array_equal(np.load(tmp_path / "a.npy"), load_generator(file).sample(3).numpy())


def test_a_run_starts_from_a_file_and_the_plan_says_what_it_takes(ganworks: Command, file: Path) -> None:
    sizes = ("channel_base=128", "channel_max=12", "clamp=null", "num_half_res=0")
    settings = [f"model.{size}" for size in sizes]
    settings += [f"model.generator.{size}" for size in ("latent_dim=8", "w_dim=10", "num_mapping=4")]
    data = ("data=digits", "data.resolution=16", "data.channels=3", "metric=none")
    frozen = "task.freeze.discriminator=[blocks.b16.*]"
    result = ganworks(
        "train", "model=stylegan2", *settings, *data, f"init_from={file}", frozen, "dry_run=true"
    )
    text = " ".join(result.out.replace("│", " ").split())
    assert result.code == 0, result.err
    assert text.count("takes all") == 3
    assert "frozen" in text
