"""Words from the command line: trained, resumed, sampled at a temperature, measured, watched, searched."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from conftest import Result, call
from ganworks import load_generator
from pages import DOCS, commands
from pairs import TESTS, TRAIN
from running import checkpoint, differences

COMMON = (
    "experiment=words",
    "trainer=cpu",
    "trainer.log_every_n_steps=4",
    "data.batch_size=16",
    "num_images=800",
)
COMMON += ("metric.num_samples=200", "metric.every_images=400", "callback.checkpoint.every_images=160")
COMMON += ("callback.sample_grid.num=12", "model.width=16", "~callback.report")
KINDS = {"gumbel": (), "reinforce": ("task.estimator=reinforce", "task.estimators.reinforce.num_rollouts=1")}


def command(kind: str, run_dir: Path, *others: str) -> list[str]:
    return [*COMMON, *KINDS[kind], f"hydra.run.dir={run_dir}", *others]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of fifty steps by each estimator, from the same recipe."""
    found = {kind: tmp_path_factory.mktemp("texts") / kind for kind in KINDS}
    for kind, run_dir in found.items():
        assert call("train", *command(kind, run_dir)) == 0, kind
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_steps_show_a_page_of_words_and_their_figures(kind: str, runs: dict[str, Path]) -> None:
    summary = json.loads((runs[kind] / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert summary["metrics"]["jsd_3gram"] > summary["floor"]["jsd_3gram"]
    assert summary["baselines"]["markov 3"]["jsd_3gram"] > 0
    lines = (runs[kind] / "samples" / "000000000800.txt").read_text().splitlines()
    assert len(lines) == 12
    assert max(map(len, lines)) <= 10
    columns = set((runs[kind] / "metrics.csv").read_text().splitlines()[0].split(","))
    term = {"gumbel": "adversarial", "reinforce": "policy"}[kind]
    assert {"train/generator/likelihood", f"train/generator/{term}"} <= columns


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_the_uninterrupted_one(kind: str, runs: dict[str, Path], tmp_path: Path) -> None:
    assert call("train", *command(kind, tmp_path / "run", "trainer.max_steps=38")) == 0
    assert call("train", f"resume={tmp_path / 'run'}", "trainer.max_steps=-1") == 0
    whole, resumed = checkpoint(runs[kind]), checkpoint(tmp_path / "run")
    assert differences(whole["state_dict"], resumed["state_dict"]) == []
    assert differences(whole["optimizer_states"], resumed["optimizer_states"]) == []


def lines_of(ganworks: Callable[..., Result], run: Path, *arguments: str, out: Path) -> list[str]:
    result = ganworks("sample", f"run={run}", *arguments, f"out={out}")
    assert result.code == 0, result.err
    return out.read_text().splitlines()


def test_samples_are_lines_of_a_file_and_a_function_of_their_seed(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    out = tmp_path / "words.txt"
    first = lines_of(ganworks, runs["gumbel"], "num=20", out=out)
    assert len(first) == 20
    assert lines_of(ganworks, runs["gumbel"], "num=20", out=out) == first
    assert lines_of(ganworks, runs["gumbel"], "num=20", "seed=1", out=out) != first
    cool = lines_of(ganworks, runs["gumbel"], "num=20", "temperature=0.01", out=out)
    assert cool != first
    assert len(lines_of(ganworks, runs["gumbel"], "num=20", "columns=4", out=out)) == 5


@pytest.mark.parametrize("command_name", ["sample", "evaluate"])
def test_commands_of_the_page_work(
    command_name: str, runs: dict[str, Path], ganworks: Callable[..., Result]
) -> None:
    found = commands(command_name, DOCS / "text.md")
    assert found
    for _, arguments in found:
        result = ganworks(command_name, *(a.replace("RUN_DIR", str(runs["gumbel"])) for a in arguments))
        assert result.code == 0, result.err


def test_a_walk_has_a_line_for_each_step(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    walk = lines_of(ganworks, runs["gumbel"], "interpolate=2", "num=6", out=tmp_path / "walk.txt")
    assert len(walk) == 12


def test_a_low_temperature_draws_the_likeliest_tokens(runs: dict[str, Path]) -> None:
    sampler = load_generator(runs["gumbel"])
    inputs = sampler.at(1e-6).inputs(50)
    assert torch.equal(inputs["latent"], sampler.inputs(50)["latent"])  # normal noise stays
    greedy = torch.cat(list(sampler.batches(inputs)))
    zeros = {**inputs, "gumbel": torch.zeros_like(inputs["gumbel"])}
    assert torch.equal(greedy, torch.cat(list(sampler.batches(zeros))))
    assert torch.equal(sampler.at(1.0).sample(9), sampler.sample(9))
    assert sampler.at(None) is sampler


def test_evaluation_at_a_temperature_says_so_in_its_contract(
    runs: dict[str, Path], ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    figures = {}
    for name, arguments in {"plain": (), "cool": ("temperature=0.5",)}.items():
        out = tmp_path / f"{name}.json"
        result = ganworks("evaluate", f"run={runs['gumbel']}", *arguments, f"out={out}")
        assert result.code == 0, result.err
        assert "markov 3" in result.out
        figures[name] = json.loads(out.read_text())
    assert figures["cool"]["contract"]["temperature"] == 0.5
    assert "temperature" not in figures["plain"]["contract"]
    assert figures["cool"]["values"]["jsd_3gram"] != figures["plain"]["values"]["jsd_3gram"]
    assert figures["cool"]["values"]["nll_test"] != figures["plain"]["values"]["nll_test"]


@pytest.mark.parametrize("command_name", ["sample", "evaluate"])
def test_a_temperature_is_refused_out_of_range_and_without_gumbel_noise(
    command_name: str, runs: dict[str, Path], ganworks: Callable[..., Result], trained_run: Path
) -> None:
    result = ganworks(command_name, f"run={runs['gumbel']}", "temperature=0")
    assert result.err.startswith("error: temperature=0")
    result = ganworks(command_name, f"run={trained_run}", "temperature=0.5")
    assert result.code == 1
    assert "temperature=0.5" in result.err
    assert "Gumbel" in result.err


def test_the_doctor_gives_no_advice_about_settings_that_are_not_there(runs: dict[str, Path]) -> None:
    for run in runs.values():
        for episode in json.loads((run / "summary.json").read_text())["doctor"]["episodes"]:
            assert "norm" not in episode["advice"], episode


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_on_two_ranks(kind: str, tmp_path: Path) -> None:
    arguments = command(kind, tmp_path / "run", "trainer.devices=2", "num_images=320")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    run = subprocess.run([*TRAIN, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["num_devices"] == 2


def test_a_users_lines_are_trained_resumed_and_sampled_without_the_file(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    path, run = tmp_path / "lines.txt", tmp_path / "run"
    path.write_text("".join(f'{a} {b} {{x: "{a}"}}\n' for a in ("rose", "lily") for b in range(30)))
    settings = ["data=text", f"data.path={path}", "trainer=cpu", "model.width=8", "metric.num_samples=50"]
    settings += [
        "data.level=words",
        "data.length=4",
        "data.batch_size=8",
        "~callback.report",
        "~callback.doctor",
    ]
    first = ganworks("train", *settings, "num_images=64", f"hydra.run.dir={run}")
    assert first.code == 0, first.err
    assert ganworks("train", f"resume={run}", "num_images=128").code == 0
    path.unlink()
    lines = lines_of(ganworks, run, "num=5", out=tmp_path / "out.txt")
    assert {token for line in lines for token in line.split()} <= {
        *(*map(str, range(30)), "rose", "lily", "{x:", '"rose"}', '"lily"}', "<unk>"),
    }
    gone = ganworks("evaluate", f"run={run}")
    assert gone.code == 1
    assert "data.path" in gone.err


def test_likelihood_updates_the_generator_in_every_batch_whatever_n_critic_is(
    ganworks: Callable[..., Result], tmp_path: Path
) -> None:
    call("train", *command("gumbel", tmp_path / "run", "task.n_critic=5", "num_images=800"))
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["generator_updates"] == 30 + 4  # of 30 batches of likelihood, and 20 of the game
    plan = ganworks("train", *command("gumbel", tmp_path / "plan", "task.n_critic=5", "dry_run=true"))
    assert "34 generator updates" in " ".join(plan.out.replace("│", " ").split())


def test_words_are_searched_over(ganworks: Callable[..., Result], tmp_path: Path) -> None:
    small = ["num_images=320", "metric.num_samples=100", "data.batch_size=16", "model.width=8", "trainer=cpu"]
    result = ganworks("tune", "tune=words", *small, "num_trials=1", "top_k=1", "num_seeds=1", "evaluations=1")
    assert result.code == 0, result.err
    assert "jsd_3gram" in result.out
