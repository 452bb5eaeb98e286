"""What an exported generator takes and returns, by name, for whoever runs it without this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganworks.errors import SettingError
from ganworks.model.base import networks_of
from ganworks.noise import keyed_rng
from ganworks.sample.columns import Columns
from ganworks.sample.kind import Kind, Tokens
from ganworks.sample.latent import Latent, load_vae
from ganworks.sample.sampler import Sampler

FORMAT = 1
SAMPLES, TOKENS, IMAGES = "samples", "tokens", "images"  # outputs
BATCH = "batch"  # the one axis without a fixed length
LAWS = {
    "normal": "draws of N(0, 1)",
    "uniform": "draws from [0, 1)",
    "gumbel": "-log(-log(u)), u drawn from (0, 1); times a temperature T, for likelier texts below 1",
    "one_hot": "one 1 along the last axis, wherever alike, and zeros",
}
LABELS = {
    "class": "the number of the class of each sample",
    "multi": "1 for each class that a sample is of, 0 for the others",
    "vector": "the numbers that each sample is conditioned on",
}
VALUES = {
    "image": "-1 is black, 1 is white; a pixel of 8 bits is round(127.5 x + 127.5)",
    "video": "-1 is black, 1 is white; a pixel of 8 bits is round(127.5 x + 127.5)",
    "tokens": "one-hot over the vocabulary, or its scores: the token is the largest",
    "latent": "latents of an autoencoder, times `scale`",
    "points": "in the units of the data",
    "array": "as the data hold them",
}


class Exportable(nn.Module):
    """A sampler as one network from its inputs, by name, to its outputs by name.

    Args:
        sampler: of float32 weights on the CPU.

    Attributes:
        generator: the player.
        decoder: what makes images of latents, where their kind names an autoencoder.
    """

    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        self.generator, self.kind, self.produce = sampler.generator, sampler.kind, sampler.produce
        named = isinstance(sampler.kind, Latent) and sampler.kind.vae
        self.decoder: nn.Module | None = load_vae(named) if named else None

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``samples`` (B, *shape); of texts ``tokens`` (B, L) as well, of latents with a decoder ``images``."""
        samples = self.produce(self.generator, inputs)["fake"]
        outputs = {SAMPLES: samples}
        if isinstance(self.kind, Tokens):
            outputs[TOKENS] = samples.argmax(-1) if samples.dim() == 3 else samples.round().long()
        if self.decoder is not None:
            assert isinstance(self.kind, Latent)
            decoded: Any = self.decoder.decode(samples / self.kind.scale)  # type: ignore[operator]
            outputs[IMAGES] = decoded.sample.clamp(-1, 1)
        return outputs


def example_inputs(sampler: Sampler, num: int, seed: int) -> dict[str, Tensor]:
    """Return noise and conditions of ``num`` samples by name, a function of ``seed``.

    Noise and classes are the sampler's own; what it cannot make up, such as sources, is drawn from [-1, 1].

    Raises:
        SettingError: the generator needs a condition whose shape nothing says.
    """
    given: dict[str, Tensor] = {}
    for name in sampler.conditions:
        if name == "label" and sampler.label_kind == "class":
            continue
        uniform = torch.rand(num, *condition_shape(sampler, name), generator=keyed_rng(seed, "export", name))
        is_choice = name == "label" and sampler.label_kind == "multi"
        given[name] = uniform.round() if is_choice else 2 * uniform - 1
    return sampler.inputs(num, seed, conditions=given)


def condition_shape(sampler: Sampler, name: str) -> tuple[int, ...]:
    """Return the shape of a condition of one sample; a source is as large as the sample."""
    if name == "label":
        return (sampler.num_classes,)
    for network in networks_of(sampler.generator).values():
        if name in getattr(network, "conditions", ()) and name == "source":
            shape = tuple(getattr(network, "shape", ()) or sampler.shape)
            return (int(getattr(network, "source_channels", shape[0])), *shape[1:])
    raise SettingError(
        "format", "torch", f"safetensors: nothing says the shape of {name!r}, which it also takes"
    )


def describe(sampler: Sampler, inputs: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return in plain types what an exported file takes and returns: names, shapes, types, laws, ranges.

    Args:
        inputs, outputs: an example of each.
    """
    laws = {name: noise.law for name, noise in sampler.noise.items()}
    found: dict[str, Any] = {
        "format": FORMAT,
        "name": str(sampler.config.get("name", "")),
        "images_seen": sampler.config.get("images_seen"),
        "kind": sampler.kind.name,
        "inputs": {name: {**form(rows), **input_words(sampler, name, laws)} for name, rows in inputs.items()},
        "outputs": {
            name: {**form(rows), **output_words(sampler.kind, name)} for name, rows in outputs.items()
        },
    }
    if sampler.config.get("classes"):
        found["classes"] = list(sampler.config["classes"])
    settings = {
        name: value for name, value in sampler.kind.settings.items() if name not in ("_target_", "vae")
    }
    return found | ({"kind_settings": settings} if settings else {})


def form(rows: Tensor) -> dict[str, Any]:
    """Return shape and type of a tensor with a row for each sample."""
    return {"shape": [BATCH, *rows.shape[1:]], "dtype": str(rows.dtype).removeprefix("torch.")}


def input_words(sampler: Sampler, name: str, laws: Mapping[str, str]) -> dict[str, Any]:
    """Return what an input means."""
    if name in laws:
        return {"law": laws[name], "meaning": f"noise: {LAWS[laws[name]]}"}
    if name == "label":
        return {"num_classes": sampler.num_classes, "meaning": LABELS[sampler.label_kind]}
    return {
        "range": [sampler.kind.low, sampler.kind.high],
        "meaning": f"what is translated, {VALUES['image']}",
    }


def output_words(kind: Kind, name: str) -> dict[str, Any]:
    """Return what an output means: its range, and how its values are read."""
    if name == TOKENS:
        return {"meaning": "the id of the token at each place; `kind_settings` has the vocabulary"}
    if name == IMAGES:
        return {"range": [-1.0, 1.0], "meaning": VALUES["image"]}
    words = VALUES.get(kind.name, "as the data hold them")
    if isinstance(kind, Columns):
        words = "-1 and 1 stand for the columns' `lowest` and `highest` in `kind_settings`"
    return {"range": [kind.low, kind.high], "meaning": words}
