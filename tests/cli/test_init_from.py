"""`init_from=`: new runs that start from every form of trained weights, and what is refused."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from conftest import TINY, Result
from ganworks import load_generator
from ganworks.logger import read_metrics
from running import QUICK, checkpoint, differences, train, train_on

Command = Callable[..., Result]
# The settings of the run that the sources are from; `trained_run` has seen 640 images.
SAME = ("data=digits", "loss=hinge", "model.conditional=true", *TINY, "trainer.log_every_n_steps=4")
ALL = "takes all 18 tensors"


def plan(result: Result) -> str:
    """The plan in one line, without the table's frame and the places where it wraps."""
    return " ".join(result.out.replace("│", " ").split())


def state_of(run_dir: Path, name: str) -> dict[str, torch.Tensor]:
    state = checkpoint(run_dir)["state_dict"]
    return {key[len(name) + 1 :]: tensor for key, tensor in state.items() if key.startswith(f"{name}.")}


def a_run(run: Path) -> tuple[Path, str]:
    return run, "discriminator takes all"


def a_run_without_checkpoints(run: Path) -> tuple[Path, str]:
    shutil.rmtree(run / "checkpoints")
    return run, "discriminator new"


def a_checkpoint(run: Path) -> tuple[Path, str]:
    return run / "checkpoints" / "best.ckpt", "discriminator takes all"


def a_generator_folder(run: Path) -> tuple[Path, str]:
    return run / "generator", "discriminator new"


def a_file_of_one_network(run: Path) -> tuple[Path, str]:
    return run / "generator" / "model.safetensors", "discriminator new"


def a_file_of_all_players(run: Path) -> tuple[Path, str]:
    weights = {
        name: tensor.clone()
        for name, tensor in checkpoint(run)["state_dict"].items()
        if name.startswith(("generator.", "discriminator."))
    }
    save_file(weights, run / "weights.safetensors")
    return run / "weights.safetensors", "discriminator takes all"


