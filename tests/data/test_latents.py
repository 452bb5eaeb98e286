"""Latents from files of moments: how they are drawn, what they look like, where they come from."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ganworks import load_generator
from ganworks.data import Latents
from ganworks.errors import GanworksError, SettingError
from ganworks.sample.latent import Latent
from running import checkpoint, differences, train, train_on

RUN = ["data=latents", "data.shape=[4,4,4]", "data.batch_size=8", "model.depth=4", "model.num_heads=2", "loss=r3gan",
       "regularizer=r1_r2_approx", "callback.checkpoint.every_images=8",
       "+model.discriminator.head_width=8"]  # fmt: skip


def moments(num=8, std=0.5):
    mean = torch.arange(num).float().view(-1, 1, 1, 1).expand(num, 4, 4, 4)
    return torch.cat([mean, torch.full_like(mean, std)], 1)


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "latents"
    found.mkdir()
    np.save(found / "moments.npy", moments().half().numpy())
    np.save(found / "labels.npy", np.arange(8) % 3)
    return found


def batches(data, num):
    loader = data.train_dataloader()
    return [batch for _, batch in zip(range(num), loader, strict=False)]


def test_a_latent_is_drawn_anew_in_each_epoch_and_is_a_function_of_the_seed(folder):
    first, second = batches(Latents(folder, 8, scale=2.0, min_batches=2), 2)
    again = batches(Latents(folder, 8, scale=2.0, min_batches=2), 1)[0]
    assert torch.equal(first["real"], again["real"])
    rows = {float(x.mean().round() // 2): x for x in first["real"]}
    assert len(rows) > 4
    assert not torch.equal(first["real"].sort(0).values, second["real"].sort(0).values)
    other = batches(Latents(folder, 8, scale=2.0, seed=1), 1)[0]
    assert not torch.equal(first["real"].sort(0).values, other["real"].sort(0).values)


def test_draws_have_the_mean_and_deviation_of_the_files_times_the_scale(folder):
    samples = Latents(folder, 8, scale=0.2).samples
    drawn = torch.stack([samples.draw(torch.tensor([3]), 0, epoch)[0] for epoch in range(200)])
    assert drawn.mean().item() == pytest.approx(0.2 * 3, abs=0.005)
    assert drawn.std().item() == pytest.approx(0.2 * 0.5, rel=0.03)
    assert torch.equal(samples.read(torch.tensor([3])), torch.full((1, 4, 4, 4), 0.2 * 3.0))


def test_one_process_sees_what_two_see_together(folder):
    data = Latents(folder, 4)
    whole = data.samples.draw(torch.arange(4), 0, 0)
    halves = [data.samples.draw(torch.arange(4)[rank::2], 0, 0) for rank in (0, 1)]
    assert torch.equal(torch.stack(halves, 1).flatten(0, 1), whole)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_files_of_every_form_hold_the_same_latents_and_folders_are_classes(tmp_path, suffix):
    for number, each in enumerate(moments(4)):
        path = tmp_path / "ab"[number % 2] / f"{number}{suffix}"
        path.parent.mkdir(exist_ok=True)
        if suffix == ".npy":
            np.save(path, each.numpy())
        elif suffix == ".npz":
            np.savez(path, mean=each[:4].numpy(), std=each[4:].numpy())
        else:
            save_file({"mean": each[:4].contiguous(), "std": each[4:].contiguous()}, path)
    data = Latents(tmp_path, 2, scale=1.0)
    assert data.shape == (4, 4, 4)
    assert data.samples.read(torch.arange(4))[:, 0, 0, 0].tolist() == [0, 2, 1, 3]
    assert data.samples.labels.tolist() == [0, 0, 1, 1]


def test_mistakes_are_named(folder):
    with pytest.raises(SettingError, match="encode"):
        Latents(None)
    with pytest.raises(SettingError, match="num_classes"):
        Latents(folder, num_classes=5)
    np.save(folder / "odd.npy", np.zeros((3, 4, 4), np.float32))
    with pytest.raises(GanworksError, match=r"odd\.npy"):
        Latents(folder)


def test_a_run_on_latents_resumes_to_the_bit_and_its_samples_are_pictures(folder, tmp_path):
    own = [*RUN, f"data.root={folder}", "model.conditional=true", "num_images=32"]
    train(tmp_path / "whole", *own)
    train(tmp_path / "parts", *own, "trainer.max_steps=2")
    train_on(tmp_path / "parts", "trainer.max_steps=-1")
    assert not differences(*[checkpoint(tmp_path / run)["state_dict"] for run in ("whole", "parts")])
    sampler = load_generator(tmp_path / "whole" / "generator")
    assert isinstance(sampler.kind, Latent)
    sampler.kind.save_picture(sampler.sample(4, seed=0), tmp_path / "grid.png")
    assert Image.open(tmp_path / "grid.png").size[0] >= 8


def test_images_become_moments_and_latents_become_images(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 2, "up_block_types": ["UpDecoderBlock2D"] * 2}
    vae = diffusers.AutoencoderKL(block_out_channels=[4, 4], norm_num_groups=2, latent_channels=4, **blocks)
    vae.save_pretrained(tmp_path / "vae")
    for number in range(4):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 60 * number, np.uint8)).save(path)
    from ganworks.data.encode.__main__ import Arguments, encode_folder

    out = encode_folder(
        Arguments(
            str(tmp_path / "images"), str(tmp_path / "vae"), str(tmp_path / "out"), 16, 3, str(tmp_path)
        )
    )
    data = Latents(out, 2, scale=0.5, vae=str(tmp_path / "vae"))
    assert data.shape == (4, 8, 8)
    assert data.samples.labels.tolist() == [0, 0, 1, 1]
    dark = torch.full((1, 3, 16, 16), -1.0)
    with torch.no_grad():
        expected = vae.encode(dark).latent_dist
        image = vae.decode(data.samples.read(torch.tensor([0])) / 0.5).sample.clamp(-1, 1)
    assert torch.allclose(data.samples.rows(torch.tensor([0]))[0], expected.mean, atol=2e-3)
    assert torch.allclose(data.kind.images(data.samples.read(torch.tensor([0]))), image, atol=1e-5)
    with pytest.raises(SettingError, match="out"):
        encode_folder(Arguments(str(tmp_path / "images"), str(tmp_path / "vae"), str(out)))
