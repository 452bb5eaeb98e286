"""Files in the layouts of official weights, written from the tensors beside these tests.

The classes stand in modules of the official names while a file is written, as the code that writes such files has them,
and are gone when it is read.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from golden import golden

TRAP = "raise SystemExit('the source text in the file was run')"


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
    raise AssertionError("a reader of ours does not call this")


class EasyDict(dict):  # type: ignore[type-arg]
    """A dict of its own class, as StyleGAN's settings are."""


class Persistent(nn.Module):
    """A module that is pickled with source text, as StyleGAN's are."""

    def __reduce__(self) -> Any:
        state = dict(self.__dict__)
        meta = {
            "type": "class",
            "version": 6,
            "module_src": TRAP,
            "class_name": type(self).__name__,
            "state": state,
        }
        return (_reconstruct_persistent_obj, (meta,))


class Generator(Persistent):
    """Any module: what is in it comes from a state dict."""


class Plain(nn.Module):
    """A module that is pickled as it is, as R3GAN's are."""


HOMES = {
    _reconstruct_persistent_obj: "torch_utils.persistence",
    EasyDict: "dnnlib.util",
    Generator: "training.networks_stylegan2",
    Plain: "BaselineGAN.Networks",
}


@contextmanager
def official_modules() -> Iterator[None]:
    """Let the classes above be those of official modules."""
    before = {each: each.__module__ for each in HOMES}
    names = {".".join(home.split(".")[:n]) for home in HOMES.values() for n in (1, 2)}
    sys.modules.update({name: ModuleType(name) for name in names})
    for each, home in HOMES.items():
        setattr(sys.modules[home], each.__name__, each)
        each.__module__ = home
    try:
        yield
    finally:
        for each, module in before.items():
            each.__module__ = module
        for name in names:
            del sys.modules[name]


def module_of(state: Mapping[str, Tensor], kind: type[nn.Module] = Generator, **attributes: Any) -> nn.Module:
    """A module with these tensors by dotted name, floats with a gradient; ``attributes`` of the outermost one."""
    root = kind()
    for path, tensor in state.items():
        *parents, name = path.split(".")
        module = root
        for parent in parents:
            if parent not in module._modules:
                module.add_module(parent, kind())
            module = module._modules[parent]  # type: ignore[assignment]
        if name in ("weight", "bias", "const", "noise_strength", "Basis", "Bias"):
            module.register_parameter(name, nn.Parameter(tensor.clone()))
        else:
            module.register_buffer(name, tensor.clone())
    root.__dict__.update(attributes)
    return root.eval().requires_grad_(False)


def write_pickle(path: Path, content: Any, protocol: int = 4) -> Path:
    """Write ``content`` as the official code would."""
    with official_modules():
        stream = io.BytesIO()
        pickle.dump(content, stream, protocol)
    path.write_bytes(stream.getvalue())
    return path


STYLEGAN2 = {
    "z_dim": 8, "w_dim": 10, "img_resolution": 16, "img_channels": 3,
}  # fmt: skip


def stylegan2(path: Path, name: str = "sg2_config_f", protocol: int = 4, **others: Any) -> Path:
    """Write a snapshot of StyleGAN2-ADA with the networks of a file of tensors."""
    tensors = golden(name)
    group_size = 4 if name == "sg2_cifar" else 2
    arguments = EasyDict(STYLEGAN2, c_dim=3 if name == "sg2_cifar" else 0)
    settings = EasyDict(epilogue_kwargs=EasyDict(mbstd_group_size=group_size))
    generators = [module_of(tensors.group("G"), _init_args=(), _init_kwargs=arguments) for _ in range(2)]
    critic = module_of(tensors.group("D"), _init_args=(arguments["c_dim"], 16, 3), _init_kwargs=settings)
    content = {
        "training_set_kwargs": EasyDict(path="/data/somewhere.zip", max_size=3, use_labels=False),
        "augment_pipe": module_of({"p": tensors.group("G")["mapping.w_avg"].mean()}),
        "G": generators[0], "D": critic, "G_ema": generators[1],
    }  # fmt: skip
    return write_pickle(path, {**content, **others}, protocol)