FORMS = [
    a_run,
    a_run_without_checkpoints,
    a_checkpoint,
    a_generator_folder,
    a_file_of_one_network,
    a_file_of_all_players,
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_trained_weights_is_taken_and_the_plan_says_what(
    ganworks: Command, copied_run: Path, form: Callable[[Path], tuple[Path, str]]
) -> None:
    path, about_discriminator = form(copied_run)
    result = ganworks("train", *SAME, f"init_from={path}", "dry_run=true")
    assert result.code == 0, result.err
    text = plan(result)
    assert "generator takes all" in text or "generator from ema_generator: takes all" in text
    assert about_discriminator in text
    assert text.count("takes all") == (3 if "takes all" in about_discriminator else 2)
    assert list(Path.cwd().iterdir()) == []


@pytest.fixture
def fine_tuned(ganworks: Command, trained_run: Path, tmp_path: Path) -> Path:
    """A run of two batches from the weights of `trained_run`."""
    source = os.path.relpath(trained_run)
    arguments = (f"init_from={source}", "num_images=128", f"hydra.run.dir={tmp_path / 'fine'}")
    result = ganworks("train", *SAME, *arguments, "task.ema.half_life=2000")
    assert result.code == 0, result.err
    return tmp_path / "fine"


def test_a_fine_tuned_run_begins_with_the_figures_of_its_source_at_zero_images(
    fine_tuned: Path, trained_run: Path
) -> None:
    before = [row for row in read_metrics(trained_run / "metrics.csv") if "metric/fd_digits" in row][-1]
    first = next(row for row in read_metrics(fine_tuned / "metrics.csv") if "metric/fd_digits" in row)
    assert first["images_seen"] == 0
    figures = [name for name in before if name.startswith("metric/")]
    assert len(figures) >= 5
    assert {name: first[name] for name in figures} == {name: before[name] for name in figures}


def test_a_fine_tuned_run_has_a_clock_optimizers_and_an_average_of_its_own(
    fine_tuned: Path, trained_run: Path
) -> None:
    last = checkpoint(fine_tuned)
    assert (last["time"]["images_seen"], last["global_step"]) == (128, 2)
    steps = [int(s["step"]) for state in last["optimizer_states"] for s in state["state"].values()]
    assert set(steps) == {2}
    rows = read_metrics(fine_tuned / "metrics.csv")
    assert rows[0]["images_seen"] == 0
    # The average goes on from where it was: two batches move it by far less than they move the weights.
    source, target = (state_of(run, "ema_generator") for run in (trained_run, fine_tuned))
    weights = state_of(fine_tuned, "generator")
    moved, distance = (
        sum(float((other[name] - source[name]).square().sum()) for name in source if "weight" in name)
        for other in (target, weights)
    )
    assert 0 < moved < distance
    config = OmegaConf.load(fine_tuned / "config.yaml")
    assert config.task.ema.ramp_up is None
    assert config.init_from == str(trained_run)
    assert f"{trained_run}" in (fine_tuned / "train.log").read_text()
    assert "discriminator: takes all" in (fine_tuned / "train.log").read_text()


def test_a_run_that_never_grew_better_has_its_source_as_best_checkpoint_and_resumes_from_it(
    trained_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    only = "+task.phases.all={_target_: ganworks.task.Phase, share: 1, terms: {generator: null}}"
    train(run, *SAME, f"init_from={trained_run}", "num_images=256", only, "metric=digits")
    path, whole = run / "checkpoints" / "best.ckpt", checkpoint(run)
    best = torch.load(path, weights_only=True)
    assert best["time"]["images_seen"] == 0
    assert differences(best["state_dict"], checkpoint(trained_run)["state_dict"]) == []
    assert load_generator(path).sample(2).shape == (2, 1, 8, 8)
    train_on(path)
    for part in ("state_dict", "optimizer_states", "time"):
        assert differences(whole[part], checkpoint(run)[part]) == []


def test_an_average_that_its_user_wants_ramped_up_is(
    ganworks: Command, trained_run: Path, tmp_path: Path
) -> None:
    run_dir = tmp_path / "ramped"
    arguments = (f"init_from={trained_run}", "num_images=64", "task.ema.ramp_up=0.05", "metric=none")
    assert ganworks("train", *SAME, *arguments, f"hydra.run.dir={run_dir}").code == 0
    # At no image seen the half-life is zero: the average is the generator.
    assert differences(state_of(run_dir, "ema_generator"), state_of(run_dir, "generator")) == []


def test_other_classes_start_new_and_the_rest_is_taken(ganworks: Command, trained_run: Path) -> None:
    settings = ("data=digits", "loss=hinge", *TINY, "dry_run=true", "model.conditional=true")
    result = ganworks("train", *settings, f"init_from={trained_run}", "model.generator.num_classes=12")
    assert result.code == 0, result.err
    assert plan(result).count("its classes are others (10 in the source, 12 here)") == 3
    result = ganworks("train", *settings[:-1], f"init_from={trained_run}")
    assert "head.embedding.weight (10, 256)" in plan(result)


# Resume


def test_a_resumed_fine_tuned_run_needs_its_source_no_more_and_equals_an_uninterrupted_one(
    tmp_path: Path,
) -> None:
    source, whole, parts = tmp_path / "source", tmp_path / "whole", tmp_path / "parts"
    train(source, "num_images=320")
    settings = (f"init_from={source}", "num_images=1280", "task.n_critic=2")
    train(whole, *settings)
    train(parts, *settings, "trainer.max_steps=5")
    shutil.rmtree(source)
    train_on(parts, "trainer.max_steps=-1")
    one, other = checkpoint(whole), checkpoint(parts)
    for part in ("state_dict", "optimizer_states", "time"):
        assert differences(one[part], other[part]) == []


def test_init_from_beside_resume_is_refused(ganworks: Command, copied_run: Path) -> None:
    result = ganworks("train", f"resume={copied_run}", f"init_from={copied_run}", "num_images=1280")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert result.err.startswith(f"error: init_from={copied_run}: must be left out beside resume=")


# What cannot be a source


class Trap:
    """Creates a file wherever it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.path),)


def nothing_there(run: Path) -> tuple[Path, list[str]]:
    return Path(f"{run}s"), ["a run directory", f"Did you mean '{run}'?"]


def an_empty_folder(run: Path) -> tuple[Path, list[str]]:
    (run / "empty").mkdir()
    return run / "empty", ["a run directory, a checkpoint", "checkpoints/last.ckpt", "model.safetensors"]


def another_file(run: Path) -> tuple[Path, list[str]]:
    return run / "config.yaml", ["a run directory, a checkpoint (.ckpt)"]


def half_a_checkpoint(run: Path) -> tuple[Path, list[str]]:
    path = run / "checkpoints" / "last.ckpt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path, [str(path), "cut off", "best.ckpt", "last.previous.ckpt"]


def a_foreign_checkpoint(run: Path) -> tuple[Path, list[str]]:
    torch.save({"weights": torch.zeros(3)}, run / "other.ckpt")
    return run / "other.ckpt", ["was not written by ganworks"]


def a_checkpoint_that_is_no_mapping(run: Path) -> tuple[Path, list[str]]:
    torch.save([torch.zeros(3)], run / "other.ckpt")
    return run / "other.ckpt", ["was not written by ganworks"]


def a_checkpoint_of_numbers(run: Path) -> tuple[Path, list[str]]:
    torch.save({"state_dict": {"generator.weight": 3.0}}, run / "other.ckpt")
    return run / "other.ckpt", ["was not written by ganworks"]


def a_checkpoint_with_code(run: Path) -> tuple[Path, list[str]]:
    torch.save({"state_dict": {"generator.weight": Trap(run / "sprung")}}, run / "other.ckpt")
    return run / "other.ckpt", ["no complete checkpoint"]


def a_bare_pickle_with_code(run: Path) -> tuple[Path, list[str]]:
    (run / "other.ckpt").write_bytes(pickle.dumps(Trap(run / "sprung")))
    return run / "other.ckpt", ["no complete checkpoint"]


def half_a_safetensors_file(run: Path) -> tuple[Path, list[str]]:
    path = run / "generator" / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path, ["model.safetensors is no complete .safetensors file"]


def an_empty_safetensors_file(run: Path) -> tuple[Path, list[str]]:
    (run / "generator" / "model.safetensors").write_bytes(b"")
    return run / "generator", ["model.safetensors is no complete .safetensors file"]


def text_in_a_safetensors_file(run: Path) -> tuple[Path, list[str]]:
    (run / "other.safetensors").write_text("these are no weights, not at all")
    return run / "other.safetensors", ["other.safetensors is no complete .safetensors file"]


MISTAKES = [
    nothing_there,
    an_empty_folder,
    another_file,
    half_a_checkpoint,
    a_foreign_checkpoint,
    a_checkpoint_that_is_no_mapping,
    a_checkpoint_of_numbers,
    a_checkpoint_with_code,
    a_bare_pickle_with_code,
    half_a_safetensors_file,
    an_empty_safetensors_file,
    text_in_a_safetensors_file,
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_source_is_refused_in_one_line_before_anything_is_written(
    ganworks: Command, copied_run: Path, mistake: Callable[[Path], tuple[Path, list[str]]]
) -> None:
    path, parts = mistake(copied_run)
    result = ganworks("train", f"init_from={path}", *QUICK, "num_images=64")
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1, result.err
    for part in parts:
        assert part in result.err
    assert not (copied_run / "sprung").exists()
    assert list(Path.cwd().iterdir()) == []


def test_a_source_of_other_networks_names_the_first_differences(ganworks: Command, trained_run: Path) -> None:
    result = ganworks("train", "data=ring", f"init_from={trained_run}", "model.width=8", "dry_run=true")
    assert result.code == 1
    assert "last.ckpt is from another model" in result.err
    assert "generator.layers.0.weight: absent in the file, (" in result.err
    assert list(Path.cwd().iterdir()) == []
