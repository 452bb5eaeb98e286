"""Files of official weights, in the layouts that people have them in: the outputs are the official ones."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from torch import Tensor

from ganworks.errors import GanworksError
from ganworks.official.read import read
from ganworks.sample.loading import load_generator
from golden import close, golden
from official_files import Generator, Plain, module_of, rosinality, studiogan, stylegan2, write_pickle


def output(path: Path, name: str) -> Tensor:
    """What the generator of a file makes of the inputs beside its tensors."""
    tensors, generator = golden(name), load_generator(path).generator
    if hasattr(generator, "noise_mode"):
        generator.noise_mode = "const"  # the noise that the file holds
    label = tensors["in.c"].argmax(1) if "in.c" in tensors.tensors else tensors.tensors.get("in.y")
    given = {} if label is None else {"label": label}
    maps = [each for each in generator.noise if each != "latent"]
    given |= {each: tensors[f"in.noise{i}"] for i, each in enumerate(maps) if "in.noise0" in tensors.tensors}
    with torch.no_grad():
        made: Tensor = generator(tensors["in.z"], **given)
    return made


def written(path: Path, name: str) -> Path:
    """The networks ``name`` in the layout that their authors write."""
    state = golden(name)
    if name.startswith("sg2"):
        return stylegan2(path.with_suffix(".pkl"), name)
    if name == "sg3_t":
        arguments = {
            "synthesis_kwargs": SG3,
            "z_dim": 8,
            "c_dim": 0,
            "w_dim": 10,
            "img_resolution": 32,
            "img_channels": 3,
        }
        module = module_of(state.group("G"), Generator, _init_args=(), _init_kwargs=arguments)
        return write_pickle(path.with_suffix(".pkl"), {"G": None, "D": None, "G_ema": module})
    if name == "r3gan":
        networks = {role: module_of(state.group(role), Plain) for role in ("G", "D")}
        return write_pickle(path.with_suffix(".pkl"), {**networks, "G_ema": networks["G"], "cur_nimg": 1234})
    if name == "fastgan":
        return write_pickle(
            path.with_suffix(".pkl"), {"G_ema": module_of(state.group("G"), Plain, img_resolution=128)}
        )
    torch.save(state.group("G"), path.with_suffix(".pth"))
    return path.with_suffix(".pth")


SG3 = {"num_layers": 6, "num_critical": 2, "channel_base": 64, "channel_max": 12, "magnitude_ema_beta": 0.9}


@pytest.mark.parametrize(
    "name", ["sg2_config_f", "sg2_cifar", "sg3_t", "r3gan", "fastgan", "biggan_cifar", "biggan_deep"]
)
def test_a_file_of_official_weights_makes_the_official_samples(name: str, tmp_path: Path) -> None:
    if name == "sg3_t":
        pytest.importorskip("ganworks.official.stylegan3")
    close(output(written(tmp_path / "network", name), name), golden(name)["out.G"])


@pytest.mark.parametrize("name", ["sg2_config_f", "sg2_cifar", "r3gan"])
def test_the_discriminator_of_a_file_gives_the_official_logits(name: str, tmp_path: Path) -> None:
    critic = read(written(tmp_path / "network", name)).network("discriminator").eval()
    tensors = golden(name)
    given = (tensors["in.c"].argmax(1),) if "in.c" in tensors.tensors else ()
    close(critic(tensors["in.x"], *given).flatten(), tensors["out.D_real"].flatten())


def test_one_wrong_number_in_the_file_is_another_sample(tmp_path: Path) -> None:
    state = golden("biggan_cifar").group("G")
    state["linear.bias"][0] += 0.1
    torch.save(state, tmp_path / "G.pth")
    with pytest.raises(AssertionError, match="of the largest value"):
        close(output(tmp_path / "G.pth", "biggan_cifar"), golden("biggan_cifar")["out.G"])


@pytest.mark.parametrize("is_old", [False, True])
def test_rosinalitys_file_makes_the_official_samples(is_old: bool, tmp_path: Path) -> None:
    tensors = golden("sg2_config_f")
    content = rosinality(tensors.group("G"), tensors.group("D"))
    content |= {"args": Namespace(lr=0.002), "ada_aug_p": 0.5}
    torch.save(content, tmp_path / "550000.pt", _use_new_zipfile_serialization=not is_old)
    close(output(tmp_path / "550000.pt", "sg2_config_f"), tensors["out.G"])
    official = read(tmp_path / "550000.pt")
    assert set(official.players) == {"generator", "ema_generator", "discriminator"}
    critic = official.network("discriminator").eval()
    critic.group_size = 2  # the files do not say it, and 4 is rosinality's
    for layer in critic.modules():
        if hasattr(layer, "group_size"):
            layer.group_size = 2
    close(critic(tensors["in.x"]).flatten(), tensors["out.D_real"].flatten())
    sampler = load_generator(tmp_path / "550000.pt")
    assert torch.equal(sampler.generator.w_mean, tensors["G.mapping.w_avg"])


def test_studiogans_file_makes_the_same_samples_once_its_norms_have_converged(tmp_path: Path) -> None:
    networks, inputs = {}, golden("biggan_cifar")
    for role, name in (("G", "generator"), ("D", "discriminator")):
        state = inputs.group(role)
        for key in [key for key in state if key.endswith(".u0")]:  # of what u converges to
            weight = state[key.removesuffix("u0") + "weight"].flatten(1)
            state[key] = torch.linalg.svd(weight).U[:, 0][None]
        torch.save(state, tmp_path / f"{role}.pth")
        torch.save({"state_dict": studiogan(state), "step": 3, "seed": 0}, tmp_path / f"model={role}.pth")
        ours, theirs = (read(tmp_path / f"{start}{role}.pth").player(name) for start in ("", "model="))
        assert set(theirs.state) == {key for key in ours.state if not key.endswith("sv0")}
        networks[role] = [each.network().eval() for each in (ours, theirs)]
    for network in networks["G"]:  # the eps of StudioGAN's batch norms is another one
        for layer in network.modules():
            if hasattr(layer, "running_var"):
                layer.eps = 1e-4
    with torch.no_grad():
        fakes = [network(inputs["in.z"], inputs["in.y"]) for network in networks["G"]]
        logits = [network(inputs["in.x"], inputs["in.y"]) for network in networks["D"]]
    assert torch.equal(*fakes)
    assert torch.equal(*logits)


def test_images_seen_are_read_where_the_file_has_them(tmp_path: Path) -> None:
    path = written(tmp_path / "network", "r3gan")
    assert read(path).images_seen == 1234
    assert load_generator(path).config["images_seen"] == 1234


@pytest.mark.parametrize("wrap", ["module.", "state_dict"])
def test_wrappers_around_a_state_dict_are_taken_off(wrap: str, tmp_path: Path) -> None:
    state: Mapping[str, Any] = golden("biggan_cifar").group("G")
    content = (
        {"state_dict": state, "epoch": 3} if wrap == "state_dict" else {wrap + n: t for n, t in state.items()}
    )
    torch.save(content, tmp_path / "G_ema.pth")
    close(output(tmp_path / "G_ema.pth", "biggan_cifar"), golden("biggan_cifar")["out.G"])


def test_a_generator_of_a_file_is_saved_as_a_folder_that_anybody_loads(tmp_path: Path) -> None:
    sampler = load_generator(written(tmp_path / "network", "sg2_cifar"))
    sampler.save(tmp_path / "generator")
    again = load_generator(tmp_path / "generator")
    assert sampler.num_classes == 3
    assert sampler.shape == (3, 16, 16)
    assert torch.equal(again.sample(4, seed=1), sampler.sample(4, seed=1))
    assert json.loads((tmp_path / "generator" / "config.json").read_text())["official"] == "stylegan2"


def test_constants_of_older_releases_are_read_off_the_layers(tmp_path: Path) -> None:
    state = golden("sg2_config_f").group("G")
    module = module_of(state, Generator)
    for name, layer in module.named_modules():
        if name.endswith(("conv0", "conv1", "torgb")):
            layer.conv_clamp = 256
        if name.startswith("synthesis.b") and name.count(".") == 1:
            layer.use_fp16 = name == "synthesis.b16"
    module._modules["mapping"].w_avg_beta = 0.998  # type: ignore[union-attr]
    config = read(write_pickle(tmp_path / "a.pkl", {"G_ema": module})).player().config
    assert (config["clamp"], config["num_half_res"], config["w_decay"]) == (256, 1, 0.998)


def refusals(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no official weights, and what is said of each."""
    state = golden("biggan_cifar").group("G")
    files: dict[str, tuple[Any, str]] = {
        "nothing of a network": ({"a": 1}, "it holds no networks"),
        "another network": ({"layer.weight": torch.ones(2, 2)}, "weights of no network that is known"),
        "a part of one": ({n: t for n, t in state.items() if n != "output_layer.0.gain"}, "BigGAN"),
        "code": (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    }
    for name, (content, _) in files.items():
        torch.save(content, folder / f"{name}.pth")
    found = {name: (folder / f"{name}.pth", text) for name, (_, text) in files.items()}
    whole = (folder / "another network.pth").read_bytes()
    (folder / "cut off.pth").write_bytes(whole[: len(whole) // 2])
    (folder / "text.pkl").write_text("hello")
    found["cut off"] = (folder / "cut off.pth", "damaged, cut off")
    found["a text"] = (folder / "text.pkl", "damaged, cut off")
    return found


@pytest.mark.parametrize("name", ["nothing of a network", "another network", "code", "cut off", "a text"])
def test_a_file_of_something_else_says_what_is_known(name: str, tmp_path: Path) -> None:
    path, text = refusals(tmp_path)[name]
    with pytest.raises(GanworksError, match=text) as error:
        load_generator(path)
    assert str(path) in str(error.value)
    if name in ("nothing of a network", "another network"):
        assert all(
            known in str(error.value) for known in ("stylegan2-ada-pytorch", "R3GAN", "BigGAN-PyTorch")
        )


def test_a_part_of_a_network_names_the_nearest_family_and_what_is_missing(tmp_path: Path) -> None:
    state = golden("sg2_config_f").group("G")
    del state["synthesis.b4.const"]
    with pytest.raises(GanworksError, match=r"nearest is a generator of stylegan2 .* synthesis\.b4\.const"):
        load_generator(write_pickle(tmp_path / "a.pkl", {"G_ema": module_of(state)}))


def test_a_tensor_of_another_layout_is_named(tmp_path: Path) -> None:
    state = golden("biggan_cifar").group("G") | {"blocks.0.0.extra.weight": torch.ones(1)}
    torch.save(state, tmp_path / "G.pth")
    with pytest.raises(GanworksError, match=r"blocks\.0\.0\.extra\.weight"):
        load_generator(tmp_path / "G.pth")


def small_generator(**tensors: Tensor) -> dict[str, Tensor]:
    """The tensors of a StyleGAN2 generator, some of them others."""
    return {
        **golden("sg2_config_f").group("G"),
        **{name.replace("__", "."): t for name, t in tensors.items()},
    }


STRANGE: dict[str, tuple[dict[str, Tensor], str]] = {
    "a tensor that repeats one number": (
        small_generator(mapping__fc0__weight=torch.zeros(1).expand(1 << 20, 1 << 20)), "bytes of them"),
    "a tensor that is nowhere": (
        small_generator(mapping__fc0__weight=torch.zeros(1 << 20, 1 << 20, device="meta")), "no plain tensor"),
    "a tensor of no rows and endless columns": (
        small_generator(mapping__fc0__weight=torch.zeros(0, 1 << 40)), "bytes of them"),
    "a name with an endless resolution": (
        {name.replace(".b16.", ".b1048576."): tensor for name, tensor in small_generator().items()}, "beyond"),
    "a name with a resolution that needs all memory": (
        {name.replace(".b16.", ".b65536."): tensor for name, tensor in small_generator().items()}, "beyond"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_network_is_no_larger_than_its_file(name: str, tmp_path: Path) -> None:
    state, words = STRANGE[name]
    torch.save(state, tmp_path / "network.pt")
    with pytest.raises(GanworksError, match=words):
        load_generator(tmp_path / "network.pt")


def test_a_zip_file_that_unpacks_to_more_than_itself_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(100_000)}, tmp_path / "whole.pt")
    packed = tmp_path / "packed.pt"
    with ZipFile(tmp_path / "whole.pt") as whole, ZipFile(packed, "w", ZIP_DEFLATED) as file:
        for each in whole.namelist():
            file.writestr(each, whole.read(each))
    assert torch.load(packed, weights_only=True)["a"].shape == (100_000,)  # control: torch does unpack it
    with pytest.raises(GanworksError, match=r"packed\.pt is not read: it would unpack"):
        read(packed)


@pytest.mark.parametrize(
    "strange",
    [
        {"_init_kwargs": {"synthesis_kwargs": 3}},
        {"_init_kwargs": {"mapping_kwargs": {"w_avg_beta": "x"}}},
        {"_init_kwargs": {"channel_base": 1 << 60}},
        {"_init_kwargs": {"synthesis_kwargs": {"num_fp16_res": 1 << 40}}},
        {"_init_kwargs": {"conv_clamp": [[[[[[1]]]]]]}},
        {"_modules": {3: 4}},
    ],
    ids=str,
)
def test_strange_attributes_of_a_module_are_no_traceback(strange: dict[str, Any], tmp_path: Path) -> None:
    module = module_of(golden("sg2_config_f").group("G"), _init_args=(), _init_kwargs={})
    module.__dict__.update(strange)
    path = write_pickle(tmp_path / "network.pkl", {"G_ema": module})
    with pytest.raises(GanworksError) as error:
        load_generator(path)
    assert str(path) in str(error.value)


def test_a_note_of_buffers_that_is_no_set_says_nothing(tmp_path: Path) -> None:
    module = module_of(golden("sg2_config_f").group("G"), _init_args=(), _init_kwargs={})
    module.__dict__["_non_persistent_buffers_set"] = 3
    load_generator(write_pickle(tmp_path / "network.pkl", {"G_ema": module}))
