"""Every file of conf/model builds a pair that fits the data."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import ganworks.model
from ganworks.run.resolvers import register
from ganworks.task.critic import logits_of

CONF = Path(ganworks.model.__file__).parents[3] / "conf"
TRANSLATORS = ("pix2pix", "pix2pixhd", "residual_unet")
UNPAIRED = ("bending", "bending_cycle", "cut", "cycle", "translator")
STYLES = (
    "stylegan2",
    "stylegan2_cifar",
    "stylegan3",
)  # test_stylegan2.py, test_stylegan2_parts.py, test_stylegan3.py
STEPS = ("gru", "gru_series", "lstm")
CLIPS = ("mocogan", "sprite", "video3d")  # tests/model/test_video.py
CLASS_RESNETS = ("biggan", "biggan_deep", "sagan", "sngan")
TRANSFORMERS = ("transformer", "transformer_levels", "transformer_dcgan")
FROZEN = ("projected", "projected_fastgan", "fastgan")  # tests/model/test_projected.py
FLOWS = ("flow", "distil")  # tests/task/test_distil.py
MAXOUT = ("pacgan_mlp",)  # tests/model/test_maxout.py
AUTOENCODERS = ("began", "began_mlp")  # tests/loss/test_began.py
# With tests of their own.
ELSEWHERE = {
    *AUTOENCODERS,
    *MAXOUT,
    *TRANSLATORS,
    *UNPAIRED,
    *CLIPS,
    *STEPS,
    *STYLES,
    *CLASS_RESNETS,
    *TRANSFORMERS,
    *FROZEN,
    *FLOWS,
}
every_file = pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet", "r3gan"])


def composed(name, shape=(3, 16, 16), num_classes=4, regularizer="none", **model):
    register()
    parts = {
        "data": {"shape": list(shape), "num_classes": num_classes},
        "regularizer": OmegaConf.load(CONF / "regularizer" / f"{regularizer}.yaml"),
        "model": OmegaConf.merge(OmegaConf.load(CONF / "model" / f"{name}.yaml"), model),
    }
    return OmegaConf.create(parts)


def build_pair(config):
    return [instantiate(config.model[player], _convert_="all") for player in ("generator", "discriminator")]


def test_every_file_is_in_the_list_of_this_test():
    found = {path.stem for path in (CONF / "model").glob("*.yaml")}
    assert found == {"mlp", "dcgan", "resnet", "r3gan", *ELSEWHERE}


@pytest.mark.parametrize("conditional", [False, True])
def test_file_of_series_builds_a_pair_for_series(conditional):
    generator, discriminator = build_pair(
        composed("gru_series", shape=(5, 3), conditional=conditional, width=8)
    )
    label = {"label": torch.tensor([0, 3])} if conditional else {}
    fake = generator(**generator.draw_noise(2, lambda name: torch.Generator()), **label)
    assert fake.shape == (2, 5, 3)
    assert fake.abs().max() <= 1
    assert discriminator(fake, *label.values()).shape == (2,)


@pytest.mark.parametrize("name", ["gru", "lstm"])
@pytest.mark.parametrize("conditional", [False, True])
def test_files_of_texts_build_a_pair_for_tokens(name, conditional):
    config = composed(name, shape=(5, 7), conditional=conditional, width=8)
    config.data.end = 0
    generator, discriminator = build_pair(config)
    assert generator.num_classes == discriminator.num_classes == (4 if conditional else 0)
    label = {"label": torch.tensor([0, 3])} if conditional else {}
    noise = generator.draw_noise(2, lambda name: torch.Generator())
    said = discriminator(generator(**noise, **label), *label.values())
    assert (said if isinstance(said, torch.Tensor) else said["logits"]).shape == (2,)


@pytest.mark.parametrize("conditional", [False, True])
def test_file_of_fastgan_builds_a_pair_from_32_pixels_up(conditional):
    config = composed("fastgan", shape=(3, 32, 32), conditional=conditional, width=4)
    generator, discriminator = build_pair(config)
    assert generator.num_classes == discriminator.num_classes == (4 if conditional else 0)
    label = {"label": torch.tensor([0, 3])} if conditional else {}
    fake = generator(**generator.draw_noise(2, lambda name: torch.Generator()), **label)
    assert fake.shape == (2, 3, 32, 32)
    assert logits_of(discriminator(fake, *label.values())).shape == (2, 5, 5)


@pytest.mark.parametrize("conditional", [False, True])
def test_file_of_frozen_features_builds_a_pair_for_digits(conditional):
    config = composed("projected", shape=(1, 8, 8), conditional=conditional, width=8)
    generator, discriminator = build_pair(config)
    assert generator.num_classes == discriminator.num_classes == (4 if conditional else 0)
    label = {"label": torch.tensor([0, 3])} if conditional else {}
    fake = generator(**generator.draw_noise(2, lambda name: torch.Generator()), **label)
    assert discriminator(fake, *label.values()).shape == (2, 27)


@every_file
@pytest.mark.parametrize("conditional", [False, True])
def test_one_switch_makes_both_networks_conditional(name, conditional):
    generator, discriminator = build_pair(composed(name, conditional=conditional, width=8))
    assert generator.num_classes == discriminator.num_classes == (4 if conditional else 0)
    label = torch.tensor([0, 3])
    fake = generator(generator.noise["latent"].draw(2, torch.Generator()), label)
    assert fake.shape == (2, 3, 16, 16)
    assert discriminator(fake, label).shape == (2,)


@pytest.mark.parametrize("name", CLASS_RESNETS)
@pytest.mark.parametrize("conditional", [False, True])
def test_files_of_class_conditional_residual_networks_build_a_pair(name, conditional):
    side = 64 if name == "biggan_deep" else 32
    generator, discriminator = build_pair(
        composed(name, shape=(1, side, side), conditional=conditional, width=2)
    )
    assert generator.num_classes == discriminator.num_classes == (4 if conditional else 0)
    fake = generator(generator.noise["latent"].draw(2, torch.Generator()), torch.tensor([0, 3]))
    assert fake.shape == (2, 1, side, side)
    assert discriminator(fake, torch.tensor([0, 3])).shape == (2,)
    wide = build_pair(composed(name, shape=(1, side, side), conditional=conditional, width=4))
    assert all(
        sum(p.numel() for p in big.parameters()) > sum(p.numel() for p in little.parameters())
        for big, little in zip(wide, (generator, discriminator), strict=True)
    )


@every_file
def test_width_sizes_both_networks(name):
    def num_parameters(width):
        pair = build_pair(composed(name, width=width))
        return [sum(parameter.numel() for parameter in network.parameters()) for network in pair]

    assert all(wide > narrow for wide, narrow in zip(num_parameters(16), num_parameters(8), strict=True))


@pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet"])
@pytest.mark.parametrize("norm", ["none", "batch", "layer", "spectral"])
def test_discriminator_norm_is_a_setting_of_the_general_models(name, norm):
    config = composed(name, width=8)
    assert "norm" in config.model.discriminator
    config.model.discriminator.norm = norm
    build_pair(config)


@pytest.mark.parametrize(
    ("regularizer", "norm"),
    [
        ("none", "batch"),
        ("weight_clip", "batch"),
        ("r1", "none"),
        ("r1_r2", "none"),
        ("gradient_penalty", "none"),
    ],
)
def test_dcgan_drops_batch_norm_under_a_per_sample_penalty(regularizer, norm):
    assert composed("dcgan", regularizer=regularizer).model.discriminator.norm == norm


def test_mlp_config_makes_vectors():
    generator, discriminator = build_pair(composed("mlp", shape=(2,), num_classes=0))
    assert discriminator(generator(torch.randn(5, generator.latent_dim))).shape == (5,)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_critics_of_a_translator_see_source_and_image_at_their_size(name):
    config = composed(name, shape=(3, 128, 160), width=4)
    config.data.update({"channels": 3, "source_channels": 1})
    generator = instantiate(config.model.generator, _convert_="all").eval()
    source = torch.rand(2, 1, 128, 160)
    fake = generator(source, **generator.draw_noise(2, lambda name: torch.Generator()))
    assert fake.shape == (2, 3, 128, 160)
    for critic in instantiate(config.model.discriminator, _convert_="all").values():
        seen = critic.view(fake, {"source": source}, torch.Generator())
        said = critic.network(seen)
        assert logits_of(said).shape[:2] == (2, 1)
        assert isinstance(said, dict) == (name == "pix2pixhd")


@pytest.mark.parametrize("name", ["bending_cycle", "cycle"])
def test_a_cycle_has_two_translators_and_two_critics(name):
    config = composed(name, width=4)
    assert set(config.model.generator) == {"forth", "back"}
    assert set(config.model.discriminator) == {"real", "source"}
    images = torch.rand(2, 3, 16, 16)
    for node in config.model.generator.values():
        assert instantiate(node, _convert_="all")(images).shape == images.shape


@pytest.mark.parametrize("name", ["bending", "translator"])
def test_labels_of_unpaired_translators_are_told_to_the_critic_alone(name):
    generator, discriminator = build_pair(
        composed(name, conditional=True, width=4, discriminator={"num_layers": 1})
    )
    assert generator.conditions == ("source",)
    assert discriminator.num_classes == 4
    assert generator(torch.rand(2, 3, 16, 16)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("conditional", [False, True])
def test_files_of_transformers_build_a_pair(name, conditional):
    config = composed(name, conditional=conditional, width=16, depth=4, num_heads=2)
    generator, discriminator = build_pair(config)
    label = torch.tensor([0, 3])
    fake = generator(generator.noise["latent"].draw(2, torch.Generator()), label)
    assert fake.shape == (2, 3, 16, 16)
    if name == "transformer_levels":
        levels = discriminator.view(fake, {}, torch.Generator())
        assert levels.shape == (2, 12, 16, 16)
        fake, discriminator = levels, discriminator.network
    assert generator.num_classes == discriminator.num_classes == (4 if conditional else 0)
    assert discriminator(fake, label).shape == (2,)
