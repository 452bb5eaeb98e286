"""A run that starts from official weights takes what fits of them."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from games import make_task
from ganworks.errors import GanworksError
from ganworks.model import StyleGAN2Discriminator, StyleGAN2Generator
from ganworks.official.read import read
from ganworks.run.init_from import read as read_source
from ganworks.run.init_from import start_from
from ganworks.task import AdversarialTask
from golden import golden
from official_files import module_of, rosinality, stylegan2

SIZES = {"channel_base": 128, "channel_max": 12, "clamp": None}


def task_of(
    resolution: int = 16, num_classes: int = 0, num_mapping: int = 4, **settings: object
) -> AdversarialTask:
    """A task whose networks have the sizes of those in the files."""
    shape = (3, resolution, resolution)
    generator = StyleGAN2Generator(
        shape, latent_dim=8, num_classes=num_classes, w_dim=10, num_mapping=num_mapping, **SIZES
    )
    critic = StyleGAN2Discriminator(
        shape, num_classes=num_classes, architecture="resnet", group_size=2, **SIZES
    )
    return make_task(generator=generator, discriminator=critic, **settings).float()  # type: ignore[arg-type]


def test_a_run_takes_generator_average_and_discriminator_whole(tmp_path: Path) -> None:
    average = golden("sg2_config_f").group("G") | {"mapping.w_avg": torch.arange(10.0)}
    file = stylegan2(tmp_path / "network.pkl", G_ema=module_of(average))
    task = task_of()
    lines = start_from(read_source(file), task)
    assert [text.split(" ")[:2] for name, text in lines.items() if name != "init_from"] == [
        ["takes", "all"]
    ] * 3
    assert torch.equal(task.averages["generator"].w_mean, torch.arange(10.0))
    assert torch.equal(task.players["generator"].w_mean, golden("sg2_config_f")["G.mapping.w_avg"])
    expected = read(file).network("discriminator").state_dict()
    assert all(
        torch.equal(t, expected[name]) for name, t in task.players["discriminator"].state_dict().items()
    )


def test_a_run_with_classes_takes_all_but_the_layers_that_know_them(tmp_path: Path) -> None:
    task = task_of(num_classes=5)
    lines = start_from(read_source(stylegan2(tmp_path / "network.pkl")), task)
    new = lines["  generator"].partition("new ")[2].partition("skipped")[0]
    assert "mapping.embed.weight (10, 5)" in new
    assert "mapping.layers.0.weight" in new
    assert "synthesis" not in new
    assert "takes" in lines["  discriminator"]


def test_another_number_of_classes_takes_the_mapping_too(tmp_path: Path) -> None:
    task = task_of(num_classes=5, num_mapping=2)
    lines = start_from(read_source(stylegan2(tmp_path / "network.pkl", "sg2_cifar")), task)
    new = lines["  generator"].partition("new ")[2].partition("skipped")[0]
    assert "1 tensor" in new
    assert "mapping.embed.weight (10, 5)" in new


def test_another_resolution_takes_the_layers_of_the_same_side(tmp_path: Path) -> None:
    task = task_of(resolution=32)
    before = copy.deepcopy(task.players["generator"].state_dict())
    lines = start_from(read_source(stylegan2(tmp_path / "network.pkl")), task)
    after = task.players["generator"].state_dict()
    state = golden("sg2_config_f").group("G")
    assert torch.equal(after["synthesis.b8.conv1.weight"], state["synthesis.b8.conv1.weight"])
    assert all(torch.equal(after[name], before[name]) for name in after if name.startswith("synthesis.b32."))
    assert "synthesis.b32" in lines["  generator"]
    assert "takes" in lines["  discriminator"]


def test_the_first_blocks_of_the_discriminator_are_frozen_by_their_names(tmp_path: Path) -> None:
    task = task_of(freeze={"discriminator": ["blocks.b16.*"]})
    start_from(read_source(stylegan2(tmp_path / "network.pkl")), task)
    frozen = {name for name, p in task.players["discriminator"].named_parameters() if not p.requires_grad}
    assert frozen
    assert all(name.startswith("blocks.b16.") for name in frozen)


def test_one_network_in_a_file_is_taken_by_generator_and_average(tmp_path: Path) -> None:
    tensors = golden("sg2_config_f")
    torch.save({"g_ema": rosinality(tensors.group("G"), tensors.group("D"))["g_ema"]}, tmp_path / "a.pt")
    lines = start_from(read_source(tmp_path / "a.pt"), task_of())
    assert "takes all" in lines["  generator"]
    assert "takes all" in lines["  ema_generator"]
    assert "new" in lines["  discriminator"]


def test_networks_of_another_family_are_refused_by_their_first_differences(tmp_path: Path) -> None:
    torch.save(golden("biggan_cifar").group("G"), tmp_path / "G.pth")
    with pytest.raises(GanworksError, match="is from another model"):
        start_from(read_source(tmp_path / "G.pth"), task_of())
