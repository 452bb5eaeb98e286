"""The recipe for one's own images, from official weights: freeze-D, ADA, a class count and a resolution of its own."""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from PIL import Image

from ganworks.sample.loading import read_checkpoint
from golden import golden
from official_files import stylegan2
from running import train


def test_own_images_fine_tune_official_weights_with_a_frozen_critic_and_ada(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for number in range(8):
        Image.effect_noise((40 + number, 36), 60).convert("RGB").save(tmp_path / "images" / f"{number}.png")
    file = stylegan2(tmp_path / "network.pkl")
    outcome = train(
        tmp_path / "run",
        *("experiment=own_images_64", f"init_from={file}", "num_images=8", "metric=none"),
        *(f"data.root={tmp_path / 'images'}", f"paths.cache={tmp_path / 'cache'}"),
        *("data.resolution=16", "data.batch_size=4", "callback.sample_grid.num=4"),
        *("model.generator.latent_dim=8", "model.generator.w_dim=10", "model.generator.num_mapping=4"),
        *("model.channel_base=128", "model.channel_max=12", "model.discriminator.architecture=resnet"),
        *("model.discriminator.group_size=2", "augment.adjust_images=100", "augment.every=1"),
        'task.freeze.discriminator=["blocks.b16.*"]',
    )
    assert outcome.status == "finished"
    state = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["state_dict"]
    official = golden("sg2_config_f").group("D")
    frozen, trained = (
        state["discriminator.blocks.b16.conv0.weight"],
        state["discriminator.blocks.b8.conv0.weight"],
    )
    assert torch.equal(frozen, official["b16.conv0.weight"])
    assert trained.shape == official["b8.conv0.weight"].shape
    assert not torch.equal(trained, official["b8.conv0.weight"])
    assert (trained - official["b8.conv0.weight"]).abs().mean() < 0.1  # from there, and not from new weights
    with (tmp_path / "run" / "metrics.csv").open(encoding="utf-8") as rows:
        assert any("augment" in name for name in next(csv.reader(rows)))