def rosinality(generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> dict[str, Any]:
    """A training file as rosinality's code writes it, from tensors by NVIDIA's names."""
    sides = sorted({int(name.split(".")[1][1:]) for name in generator if name.startswith("synthesis.b")})
    g = {"input.input": generator["synthesis.b4.const"][None]}
    for i in range(sum(name.startswith("mapping.fc") for name in generator) // 2):
        g |= {f"style.{i + 1}.{part}": generator[f"mapping.fc{i}.{part}"] for part in ("weight", "bias")}
    layers = ["synthesis.b4.conv1"] + [f"synthesis.b{side}.conv{i}" for side in sides[1:] for i in (0, 1)]
    for i, layer in enumerate(layers):
        place = f"convs.{i - 1}" if i else "conv1"
        g |= styled(generator, layer, place) | {
            f"{place}.noise.weight": generator[f"{layer}.noise_strength"].reshape(1),
            f"{place}.activate.bias": generator[f"{layer}.bias"],
            f"noises.noise_{i}": generator[f"{layer}.noise_const"][None, None],
        }
        if i % 2:
            g[f"{place}.conv.blur.kernel"] = 4 * generator[f"{layer}.resample_filter"]
    for i, side in enumerate(sides):
        place = f"to_rgbs.{i - 1}" if i else "to_rgb1"
        g |= styled(generator, f"synthesis.b{side}.torgb", place)
        g[f"{place}.bias"] = generator[f"synthesis.b{side}.torgb.bias"].reshape(1, -1, 1, 1)
    d = {
        f"final_{there}.{part}": discriminator[f"b4.{here}.{part}"]
        for there, here, part in (
            ("linear.0", "fc", "weight"),
            ("linear.0", "fc", "bias"),
            ("linear.1", "out", "weight"),
            ("linear.1", "out", "bias"),
        )
    }
    d |= {
        "final_conv.0.weight": discriminator["b4.conv.weight"],
        "final_conv.1.bias": discriminator["b4.conv.bias"],
    }
    top = f"b{sides[-1]}"
    d |= {
        "convs.0.0.weight": discriminator[f"{top}.fromrgb.weight"],
        "convs.0.1.bias": discriminator[f"{top}.fromrgb.bias"],
    }
    for i, side in enumerate(sides[:0:-1], 1):
        names = {"conv1.0.weight": "conv0.weight", "conv1.1.bias": "conv0.bias", "conv2.1.weight": "conv1.weight",
                 "conv2.2.bias": "conv1.bias", "skip.1.weight": "skip.weight", "conv2.0.kernel": "resample_filter",
                 "skip.0.kernel": "resample_filter"}  # fmt: skip
        d |= {f"convs.{i}.{there}": discriminator[f"b{side}.{here}"] for there, here in names.items()}
    return {"g": g, "d": d, "g_ema": g, "latent_avg": generator["mapping.w_avg"]}


def styled(state: Mapping[str, Tensor], layer: str, place: str) -> dict[str, Tensor]:
    """A modulated convolution by rosinality's names."""
    return {
        f"{place}.conv.weight": state[f"{layer}.weight"][None],
        f"{place}.conv.modulation.weight": state[f"{layer}.affine.weight"],
        f"{place}.conv.modulation.bias": state[f"{layer}.affine.bias"],
    }


def studiogan(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BigGAN-PyTorch's tensors by PyTorch-StudioGAN's names."""
    outer = {"linear": "linear1" if "embed.weight" in state else "linear0", "embed": "embedding", "shared": "shared",
             "output_layer.0": "bn4", "output_layer.2": "conv2d5"}  # fmt: skip
    inner = {"conv_sc": "conv2d0", "conv1": "conv2d1", "conv2": "conv2d2"}
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        module, _, leaf = name.rpartition(".")
        parent, _, last = module.rpartition(".")
        module = outer.get(module) or (f"{parent}.{inner.get(last, last)}" if parent else last)
        if leaf == "sv0":
            continue
        if leaf in ("stored_mean", "stored_var"):
            module += "" if module == "bn4" else ".bn"
            found[f"{module}.{leaf.replace('stored', 'running')}"] = tensor
        elif leaf == "u0":
            found[f"{module}.weight_u"] = tensor[0]
        elif leaf == "weight" and f"{name.removesuffix('weight')}u0" in state:
            found |= {f"{module}.weight_orig": tensor, f"{module}.weight_v": torch.ones(tensor[0].numel())}
        else:
            found[f"{module}.{'weight' if leaf == 'gain' else leaf}"] = tensor
    return found
